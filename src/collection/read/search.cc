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

/// Of the neighbours that may be missed, the share that a search plans to miss: what is asked for
/// is then kept by two standard errors over a hundred queries for ten rows at .95, and the model of
/// the estimation errors may be off by a tenth (`make bench ARGS="--parts promises"`).
constexpr double kPlannedMisses = 0.7;
double aimed_recall(double recall) {
  return 1 - kPlannedMisses * (1 - recall);
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
  /// @param field  the place of the vector field to search.
  Search(const Snapshot& snapshot, size_t field, const SearchOptions& options,
         const VectorsView& queries)
      : snapshot_(snapshot), field_(field), options_(options), queries_(queries) {}

  /// Searches by the indexes that are sound.
  /// @param pool  null = the calling thread alone.
  /// @return whether they still were afterwards. If not, what was found counts for nothing, and the
  ///         next call goes without those that are not.
  Result<bool> run(const RowFilter& filter, const Stop& stop, ThreadPool* pool);
  /// @param fields  places of those whose vectors come with the hits.
  Result<SearchResult> take(std::vector<size_t> fields);

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
  const size_t field_;
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

Result<bool> Search::run(const RowFilter& filter, const Stop& stop, ThreadPool* pool) {
  gathered_.assign(queries_.count, {options_.k, radius_limit(options_.radius)});
  OMEN_ASSIGN_OR_RETURN(const SearchPlan plan,
                        make_plan(snapshot_, field_, options_, queries_.count, filter, stop));
  const bool fixed = options_.effort != 0;
  const PassOptions passes{fixed ? 1.0 : aimed_recall(options_.recall), fixed};
  const std::vector<Batch> batches =
      split(pool == nullptr ? 1 : pool->threads() + 1, plan.estimates());
  std::vector<Status> results(batches.size());
  const auto work = [&](size_t b) {
    results[b] = answer(plan, batches[b].queries, passes, stop, batches[b].out);
  };
  if (pool != nullptr && batches.size() > 1) {
    pool->parallel_for(batches.size(), work);
  } else {
    for (size_t b = 0; b < batches.size(); ++b) work(b);
  }
  if (!plan.sound()) return false;
  for (Status& result : results) OMEN_RETURN_IF_ERROR(std::move(result));
  return true;
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

Result<SearchResult> Search::take(std::vector<size_t> fields) {
  SearchResult result;
  std::vector<RowAt> rows;
  result.offsets.push_back(0);
  for (index::Gathered& gathered : gathered_) {
    OMEN_RETURN_IF_ERROR(order_hits(gathered.take(), rows, result.distances));
    result.offsets.push_back(rows.size());
  }
  OMEN_ASSIGN_OR_RETURN(result.points,
                        fetch(snapshot_, rows, {std::move(fields), options_.columns}));
  return result;
}

}  // namespace

Result<SearchResult> search(const Snapshot& snapshot, std::string_view collection,
                            const VectorsView& queries, const SearchOptions& options,
                            const Stop& stop, ThreadPool* pool, bool* index_failed) {
  OMEN_RETURN_IF_ERROR(check_options(options));
  OMEN_ASSIGN_OR_RETURN(const size_t field,
                        find_field(*snapshot.fields, options.field, collection));
  const RowNames names{"query", 0, (*snapshot.fields)[field].name};
  OMEN_ASSIGN_OR_RETURN(const CheckedVectors checked,
                        check_vectors(queries, snapshot.spec(field), collection, names));
  OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(options.where, snapshot));
  OMEN_RETURN_IF_ERROR(choose_columns(*snapshot.columns, options.columns).status());
  OMEN_ASSIGN_OR_RETURN(auto fields, choose_fields(*snapshot.fields, options.with_vectors,
                                                   options.vector_fields, collection));
  Search search(snapshot, field, options, checked.view);
  for (bool sound = false; !sound;) {
    OMEN_ASSIGN_OR_RETURN(sound, search.run(filter, stop, pool));
    if (!sound && index_failed != nullptr) *index_failed = true;
  }
  return search.take(std::move(fields));
}

}  // namespace omendb::collection
