#include "collection/read/search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/read/rerank.h"
#include "collection/read/row_filter.h"
#include "collection/write/batch_check.h"
#include "distance/convert.h"
#include "index/coded_scan.h"
#include "index/exact_scan.h"

namespace omendb::collection {

namespace {

namespace rabitq = codec::rabitq;

/// Up to this many rows nothing is estimated: the exact scan is as fast, and it is exact.
constexpr uint64_t kFlatRows = 16'384;
/// Measuring a candidate costs as much as scanning this many rows exactly: it is a cache miss, they
/// are a stream, and a batch of queries shares the stream.
constexpr size_t kRowsPerCandidate = 8;
constexpr size_t kRowsPerCandidateInBatch = 20;
constexpr size_t kBatchThatShares = 8;

/// An exact scan of fewer matches than this looks at no 8-bit codes first.
constexpr size_t kRowsWorthCodes = 1'024;

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

/// One pass over the rows: first for the candidates that are usually enough; if they were not, for
/// all that are still needed; if those are too many, for every row.
struct Pass {
  enum class Kind : uint8_t { kFirst, kSecond, kMeasureAll } kind = Kind::kFirst;
  size_t candidates = 0;                                 ///< that a query keeps at most
  float below = std::numeric_limits<float>::infinity();  ///< no estimates at or above it
};

/// How many standard deviations of its error a candidate's estimate may lie beyond the k-th
/// distance before it is given up. A true neighbour right at the k-th distance is found with the
/// probability of that quantile, a nearer one more surely. Over ten of them and more, two fifths of
/// a deviation less are enough even where all lie right there
/// (CodedSearchFindsTheWantedShareOfTheTrueNeighbours).
float choose_confidence(const SearchOptions& options) {
  if (options.effort != 0) return std::numeric_limits<float>::infinity();
  double low = -8;
  double high = 8;
  for (int i = 0; i < 40; ++i) {  // bisects the normal distribution function
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < options.recall ? low : high) = middle;
  }
  const double nearer = static_cast<double>(std::min<size_t>(options.k, 10) - 1) / 9;
  return static_cast<float>(low - 0.4 * nearer);
}

/// Queries that pass over the rows together. Coded: their candidates should fit the cache. Exact:
/// the tile gains with every query until their panels leave it. Fewer than the least are not worth
/// a thread.
constexpr size_t kMaxCodedBatch = 64;
constexpr size_t kMaxExactBatch = 1'024;
constexpr size_t kMinBatch = 8;

/// The largest float that is not beyond the radius.
float radius_limit(const std::optional<double>& radius) {
  if (!radius) return std::numeric_limits<float>::infinity();
  const auto limit = static_cast<float>(*radius);
  return static_cast<double>(limit) > *radius ? std::nextafterf(limit, -INFINITY) : limit;
}

Status check_options(const SearchOptions& options) {
  if (options.k == 0) {
    return {StatusCode::kInvalidArgument, "k is 0; expected 1.." + std::to_string(kMaxK)};
  }
  if (options.k > kMaxK) {
    return {StatusCode::kLimitExceeded,
            "k is " + std::to_string(options.k) + "; at most " + std::to_string(kMaxK)};
  }
  if (!(options.recall > 0 && options.recall <= 1)) {
    return {StatusCode::kInvalidArgument,
            "recall is " + std::to_string(options.recall) + "; expected more than 0, at most 1"};
  }
  if (options.radius && std::isnan(*options.radius)) {
    return {StatusCode::kInvalidArgument, "radius is NaN; expected a distance"};
  }
  return {};
}

/// One call of search(): plans each part, gathers hits for every query.
class Search {
 public:
  Search(const Snapshot& snapshot, const SearchOptions& options, const VectorsView& queries)
      : snapshot_(snapshot),
        options_(options),
        queries_(queries),
        kernels_(distance::kernels(snapshot.spec.metric, snapshot.spec.element)),
        effort_(choose_effort(options)),
        limit_(radius_limit(options.radius)),
        found_(queries.count) {}

  /// @param pool  null = the calling thread alone.
  Status run(const RowFilter& filter, ThreadPool* pool);
  Result<SearchResult> take();

