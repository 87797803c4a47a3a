#include "index/coded_index.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "index/coded_scan.h"

namespace omendb::index {

namespace rabitq = codec::rabitq;

namespace {
/// Bytes of codes, times queries, that one core reads in about a millisecond.
constexpr size_t kCodeBytesBetweenChecks = size_t{32} << 20;
}  // namespace

double CodedIndex::rows_looked_at(const Scope& scope, size_t /*k*/, double /*reach*/) const {
  const uint64_t blocks_of_matches = scope.matches * rabitq::kBlockRows;
  return static_cast<double>(std::min<uint64_t>(scope.rows(), blocks_of_matches));
}

Status CodedIndex::search(PreparedQueries& queries, const Scope& scope,
                          std::span<Gathered* const> out) const {
  if (scope.rows() == 0) return {};
  OMEN_ASSIGN_OR_RETURN(const std::byte* codes, codes_.blocks());
  const rabitq::Encoder& encoder = codes_.encoder();
  const PreparedQueries::Coded& coded = queries.for_codes(encoder);
  std::vector<QueryScan> scans;
  scans.reserve(out.size());
  for (size_t q = 0; q < out.size(); ++q) scans.push_back({&coded[q], &out[q]->candidates()});
  const uint32_t piece = rows_between_checks(queries, encoder.block_bytes() / rabitq::kBlockRows,
                                             kCodeBytesBetweenChecks);
  for (uint32_t first = scope.first; first < scope.end;) {
    OMEN_RETURN_IF_ERROR(queries.stop().check());
    const uint32_t end = first + std::min(piece, scope.end - first);
    coded_scan(scans,
               {codes + first / rabitq::kBlockRows * encoder.block_bytes(), end - first,
                scope.source, first, scope.mask == nullptr ? nullptr : scope.mask + first / 64});
    first = end;
  }
  return {};
}

Status CodedIndex::standard_errors(PreparedQueries& queries, size_t query,
                                   std::span<const Candidate> candidates, float* out) const {
  OMEN_ASSIGN_OR_RETURN(const std::byte* codes, codes_.blocks());
  const rabitq::Encoder& encoder = codes_.encoder();
  const rabitq::PreparedQuery& coded = queries.for_codes(encoder)[query];
  for (const Candidate& c : candidates) {
    const std::byte* block = codes + c.slot / rabitq::kBlockRows * encoder.block_bytes();
    *out++ = rabitq::standard_error(coded, block, c.slot % rabitq::kBlockRows, c.estimate);
  }
  return {};
}

}  // namespace omendb::index
