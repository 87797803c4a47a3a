#include "collection/read/passes.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "base/status_macros.h"
#include "collection/read/rerank.h"

namespace omendb::collection {

namespace {

using index::Budget;
using index::Gathered;

/// A query that has not all that it needs, and what it wants of the next pass.
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

/// One pass over the legs that estimate.
/// @param wanted  one a query of the group.
/// @return those for which it was not enough, with what they need at least.
Result<std::vector<Unsettled>> estimate(const SearchPlan& plan, const PassOptions& options,
                                        Group& group, std::span<const Unsettled> wanted) {
  for (size_t i = 0; i < wanted.size(); ++i) group.out(i).open(wanted[i].budget);
  for (const Leg& leg : plan.legs) {
    if (leg.index->estimates()) OMEN_RETURN_IF_ERROR(group.search(*leg.index, leg.scope));
  }
  std::vector<Unsettled> left;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const float dropped_from = group.out(i).candidates().threshold();
    OMEN_ASSIGN_OR_RETURN(const float needed,
                          rerank(plan, group.prepared(), i, options.recall, group.out(i)));
    const bool all_kept = dropped_from >= wanted[i].budget.below;
    if (options.once || all_kept || dropped_from > needed) continue;
    // As many as it pays to measure one by one.
    const Budget next{plan.matches / kRowsPerCandidate, std::nextafterf(needed, INFINITY)};
    left.push_back({wanted[i].query, next});
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

  constexpr int kPassesThatEstimate = 2;
  std::vector<Unsettled> wanted;
  for (size_t q = 0; q < queries.count; ++q) wanted.push_back({q, Budget{plan.effort}});
  for (int pass = 0; pass < kPassesThatEstimate && !wanted.empty(); ++pass) {
    std::unique_ptr<Group> some;
    if (pass > 0) some = std::make_unique<Group>(plan.metric, queries, stop, out, wanted);
    OMEN_ASSIGN_OR_RETURN(wanted, estimate(plan, options, pass > 0 ? *some : all, wanted));
  }
  if (wanted.empty()) return {};
  Group rest(plan.metric, queries, stop, out, wanted);
  return measure_all(plan, rest);
}

}  // namespace omendb::collection
