#include "collection/read/search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/read/passes.h"
#include "collection/read/plan.h"
#include "collection/read/row_filter.h"
#include "collection/write/batch_check.h"

namespace omendb::collection {

namespace {

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

/// One call of search(): answers every query, by batches, and puts the hits together.
class Search {
 public:
  Search(const Snapshot& snapshot, const SearchOptions& options, const VectorsView& queries)
      : snapshot_(snapshot), options_(options), queries_(queries) {
    const float limit = radius_limit(options.radius);
    for (size_t q = 0; q < queries.count; ++q) gathered_.emplace_back(options.k, limit);
  }

  /// @param pool  null = the calling thread alone.
  Status run(const RowFilter& filter, ThreadPool* pool);
  Result<SearchResult> take();

 private:
  /// Queries that pass over the rows together, on one thread.
  struct Batch {
    VectorsView queries;
    std::span<index::Gathered> out;
  };

  std::vector<Batch> split(size_t threads, bool estimates);
  /// Orders the hits of a query, equal distances by id, and adds the first k.
  Status order_hits(std::vector<index::Hit> hits, std::vector<RowAt>& rows,
                    std::vector<float>& distances) const;

  const Snapshot& snapshot_;
  const SearchOptions& options_;
  const VectorsView& queries_;
  std::vector<index::Gathered> gathered_;  // by query
};

std::vector<Search::Batch> Search::split(size_t threads, bool estimates) {
  const size_t most = estimates ? kMaxCodedBatch : kMaxExactBatch;
  const size_t even = (queries_.count + threads - 1) / threads;
  const size_t size = std::clamp(even, std::min(kMinBatch, queries_.count), most);
  std::vector<Batch> batches;
  for (size_t first = 0; first < queries_.count; first += size) {
    Batch batch{queries_, {}};
    batch.queries.data = queries_.row(first);
    batch.queries.count = std::min(size, queries_.count - first);
    batch.out = std::span(gathered_).subspan(first, batch.queries.count);
    batches.push_back(batch);
  }
  return batches;
}

Status Search::run(const RowFilter& filter, ThreadPool* pool) {
  OMEN_ASSIGN_OR_RETURN(const SearchPlan plan,
                        make_plan(snapshot_, options_, queries_.count, filter));
  const PassOptions passes{choose_confidence(options_), options_.effort != 0};
  const std::vector<Batch> batches =
      split(pool == nullptr ? 1 : pool->threads() + 1, plan.estimates());
  std::vector<Status> results(batches.size());
  const auto work = [&](size_t b) {
    results[b] = answer(plan, batches[b].queries, passes, batches[b].out);
  };
  if (pool != nullptr && batches.size() > 1) {
    pool->parallel_for(batches.size(), work);
  } else {
    for (size_t b = 0; b < batches.size(); ++b) work(b);
  }
  for (Status& result : results) OMEN_RETURN_IF_ERROR(std::move(result));
  return {};
}

Status Search::order_hits(std::vector<index::Hit> hits, std::vector<RowAt>& rows,
                          std::vector<float>& distances) const {
  for (size_t begin = 0; begin < hits.size();) {
    size_t end = begin + 1;
    while (end < hits.size() && hits[end].distance == hits[begin].distance) ++end;
    if (end - begin > 1) {
      std::vector<std::pair<IdView, index::Hit>> tied;
      for (size_t i = begin; i < end; ++i) {
        OMEN_ASSIGN_OR_RETURN(const auto id,
                              snapshot_.parts[hits[i].source].rows->id(hits[i].slot));
        tied.emplace_back(id, hits[i]);
      }
      std::sort(tied.begin(), tied.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = begin; i < end; ++i) hits[i] = tied[i - begin].second;
    }
    begin = end;
  }
  if (hits.size() > options_.k) hits.resize(options_.k);
  for (const index::Hit& hit : hits) {
    rows.push_back({hit.source, hit.slot});
    distances.push_back(hit.distance);
  }
  return {};
}

Result<SearchResult> Search::take() {
  SearchResult result;
  std::vector<RowAt> rows;
  result.offsets.push_back(0);
  for (index::Gathered& gathered : gathered_) {
    OMEN_RETURN_IF_ERROR(order_hits(gathered.take(), rows, result.distances));
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
