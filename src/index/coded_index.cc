#include "index/coded_index.h"

#include <vector>

#include "base/status_macros.h"
#include "index/coded_scan.h"

namespace omendb::index {

namespace rabitq = codec::rabitq;

Status CodedIndex::search(PreparedQueries& queries, const Scope& scope,
                          std::span<Gathered* const> out) const {
  if (scope.rows() == 0) return {};
  OMEN_ASSIGN_OR_RETURN(const std::byte* codes, rows_.codes());
  const rabitq::Encoder& encoder = *rows_.encoder();
  const PreparedQueries::Coded& coded = queries.for_codes(encoder);
  const CodedRows rows{codes + scope.first / rabitq::kBlockRows * encoder.block_bytes(),
                       scope.rows(), scope.source, scope.first,
                       scope.mask == nullptr ? nullptr : scope.mask + scope.first / 64};
  std::vector<QueryScan> scans;
  scans.reserve(out.size());
  for (size_t q = 0; q < out.size(); ++q) scans.push_back({&coded[q], &out[q]->candidates()});
  coded_scan(scans, rows);
  return {};
}

Status CodedIndex::standard_errors(PreparedQueries& queries, size_t query,
                                   std::span<const Candidate> candidates, float* out) const {
  OMEN_ASSIGN_OR_RETURN(const std::byte* codes, rows_.codes());
  const rabitq::Encoder& encoder = *rows_.encoder();
  const rabitq::PreparedQuery& coded = queries.for_codes(encoder)[query];
  for (const Candidate& c : candidates) {
    const std::byte* block = codes + c.slot / rabitq::kBlockRows * encoder.block_bytes();
    *out++ = rabitq::standard_error(coded, block, c.slot % rabitq::kBlockRows, c.estimate);
  }
  return {};
}

}  // namespace omendb::index
