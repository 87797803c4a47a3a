#include "collection/rerank.h"

#include <algorithm>

#include "base/status_macros.h"

namespace omendb::collection {

namespace {

/// How far ahead of the measuring rows are fetched: a miss takes as long as a few rows' arithmetic.
constexpr size_t kPrefetchRows = 8;
constexpr size_t kCacheLine = 64;

void prefetch_row(const std::byte* row, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += kCacheLine) __builtin_prefetch(row + offset);
}

}  // namespace

Status rerank(const Snapshot& snapshot, const distance::Kernels& kernels, const void* query,
              std::span<const index::Candidate> candidates, float limit,
              std::vector<Found>& found) {
  std::vector<const std::byte*> rows(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Part& part = snapshot.parts[candidates[i].source];
    OMEN_RETURN_IF_ERROR(part.rows->locate(std::span(&candidates[i].slot, 1), &rows[i]));
  }
  const size_t row_bytes = snapshot.spec.row_bytes();
  for (size_t i = 0; i < std::min(kPrefetchRows, rows.size()); ++i)
    prefetch_row(rows[i], row_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kPrefetchRows < rows.size()) prefetch_row(rows[i + kPrefetchRows], row_bytes);
    const float distance = kernels.pair(query, rows[i], snapshot.spec.dim);
    if (distance <= limit) found.push_back({distance, candidates[i].source, candidates[i].slot});
  }
  return {};
}

}  // namespace omendb::collection
