#include "collection/read/passes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/status_macros.h"
#include "collection/read/rerank.h"

namespace omendb::collection {

namespace {

using index::Budget;
using index::Gathered;

/// A query that needs another pass, and what it wants from it.
struct Unsettled {
  size_t query = 0;  ///< its place in the batch
  Budget budget;
};

/// Some queries of the batch, made ready to pass over the parts together.
class Group {
 public:
  Group(Metric metric, const VectorsView& batch, const Stop& stop, std::span<Gathered> out)
      : prepared_(metric, batch, stop) {
    for (Gathered& gathered : out) out_.push_back(&gathered);
  }

  Group(Metric metric, const VectorsView& batch, const Stop& stop, std::span<Gathered> out,
        std::span<const Unsettled> some)
      : copies_(copy(batch, some)), prepared_(metric, view_of(batch, some.size()), stop) {
    for (const Unsettled& one : some) out_.push_back(&out[one.query]);
  }

  Status search(const index::PartIndex& index, const index::Scope& scope) {
    return index.search(prepared_, scope, out_);
  }
  index::PreparedQueries& prepared() { return prepared_; }
  Gathered& out(size_t i) { return *out_[i]; }
  size_t size() const { return out_.size(); }

 private:
  static std::vector<std::byte> copy(const VectorsView& batch, std::span<const Unsettled> some) {
    const size_t row_bytes = vector_bytes(batch.element, batch.dim);
    std::vector<std::byte> rows(some.size() * row_bytes);
    for (size_t i = 0; i < some.size(); ++i) {
      std::memcpy(rows.data() + i * row_bytes, batch.row(some[i].query), row_bytes);
    }
    return rows;
  }
  VectorsView view_of(const VectorsView& batch, size_t count) const {
    return {copies_.data(), count, batch.dim, batch.element, 0};
  }

  std::vector<std::byte> copies_;
  index::PreparedQueries prepared_;
  std::vector<Gathered*> out_;
};

/// How many rows are expected to have an estimate below `needed`. The candidates are all rows below
/// some lower value. The number is assumed to grow by a power of the distance from the least
/// estimate, as it does around a point in a space of some dimension; their median gives the power.
double expected_below(float needed, std::span<const index::Candidate> candidates) {
  if (candidates.empty()) return 0;
  std::vector<float> estimates;
  for (const index::Candidate& c : candidates) estimates.push_back(c.estimate);
  const auto count = static_cast<double>(estimates.size());
  const auto middle = estimates.begin() + static_cast<ptrdiff_t>(estimates.size() / 2);
  std::nth_element(estimates.begin(), middle, estimates.end());
  const double least = *std::min_element(estimates.begin(), middle + 1);
  const double largest = *std::max_element(middle, estimates.end());
  if (needed <= largest) return count;
  if (*middle <= least || largest <= *middle) return HUGE_VAL;  // many are equal
  const double power = std::log(2) / std::log((largest - least) / (*middle - least));
  return count * std::pow((needed - least) / (largest - least), power);
}

/// The queries for which a pass was not enough.
struct Left {
  std::vector<Unsettled> again;         ///< with what they need at least
  std::vector<Unsettled> by_measuring;  ///< every row, which costs less than what they need
};

/// One pass over the legs that estimate.
/// @param wanted  one a query of the group.
Result<Left> estimate(const SearchPlan& plan, const PassOptions& options, Group& group,
                      std::span<const Unsettled> wanted) {
  const bool share = wanted.size() >= kQueriesThatShare;
  const size_t affordable = share ? plan.affordable_together : plan.affordable_alone;
  for (size_t i = 0; i < wanted.size(); ++i) group.out(i).open(wanted[i].budget);
  for (const Leg& leg : plan.legs) {
    if (leg.index->estimates()) OMEN_RETURN_IF_ERROR(group.search(*leg.index, leg.scope));
  }
  Left left;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const float dropped_from = group.out(i).candidates().threshold();
    OMEN_ASSIGN_OR_RETURN(const float needed,
                          rerank(plan, group.prepared(), i, options.recall, group.out(i)));
    const bool all_kept = dropped_from >= wanted[i].budget.below;
    if (options.once || all_kept || dropped_from > needed) continue;
    const auto kept = group.out(i).candidates().kept();
    const size_t most = affordable + kept.size();  // most of these are measured already
    const Budget next{most, std::nextafterf(needed, INFINITY), plan.reach};
    const bool pays = expected_below(needed, kept) <= static_cast<double>(most);
    (pays ? left.again : left.by_measuring).push_back({wanted[i].query, next});
  }
  return left;
}

Status measure_all(const SearchPlan& plan, Group& group) {
  for (const Leg& leg : plan.legs) {
    if (leg.index->estimates()) OMEN_RETURN_IF_ERROR(group.search(*leg.exact, leg.scope));
  }
  return {};
}

}  // namespace

Status answer(const SearchPlan& plan, const VectorsView& queries, const PassOptions& options,
              const Stop& stop, std::span<Gathered> out) {
  Group all(plan.metric, queries, stop, out);
  for (const Leg& leg : plan.legs) {
    if (!leg.index->estimates()) OMEN_RETURN_IF_ERROR(all.search(*leg.index, leg.scope));
  }
  if (!plan.estimates()) return {};

  std::vector<Unsettled> wanted;
  for (size_t q = 0; q < queries.count; ++q)
    wanted.push_back(
        {q, Budget{.candidates = plan.effort, .reach = plan.reach, .margin = plan.margin}});
  OMEN_ASSIGN_OR_RETURN(Left left, estimate(plan, options, all, wanted));
  if (!left.again.empty()) {
    Group some(plan.metric, queries, stop, out, left.again);
    OMEN_ASSIGN_OR_RETURN(const Left still, estimate(plan, options, some, left.again));
    for (const std::vector<Unsettled>* more : {&still.again, &still.by_measuring}) {
      left.by_measuring.insert(left.by_measuring.end(), more->begin(), more->end());
    }
  }
  if (left.by_measuring.empty()) return {};
  Group rest(plan.metric, queries, stop, out, left.by_measuring);
  return measure_all(plan, rest);
}

}  // namespace omendb::collection