 private:
  /// A part, or what is left of it, and the plan for it.
  struct Plan {
    uint32_t part = 0;
    size_t matches = 0;
    uint32_t coded_rows = 0;  ///< [0, coded_rows) by codes, the rest exactly
    std::optional<Bitmap> mask;
  };

  /// Queries that pass over the rows together, on one thread.
  struct Batch {
    VectorsView queries;
    std::span<std::vector<Found>> found;
  };

  Result<std::vector<Plan>> plan(const RowFilter& filter);
  std::vector<Batch> split(size_t threads, bool coded);
  Status run_batch(const std::vector<Plan>& plans, const Batch& batch, const Pass& pass) const;
  Status scan_exactly(const Plan& plan, uint32_t first, const Batch& batch) const;
  Status scan_codes(const std::vector<Plan>& plans, const Batch& batch, const Pass& pass) const;
  Status offer_codes(const Plan& plan, const Batch& batch,
                     std::vector<std::vector<rabitq::PreparedQuery>>& prepared,
                     std::vector<index::CandidateQueue>& queues) const;
  /// Drops what cannot be among the k nearest any more.
  void cut(std::vector<Found>& found) const;
  Status order_hits(std::vector<Found>& found, std::vector<RowAt>& rows,
                    std::vector<float>& distances) const;

