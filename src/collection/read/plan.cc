#include "collection/read/plan.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/status_macros.h"
#include "collection/read/cost.h"
#include "index/coded_index.h"
#include "index/exact_index.h"

namespace omendb::collection {

namespace {

/// Up to this many rows nothing is estimated: the exact scan is as fast, and it is exact.
constexpr uint64_t kFlatRows = 16'384;
/// Measuring a candidate costs at least as much as scanning this many rows, because a candidate is
/// a cache miss and scanned rows are read in sequence. The queries of a batch share the scan.
constexpr size_t kRowsPerCandidate = 8;
constexpr size_t kRowsPerCandidateInBatch = 20;

/// The share of the kept candidates that gets measured: nearly all in data without structure, a
/// third of them in embeddings and image descriptors.
constexpr double kMeasuredShare = 0.5;

/// Candidates that a query keeps at first, unless it says how many: more for a higher recall. Fewer
/// would have more queries scan twice, more would slow those that do not; between 600 and 1,000 at
/// recall .95 the mean over SIFT queries hardly changes (the `search` part of `make bench`).
constexpr size_t kCandidatesPerHit = 32;
constexpr double kCandidatesTimesMiss = 45;  // 900 at recall .95
constexpr double kMaxCandidates = 16'384;

size_t choose_effort(const SearchOptions& options) {
  if (options.effort != 0) return std::max(options.effort, options.k);
  const double wanted = std::min(kCandidatesTimesMiss / (1 - options.recall), kMaxCandidates);
  return std::max(static_cast<size_t>(wanted), kCandidatesPerHit * options.k);
}

/// A search aims to miss this share of the neighbours that it may miss. Over a hundred queries for
/// ten rows at .95, the recall is then two standard errors above the wanted one, and the model of
/// the estimation errors may be off by a tenth (`make bench ARGS="--parts promises"`).
constexpr double kPlannedMisses = 0.7;

/// Candidates are dropped so many standard errors later than the model of the errors says: the k-th
/// least estimate is below the k-th least distance, and a query that dropped too many goes again.
constexpr float kSpareErrors = 1;

/// So many standard deviations that a normal error exceeds them with the probability.
float errors_exceeded_by(double probability) {
  double low = 0;
  double high = 8;
  for (int i = 0; i < 24; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) / 2 > probability ? low : high) = middle;
  }
  return static_cast<float>(high);
}

/// The share of the nearest rows that a search may miss.
double allowed_misses(const SearchOptions& options, size_t effort) {
  if (options.effort == 0) return 1 - options.recall;
  // That of a recall that would have as many candidates.
  return std::clamp(kCandidatesTimesMiss / static_cast<double>(effort), 0.002, 0.5);
}

/// Sets what the plan's recall and reach are, by what the indexes that it chose may miss.
void aim(const SearchOptions& options, double misses, SearchPlan& plan) {
  double least = 1;  // share of the misses that an index may pass over
  double most = 0;
  for (const Leg& leg : plan.legs) {
    const double share = leg.index->share_of_misses();
    if (share > 0) least = std::min(least, share);
    most = std::max(most, share);
  }
  plan.reach = 1 - least * misses;
  const double by_estimates = kPlannedMisses * (1 - most) * misses;
  plan.recall = options.effort != 0 ? 1 : 1 - by_estimates;
  plan.margin = options.effort != 0 ? HUGE_VALF : errors_exceeded_by(by_estimates) + kSpareErrors;
}

/// A part, and how it may be searched.
struct Choice {
  PartWork work;
  const index::PartIndex* index = nullptr;  ///< the cheapest; null: every row is measured
  double looked_at = 0;                     ///< rows, by the index
};

/// Rows of a part that an index may be asked for: all, or whole words of the mask.
uint32_t indexed_rows(const index::PartIndex* index, uint32_t rows) {
  if (index == nullptr) return 0;
  return index->rows() == rows ? rows : index->rows() / 64 * 64;
}

/// The index that looks at the fewest rows, of those that are sound now.
void choose_index(std::span<const index::PartIndex* const> indexes, size_t k, double misses,
                  Choice& choice) {
  for (const index::PartIndex* const index : indexes) {
    const auto rows = static_cast<uint32_t>(choice.work.rows);
    const uint32_t indexed = indexed_rows(index, rows);
    if (indexed == 0) continue;
    const index::Scope scope{0, 0, indexed, nullptr, choice.work.matches};
    const double looked_at = index->rows_looked_at(scope, k, 1 - index->share_of_misses() * misses);
    if (choice.index != nullptr && choice.looked_at <= looked_at) continue;
    choice.index = index;
    choice.looked_at = looked_at;
  }
}

