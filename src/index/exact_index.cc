#include "index/exact_index.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace omendb::index {
namespace {
/// A scan of fewer matches than this does not read 8-bit codes first.
constexpr uint64_t kRowsWorthCodes = 1'024;
/// Bytes of vectors, times queries, that one core reads in about a millisecond.
constexpr size_t kBytesBetweenChecks = size_t{16} << 20;

/// Goes on to the rows behind the block.
void skip(RowBlock& block) {
  block.rows += block.count * block.stride;
  block.first_slot += static_cast<uint32_t>(block.count);
  if (block.mask != nullptr) block.mask += block.count / 64;
  if (block.coarse.bytes != nullptr) {
    block.coarse.bytes += block.count * block.coarse.encoder->code_bytes();
  }
}
}  // namespace

Status ExactIndex::search(PreparedQueries& queries, const Scope& scope,
                          std::span<Gathered* const> out) const {
  if (scope.rows() == 0) return {};
  const BatchScan& scan = queries.for_exact_scan();
  const VectorsView& view = queries.view();
  const uint64_t* mask = scope.mask == nullptr ? nullptr : scope.mask + scope.first / 64;
  const bool by_codes = scope.first == 0 && scope.matches >= kRowsWorthCodes &&
                        scan.goes_by_query() && rows_.keeps_byte_codes();
  OMEN_ASSIGN_OR_RETURN(const RowRun run,
                        rows_.vectors(scope.first, scope.rows(), by_codes ? nullptr : mask));
  RowBlock block{run.rows, vector_bytes(view.element, view.dim), scope.rows(), scope.first, mask};
  if (by_codes) block.coarse = rows_.byte_codes(run);
  const uint32_t piece = rows_between_checks(queries, block.stride, kBytesBetweenChecks);

  std::vector<TopK> tops;
  tops.reserve(out.size());
  // Hits of other parts set a limit: no row beyond it can be among the nearest.
  for (const Gathered* gathered : out) tops.emplace_back(gathered->k(), gathered->reach(), &rows_);
  for (size_t done = 0; done < scope.rows(); done += block.count) {
    OMEN_RETURN_IF_ERROR(queries.stop().check());
    block.count = std::min<size_t>(piece, scope.rows() - done);
    if (view.count == 1) {
      exact_scan(queries.kernels(), view.row(0), view.dim, block, tops[0]);
    } else {
      scan.scan(block, tops);
    }
    skip(block);
  }
  for (size_t q = 0; q < out.size(); ++q) {
    for (const Neighbor& hit : std::move(tops[q]).sorted()) {
      out[q]->add({hit.distance, scope.source, hit.slot});
    }
  }
  return {};
}

Status ExactIndex::standard_errors(PreparedQueries& /*queries*/, size_t /*query*/,
                                   std::span<const Candidate> candidates, float* out) const {
  std::fill_n(out, candidates.size(), 0.0F);
  return {};
}

}  // namespace omendb::index
