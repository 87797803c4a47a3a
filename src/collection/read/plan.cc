#include "collection/read/plan.h"

#include <algorithm>
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

/// Rows of a part that an index may be asked for: whole words of the mask.
uint32_t indexed_rows(const index::PartIndex* index) {
  return index == nullptr ? 0 : index->rows() / 64 * 64;
}

/// Whether reading codes and measuring candidates takes less time than measuring every match.
bool estimates_pay(const Snapshot& snapshot, size_t field, const SearchOptions& options,
                   size_t queries, const SearchPlan& plan, std::span<const uint64_t> matches,
                   std::span<const index::PartIndex* const> indexes) {
  if (options.effort != 0) {  // the requested number of candidates, unless those are most rows
    const bool shares = queries >= kQueriesThatShare;
    return plan.matches / (shares ? kRowsPerCandidateInBatch : kRowsPerCandidate) > plan.effort;
  }
  const segment::VectorSpec& spec = snapshot.spec(field);
  const SearchCost cost(spec.element, spec.dim, queries);
  double exact = 0;
  double coded =
      cost.preparing() + cost.candidates(kMeasuredShare * static_cast<double>(plan.effort));
  for (size_t p = 0; p < snapshot.parts.size(); ++p) {
    const index::Rows& rows = snapshot.parts[p].rows->field(field);
    const PartWork work{rows.rows(), matches[p], rows.keeps_byte_codes()};
    exact += cost.measuring(work);
    coded += indexed_rows(indexes[p]) > 0 ? cost.estimating(work) : cost.measuring(work);
  }
  return coded < exact && plan.matches > plan.effort;
}

/// See SearchPlan::affordable_alone.
size_t affordable(const Snapshot& snapshot, size_t field, size_t queries,
                  std::span<const uint64_t> matches,
                  std::span<const index::PartIndex* const> indexes) {
  const segment::VectorSpec& spec = snapshot.spec(field);
  const SearchCost cost(spec.element, spec.dim, queries);
  double saved = -cost.preparing();
  for (size_t p = 0; p < snapshot.parts.size(); ++p) {
    if (indexed_rows(indexes[p]) == 0) continue;
    const index::Rows& rows = snapshot.parts[p].rows->field(field);
    const PartWork work{rows.rows(), matches[p], rows.keeps_byte_codes()};
    saved += cost.measuring(work) - cost.estimating(work);
  }
  return static_cast<size_t>(std::max(saved, 0.0) / cost.candidates(1));
}

/// Live rows that match and have a vector in the field; nothing if that is every row.
Result<std::optional<Bitmap>> mask_of(const Part& part, size_t field, const RowFilter& filter) {
  OMEN_ASSIGN_OR_RETURN(auto mask, filter.mask(part));
  const index::Rows& rows = part.rows->field(field);
  if (rows.complete()) return mask;
  if (!mask) mask.emplace(rows.rows(), true);
  OMEN_RETURN_IF_ERROR(rows.clear_absent(mask->words()));
  return mask;
}

/// Adds the legs of a part: `index`, which may be null, searches the rows that it covers; all
/// others are measured.
void add_legs(SearchPlan& plan, uint32_t source, const index::Rows& rows, uint64_t matches,
              const index::PartIndex* index) {
  const uint32_t indexed = indexed_rows(index);
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

bool SearchPlan::estimates() const {
  return std::any_of(legs.begin(), legs.end(),
                     [](const Leg& leg) { return leg.index->estimates(); });
}

bool SearchPlan::sound() const {
  return std::ranges::all_of(legs, [](const Leg& leg) { return leg.index->sound(); });
}

Result<SearchPlan> make_plan(const Snapshot& snapshot, size_t field, const SearchOptions& options,
                             size_t queries, const RowFilter& filter, const Stop& stop) {
  SearchPlan plan;
  plan.metric = snapshot.spec(field).metric;
  plan.effort = choose_effort(options);
  std::vector<uint64_t> matches;
  std::vector<const index::PartIndex*> indexes;  // as they are found sound now
  uint64_t rows = 0;
  for (const Part& part : snapshot.parts) {
    OMEN_RETURN_IF_ERROR(stop.check());
    OMEN_ASSIGN_OR_RETURN(plan.masks.emplace_back(), mask_of(part, field, filter));
    const auto& mask = plan.masks.back();
    matches.push_back(mask ? mask->count() : part.rows->rows());
    plan.matches += matches.back();
    indexes.push_back(part.index(field));
    rows += part.rows->rows();
  }
  const segment::VectorSpec& spec = snapshot.spec(field);
  const bool estimate = !options.exact && options.recall < 1 && spec.coded() &&
                        spec.dim >= index::CodedIndex::kLeastDim && rows > kFlatRows &&
                        estimates_pay(snapshot, field, options, queries, plan, matches, indexes);
  if (estimate) {
    plan.affordable_alone = affordable(snapshot, field, 1, matches, indexes);
    plan.affordable_together = affordable(snapshot, field, kQueriesThatShare, matches, indexes);
  }
  for (uint32_t p = 0; p < snapshot.parts.size(); ++p) {
    const index::Rows& seen = snapshot.parts[p].rows->field(field);
    if (matches[p] > 0) add_legs(plan, p, seen, matches[p], estimate ? indexes[p] : nullptr);
  }
  return plan;
}

}  // namespace omendb::collection