/// Whether reading codes and measuring candidates takes less time than measuring every match.
bool estimates_pay(const segment::VectorSpec& spec, const SearchOptions& options, size_t queries,
                   const SearchPlan& plan, std::span<const Choice> choices) {
  if (options.effort != 0) {  // the requested number of candidates, unless those are most rows
    const bool shares = queries >= kQueriesThatShare;
    return plan.matches / (shares ? kRowsPerCandidateInBatch : kRowsPerCandidate) > plan.effort;
  }
  const SearchCost cost(spec.element, spec.dim, queries);
  double exact = 0;
  double coded =
      cost.preparing() + cost.candidates(kMeasuredShare * static_cast<double>(plan.effort));
  for (const Choice& choice : choices) {
    exact += cost.measuring(choice.work);
    coded +=
        choice.index != nullptr ? cost.estimating(choice.looked_at) : cost.measuring(choice.work);
  }
  return coded < exact && plan.matches > plan.effort;
}

/// See SearchPlan::affordable_alone.
size_t affordable(const segment::VectorSpec& spec, size_t queries,
                  std::span<const Choice> choices) {
  const SearchCost cost(spec.element, spec.dim, queries);
  double saved = -cost.preparing();
  for (const Choice& choice : choices) {
    if (choice.index == nullptr) continue;
    saved += cost.measuring(choice.work) - cost.estimating(choice.looked_at);
  }
  return static_cast<size_t>(std::max(saved, 0.0) / cost.candidates(1));
}

/// Adds the legs of a part: `index`, which may be null, searches the rows that it covers; all
/// others are measured.
void add_legs(SearchPlan& plan, uint32_t source, const index::Rows& rows, uint64_t matches,
              const index::PartIndex* index) {
  const uint32_t indexed = indexed_rows(index, rows.rows());
  const uint64_t* mask = plan.masks[source] ? plan.masks[source]->words().data() : nullptr;
  plan.indexes.push_back(std::make_unique<index::ExactIndex>(rows));
  const index::PartIndex* exact = plan.indexes.back().get();
  if (indexed > 0) {
    const index::Scope scope{source, 0, indexed, mask, std::min<uint64_t>(matches, indexed)};
    plan.legs.push_back({scope, &rows, index, exact});
  }
  if (indexed < rows.rows()) {
    const uint32_t rest = rows.rows() - indexed;
    const index::Scope scope{source, indexed, rows.rows(), mask, std::min<uint64_t>(matches, rest)};
    plan.legs.push_back({scope, &rows, exact, exact});
  }
}

}  // namespace

Result<std::optional<Bitmap>> mask_of(const Part& part, size_t field, const RowFilter& filter) {
  OMEN_ASSIGN_OR_RETURN(auto mask, filter.mask(part));
  const index::Rows& rows = part.rows->field(field);
  if (rows.complete()) return mask;
  if (!mask) mask.emplace(rows.rows(), true);
  OMEN_RETURN_IF_ERROR(rows.clear_absent(mask->words()));
  return mask;
}

bool SearchPlan::estimates() const {
  return std::any_of(legs.begin(), legs.end(),
                     [](const Leg& leg) { return leg.index->estimates(); });
}

bool SearchPlan::sound() const {
  return std::ranges::all_of(legs, [](const Leg& leg) { return leg.index->sound(); });
}

Result<SearchPlan> make_plan(const Snapshot& snapshot, size_t field, const SearchOptions& options,
                             size_t queries, const RowFilter& filter, const Stop& stop) {
  const segment::VectorSpec& spec = snapshot.spec(field);
  SearchPlan plan;
  plan.metric = spec.metric;
  plan.effort = choose_effort(options);
  const bool may_estimate = !options.exact && options.recall < 1 && spec.coded() &&
                            spec.dim >= index::CodedIndex::kLeastDim;
  const double misses = allowed_misses(options, plan.effort);
  std::vector<Choice> choices;
  uint64_t rows = 0;
  for (const Part& part : snapshot.parts) {
    OMEN_RETURN_IF_ERROR(stop.check());
    OMEN_ASSIGN_OR_RETURN(plan.masks.emplace_back(), mask_of(part, field, filter));
    const auto& mask = plan.masks.back();
    const index::Rows& seen = part.rows->field(field);
    Choice& choice = choices.emplace_back();
    choice.work = {seen.rows(), mask ? mask->count() : seen.rows(), seen.keeps_byte_codes()};
    if (may_estimate) choose_index(part.indexes_of(field), options.k, misses, choice);
    plan.matches += choice.work.matches;
    rows += choice.work.rows;
  }
  const bool estimate =
      may_estimate && rows > kFlatRows && estimates_pay(spec, options, queries, plan, choices);
  if (estimate) {
    plan.affordable_alone = affordable(spec, 1, choices);
    plan.affordable_together = affordable(spec, kQueriesThatShare, choices);
  }
  for (uint32_t p = 0; p < snapshot.parts.size(); ++p) {
    const uint64_t matches = choices[p].work.matches;
    if (matches == 0) continue;
    add_legs(plan, p, snapshot.parts[p].rows->field(field), matches,
             estimate ? choices[p].index : nullptr);
  }
  aim(options, misses, plan);
  return plan;
}

}  // namespace omendb::collection