  const Snapshot& snapshot_;
  const SearchOptions& options_;
  const VectorsView& queries_;
  const distance::Kernels& kernels_;
  const size_t effort_;
  const float limit_;
  uint64_t matches_ = 0;                   // live rows that the filter lets through
  std::vector<std::vector<Found>> found_;  // by query
};

Result<std::vector<Search::Plan>> Search::plan(const RowFilter& filter) {
  std::vector<Plan> plans;
  uint64_t rows = 0;
  for (uint32_t p = 0; p < snapshot_.parts.size(); ++p) {
    const Part& part = snapshot_.parts[p];
    rows += part.rows->rows();
    Plan plan{p, 0, 0, std::nullopt};
    OMEN_ASSIGN_OR_RETURN(plan.mask, filter.mask(part));
    plan.matches = plan.mask ? plan.mask->count() : part.rows->rows();
    if (plan.matches == 0) continue;
    matches_ += plan.matches;
    plans.push_back(std::move(plan));
  }
  const size_t per_candidate =
      queries_.count < kBatchThatShares ? kRowsPerCandidate : kRowsPerCandidateInBatch;
  const bool estimate = !options_.exact && options_.recall < 1 && snapshot_.spec.coded() &&
                        rows > kFlatRows && matches_ / per_candidate > effort_;
  for (Plan& plan : plans) {
    // Whole words of the mask: what is left over is measured.
    if (estimate) plan.coded_rows = snapshot_.parts[plan.part].rows->coded_rows() / 64 * 64;
  }
  return plans;
}

std::vector<Search::Batch> Search::split(size_t threads, bool coded) {
  const size_t most = coded ? kMaxCodedBatch : kMaxExactBatch;
  const size_t even = (queries_.count + threads - 1) / threads;
  const size_t size = std::clamp(even, std::min(kMinBatch, queries_.count), most);
  std::vector<Batch> batches;
  for (size_t first = 0; first < queries_.count; first += size) {
    Batch batch{queries_, {}};
    batch.queries.data = queries_.row(first);
    batch.queries.count = std::min(size, queries_.count - first);
    batch.found = std::span(found_).subspan(first, batch.queries.count);
    batches.push_back(batch);
  }
  return batches;
}

Status Search::run(const RowFilter& filter, ThreadPool* pool) {
  OMEN_ASSIGN_OR_RETURN(const std::vector<Plan> plans, plan(filter));
  const bool coded =
      std::any_of(plans.begin(), plans.end(), [](const Plan& plan) { return plan.coded_rows > 0; });
  const std::vector<Batch> batches = split(pool == nullptr ? 1 : pool->threads() + 1, coded);
  const Pass first{Pass::Kind::kFirst, effort_};
  if (batches.size() == 1) return run_batch(plans, batches[0], first);
  std::vector<Status> results(batches.size());
  const auto work = [&](size_t b) { results[b] = run_batch(plans, batches[b], first); };
  if (pool != nullptr) {
    pool->parallel_for(batches.size(), work);
  } else {
    for (size_t b = 0; b < batches.size(); ++b) work(b);
  }
  for (Status& result : results) OMEN_RETURN_IF_ERROR(std::move(result));
  return {};
}

Status Search::run_batch(const std::vector<Plan>& plans, const Batch& batch,
                         const Pass& pass) const {
  bool any_coded = false;
  for (const Plan& plan : plans) {
    const uint32_t coded = pass.kind == Pass::Kind::kMeasureAll ? 0 : plan.coded_rows;
    OMEN_RETURN_IF_ERROR(scan_exactly(plan, coded, batch));
    any_coded = any_coded || coded > 0;
  }
  return any_coded ? scan_codes(plans, batch, pass) : Status();
}

/// Measures the rows from `first` on.
Status Search::scan_exactly(const Plan& plan, uint32_t first, const Batch& batch) const {
  const segment::RowSource& source = *snapshot_.parts[plan.part].rows;
  const uint32_t count = source.rows() - first;
  if (count == 0) return {};
  const index::BatchScan scan(snapshot_.spec.metric, batch.queries);
  const uint64_t* mask = plan.mask ? plan.mask->words().data() + first / 64 : nullptr;
  const bool by_codes = first == 0 && plan.matches >= kRowsWorthCodes && scan.goes_by_query() &&
                        source.keeps_byte_codes();
  OMEN_ASSIGN_OR_RETURN(const segment::RowRun run,
                        source.vectors(first, count, by_codes ? nullptr : mask));
  index::RowBlock block{run.rows, snapshot_.spec.row_bytes(), count, first, mask};
  if (by_codes) block.coarse = source.byte_codes(run);

  std::vector<index::TopK> tops;
  tops.reserve(batch.queries.count);
  for (const auto& found : batch.found) {
    // Earlier parts give a limit: nothing beyond the k-th so far can get in.
    float limit = limit_;
    if (found.size() >= options_.k) limit = std::min(limit, found.back().distance);
    tops.emplace_back(options_.k, limit, &source);
  }
  if (batch.queries.count == 1) {
    index::exact_scan(kernels_, batch.queries.row(0), batch.queries.dim, block, tops[0]);
  } else {
    scan.scan(block, tops);
  }
  for (size_t q = 0; q < batch.queries.count; ++q) {
    for (const index::Neighbor& hit : std::move(tops[q]).sorted()) {
      batch.found[q].push_back({hit.distance, plan.part, hit.slot});
    }
    cut(batch.found[q]);
  }
  return {};
}

Status Search::scan_codes(const std::vector<Plan>& plans, const Batch& batch,
                          const Pass& pass) const {
  std::vector<index::CandidateQueue> queues;
  queues.reserve(batch.queries.count);
  for (size_t q = 0; q < batch.queries.count; ++q) {
    queues.emplace_back(pass.candidates, pass.below);
  }
  std::vector<std::vector<rabitq::PreparedQuery>> prepared(
      batch.queries.count);  // by query, by part
  for (auto& by_part : prepared) by_part.resize(snapshot_.parts.size());
  for (const Plan& plan : plans) {
    if (plan.coded_rows > 0) OMEN_RETURN_IF_ERROR(offer_codes(plan, batch, prepared, queues));
  }
  const RerankOptions rerank_options{options_.k, limit_, choose_confidence(options_)};
  for (size_t q = 0; q < batch.queries.count; ++q) {
    const auto candidates = queues[q].kept();
    const float dropped_from = queues[q].threshold();
    OMEN_ASSIGN_OR_RETURN(const float needed,
                          rerank(snapshot_, kernels_, batch.queries.row(q), prepared[q], candidates,
                                 rerank_options, batch.found[q]));
    if (dropped_from >= pass.below || dropped_from > needed || options_.effort != 0) {
      cut(batch.found[q]);
      continue;
    }
    Batch one{batch.queries, batch.found.subspan(q, 1)};
    one.queries.data = batch.queries.row(q);
    one.queries.count = 1;
    one.found[0].clear();
    Pass next{Pass::Kind::kMeasureAll};
    if (pass.kind == Pass::Kind::kFirst) {  // as many as it pays to measure one by one
      next = {Pass::Kind::kSecond, matches_ / kRowsPerCandidate, std::nextafterf(needed, INFINITY)};
    }
    OMEN_RETURN_IF_ERROR(run_batch(plans, one, next));
  }
  return {};
}

Status Search::offer_codes(const Plan& plan, const Batch& batch,
                           std::vector<std::vector<rabitq::PreparedQuery>>& prepared,
                           std::vector<index::CandidateQueue>& queues) const {
  const segment::RowSource& source = *snapshot_.parts[plan.part].rows;
  OMEN_ASSIGN_OR_RETURN(const std::byte* codes, source.codes());
  index::CodedRows rows{codes, plan.coded_rows, plan.part, 0, nullptr};
  if (plan.mask) rows.mask = plan.mask->words().data();

  std::vector<float> widened(batch.queries.dim);
  std::vector<index::QueryScan> scans;
  for (size_t q = 0; q < batch.queries.count; ++q) {
    distance::to_f32(batch.queries.element, batch.queries.row(q), batch.queries.dim,
                     widened.data());
    prepared[q][plan.part] = source.encoder()->prepare(widened.data());
    scans.push_back({&prepared[q][plan.part], &queues[q]});
  }
  index::coded_scan(scans, rows);
  return {};
}

void Search::cut(std::vector<Found>& found) const {
  const auto nearer = [](const Found& a, const Found& b) { return a.distance < b.distance; };
  if (found.size() <= options_.k) {
    std::sort(found.begin(), found.end(), nearer);
    return;
  }
  // Ties at the k-th place all stay until their ids decide.
  const auto kth = found.begin() + static_cast<ptrdiff_t>(options_.k - 1);
  std::nth_element(found.begin(), kth, found.end(), nearer);
  const float cutoff = kth->distance;
  std::erase_if(found, [&](const Found& f) { return f.distance > cutoff; });
  std::sort(found.begin(), found.end(), nearer);
}

Status Search::order_hits(std::vector<Found>& found, std::vector<RowAt>& rows,
                          std::vector<float>& distances) const {
  for (size_t begin = 0; begin < found.size();) {
    size_t end = begin + 1;
    while (end < found.size() && found[end].distance == found[begin].distance) ++end;
    if (end - begin > 1) {
      std::vector<std::pair<IdView, Found>> tied;
      for (size_t i = begin; i < end; ++i) {
        OMEN_ASSIGN_OR_RETURN(const auto id,
                              snapshot_.parts[found[i].part].rows->id(found[i].slot));
        tied.emplace_back(id, found[i]);
      }
      std::sort(tied.begin(), tied.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = begin; i < end; ++i) found[i] = tied[i - begin].second;
    }
    begin = end;
  }
  if (found.size() > options_.k) found.resize(options_.k);
  for (const Found& f : found) {
    rows.push_back({f.part, f.slot});
    distances.push_back(f.distance);
  }
  return {};
}

Result<SearchResult> Search::take() {
  SearchResult result;
  std::vector<RowAt> rows;
  result.offsets.push_back(0);
  for (auto& found : found_) {
    OMEN_RETURN_IF_ERROR(order_hits(found, rows, result.distances));
    result.offsets.push_back(rows.size());
  }
  OMEN_ASSIGN_OR_RETURN(result.points,
                        fetch(snapshot_, rows, {options_.with_vectors, options_.columns}));
  return result;
}

}  // namespace

Result<SearchResult> search(const Snapshot& snapshot, std::string_view collection,
                            const VectorsView& queries, const SearchOptions& options,
                            ThreadPool* pool) {
  OMEN_RETURN_IF_ERROR(check_options(options));
  OMEN_ASSIGN_OR_RETURN(const CheckedVectors checked,
                        check_vectors(queries, snapshot.spec, collection, {"query"}));
  OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(options.where, *snapshot.columns));
  OMEN_RETURN_IF_ERROR(choose_columns(*snapshot.columns, options.columns).status());
  Search search(snapshot, options, checked.view);
  OMEN_RETURN_IF_ERROR(search.run(filter, pool));
  return search.take();
}

}  // namespace omendb::collection
