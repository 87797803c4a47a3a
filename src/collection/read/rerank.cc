#include "collection/read/rerank.h"

#include <algorithm>

#include "base/status_macros.h"

namespace omendb::collection {

namespace {

namespace rabitq = codec::rabitq;

/// Measured between two looks at the k-th distance: so many, and later an eighth of what was
/// measured before. Each step passes over all candidates that are left to find the best, so that
/// steps of one size would take a time that grows with the square of the candidates (a million of
/// them: 20 s).
constexpr size_t kStepRows = 64;
constexpr size_t kStepShare = 8;
/// How far ahead of the measuring rows are fetched: a miss takes as long as a few rows' arithmetic.
constexpr size_t kPrefetchRows = 8;
constexpr size_t kCacheLine = 64;

void prefetch_row(const std::byte* row, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += kCacheLine) __builtin_prefetch(row + offset);
}

/// The k nearest distances so far; the farthest of them is the one to beat.
class Nearest {
 public:
  explicit Nearest(size_t k) : k_(k) {}
  void add(float distance) {
    if (heap_.size() == k_) {
      if (distance >= heap_.front()) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    heap_.push_back(distance);
    std::push_heap(heap_.begin(), heap_.end());
  }
  float kth() const {
    return heap_.size() < k_ ? std::numeric_limits<float>::infinity() : heap_.front();
  }

 private:
  const size_t k_;
  std::vector<float> heap_;
};

/// One standard deviation of the candidates' estimation errors, as their codes state it: the mean,
/// or the largest under ip, where the nearest are among the longest, whose errors are the largest.
Result<float> typical_error(const Snapshot& snapshot,
                            std::span<const rabitq::PreparedQuery> prepared,
                            std::span<const index::Candidate> candidates) {
  double sum = 0;
  float largest = 0;
  std::vector<const std::byte*> codes(snapshot.parts.size());
  for (const index::Candidate& c : candidates) {
    const segment::RowSource& rows = *snapshot.parts[c.source].rows;
    if (codes[c.source] == nullptr) {
      OMEN_ASSIGN_OR_RETURN(codes[c.source], rows.codes());
    }
    const size_t block_bytes = rows.encoder()->block_bytes();
    const std::byte* block = codes[c.source] + c.slot / rabitq::kBlockRows * block_bytes;
    const size_t lane = c.slot % rabitq::kBlockRows;
    const float error = rabitq::standard_error(prepared[c.source], block, lane, c.estimate);
    sum += error;
    largest = std::max(largest, error);
  }
  if (snapshot.spec.metric == Metric::kInnerProduct) return largest;
  return static_cast<float>(sum / static_cast<double>(candidates.size()));
}

}  // namespace

Result<float> rerank(const Snapshot& snapshot, const distance::Kernels& kernels, const void* query,
                     std::span<const rabitq::PreparedQuery> prepared,
                     std::span<index::Candidate> candidates, const RerankOptions& options,
                     std::vector<Found>& found) {
  const size_t row_bytes = snapshot.spec.row_bytes();
  Nearest nearest(options.k);
  for (const Found& hit : found) nearest.add(hit.distance);
  const bool stops = options.confidence < std::numeric_limits<float>::infinity();
  float margin = std::numeric_limits<float>::infinity();
  const auto needed = [&] { return std::min(nearest.kth(), options.limit) + margin; };

  std::vector<const std::byte*> rows;
  for (size_t begin = 0, end = 0; begin < candidates.size(); begin = end) {
    // The next step: the smallest estimates that are left, in no order.
    end = std::min(begin + std::max(kStepRows, begin / kStepShare), candidates.size());
    rows.resize(end - begin);
    const auto at = [&](size_t i) { return candidates.begin() + static_cast<ptrdiff_t>(i); };
    if (end < candidates.size()) std::nth_element(at(begin), at(end), candidates.end());
    const auto step = candidates.subspan(begin, end - begin);
    if (stops && begin == 0) {
      OMEN_ASSIGN_OR_RETURN(const float error, typical_error(snapshot, prepared, step));
      margin = options.confidence * error;
    }
    if (std::min_element(step.begin(), step.end())->estimate > needed()) break;

    for (size_t i = 0; i < step.size(); ++i) {
      const Part& part = snapshot.parts[step[i].source];
      OMEN_RETURN_IF_ERROR(part.rows->locate(std::span(&step[i].slot, 1), &rows[i]));
    }
    for (size_t i = 0; i < std::min(kPrefetchRows, step.size()); ++i) {
      prefetch_row(rows[i], row_bytes);
    }
    for (size_t i = 0; i < step.size(); ++i) {
      if (i + kPrefetchRows < step.size()) prefetch_row(rows[i + kPrefetchRows], row_bytes);
      const float distance = kernels.pair(query, rows[i], snapshot.spec.dim);
      if (distance > options.limit) continue;
      nearest.add(distance);
      found.push_back({distance, step[i].source, step[i].slot});
    }
  }
  return needed();
}

}  // namespace omendb::collection
