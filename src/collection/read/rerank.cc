#include "collection/read/rerank.h"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "collection/read/recall_limit.h"

namespace omendb::collection {

namespace {

using index::Candidate;
using index::Gathered;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// How many candidates a step measures: 64 at first, later an eighth of those that were measured
/// before. Each step searches all candidates that are left for the best ones. With steps of one
/// size the time would grow with the square of the number of candidates (a million: 20 s).
constexpr size_t kStepRows = 64;
constexpr size_t kStepShare = 8;
/// How many rows ahead a vector is prefetched: a cache miss takes as long as measuring a few rows.
constexpr size_t kPrefetchRows = 8;
constexpr size_t kCacheLine = 64;

void prefetch_row(const std::byte* row, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += kCacheLine) __builtin_prefetch(row + offset);
}

class Reranking {
 public:
  Reranking(const SearchPlan& plan, index::PreparedQueries& queries, size_t query,
            Gathered& gathered)
      : queries_(queries),
        query_(query),
        gathered_(gathered),
        row_bytes_(vector_bytes(queries.view().element, queries.view().dim)) {
    for (const Leg& leg : plan.legs) {
      if (!leg.index->estimates()) continue;
      if (legs_.size() <= leg.scope.source) legs_.resize(leg.scope.source + 1);
      legs_[leg.scope.source] = &leg;
    }
  }

  Result<float> run(double recall) {
    const std::span<Candidate> candidates = gathered_.candidates().kept();
    float needed = kInfinity;
    for (size_t begin = 0, end = 0; begin < candidates.size(); begin = end) {
      // The next step: the smallest estimates that are left, in no order.
      end = std::min(begin + std::max(kStepRows, begin / kStepShare), candidates.size());
      const auto at = [&](size_t i) { return candidates.begin() + static_cast<ptrdiff_t>(i); };
      if (end < candidates.size()) std::nth_element(at(begin), at(end), candidates.end());
      const auto step = candidates.subspan(begin, end - begin);
      if (begin == 0 && recall < 1) {
        OMEN_ASSIGN_OR_RETURN(error_, typical_error(step));
      }
      if (std::min_element(step.begin(), step.end())->estimate > needed) break;
      OMEN_RETURN_IF_ERROR(measure(step));
      needed = needed_for(recall);
    }
    return needed;
  }

 private:
  const Leg& leg_of(const Candidate& c) const {
    OMEN_CHECK(c.source < legs_.size() && legs_[c.source] != nullptr);
    return *legs_[c.source];
  }

  float needed_for(double recall) const {
    const std::span<const float> nearest = gathered_.nearest();
    const float reach = gathered_.reach();
    // Fewer than k rows are known. The rows that are missing may all lie right at the reach.
    if (nearest.size() < gathered_.k()) {
      return reach < kInfinity ? recall_limit(std::span(&reach, 1), error_, recall) : kInfinity;
    }
    return recall_limit(nearest, error_, recall);
  }

  /// One standard deviation of the candidates' estimation errors: their mean. Under ip it is the
  /// largest: there the nearest rows are among the longest, whose errors are the largest.
  Result<float> typical_error(std::span<Candidate> candidates) {
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return a.source != b.source ? a.source < b.source : a.slot < b.slot;
    });
    std::vector<float> errors(candidates.size());
    for (size_t begin = 0, end = 0; begin < candidates.size(); begin = end) {
      const uint32_t source = candidates[begin].source;
      while (end < candidates.size() && candidates[end].source == source) ++end;
      const index::PartIndex& index = *leg_of(candidates[begin]).index;
      OMEN_RETURN_IF_ERROR(index.standard_errors(
          queries_, query_, candidates.subspan(begin, end - begin), errors.data() + begin));
    }
    if (queries_.metric() == Metric::kInnerProduct) {
      return *std::max_element(errors.begin(), errors.end());
    }
    double sum = 0;
    for (const float error : errors) sum += error;
    return static_cast<float>(sum / static_cast<double>(errors.size()));
  }

  /// Measures the candidates that were not measured before.
  Status measure(std::span<const Candidate> step) {
    OMEN_RETURN_IF_ERROR(queries_.stop().check());
    new_.clear();
    places_.clear();
    for (const Candidate& c : step) {
      if (!gathered_.claim(c.source, c.slot)) continue;
      new_.push_back(c);
      OMEN_RETURN_IF_ERROR(leg_of(c).rows->locate(std::span(&c.slot, 1), &places_.emplace_back()));
    }
    for (size_t i = 0; i < std::min(kPrefetchRows, new_.size()); ++i) {
      prefetch_row(places_[i], row_bytes_);
    }
    const VectorsView& view = queries_.view();
    for (size_t i = 0; i < new_.size(); ++i) {
      if (i + kPrefetchRows < new_.size()) prefetch_row(places_[i + kPrefetchRows], row_bytes_);
      const float distance = queries_.kernels().pair(view.row(query_), places_[i], view.dim);
      gathered_.add_new({distance, new_[i].source, new_[i].slot});
    }
    return {};
  }

  index::PreparedQueries& queries_;
  const size_t query_;
  Gathered& gathered_;
  const size_t row_bytes_;
  float error_ = 0;
  std::vector<const Leg*> legs_;  // by source; of indexes that estimate
  std::vector<Candidate> new_;
  std::vector<const std::byte*> places_;  // of new_
};

}  // namespace

Result<float> rerank(const SearchPlan& plan, index::PreparedQueries& queries, size_t query,
                     double recall, Gathered& gathered) {
  return Reranking(plan, queries, query, gathered).run(recall);
}

}  // namespace omendb::collection
