#include "collection/read/search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/id_view.h"
#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/read/get.h"
#include "collection/read/passes.h"
#include "collection/read/plan.h"
#include "collection/read/row_filter.h"
#include "collection/write/batch_check.h"

namespace omendb::collection {

namespace {

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

Status check_options(const SearchOptions& options, size_t queries) {
  if (!options.where_each.empty() && options.where_each.size() != queries) {
    return {StatusCode::kInvalidArgument, std::to_string(options.where_each.size()) +
                                              " filters for " + std::to_string(queries) +
                                              " queries; expected one each"};
  }
  if (!options.where_each.empty() && !options.where.empty()) {
    return {StatusCode::kInvalidArgument, "where and where_each are both given; expected one"};
  }
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
      : snapshot_(snapshot),
        field_(field),
        options_(options),
        queries_(queries),
        gathered_(queries.count, {options.k, radius_limit(options.radius)}) {}

  /// Answers the queries [first, first + count), which share a filter.
  /// @param pool  null = the calling thread alone.
  Status run(const RowFilter& filter, size_t first, size_t count, const Stop& stop,
             ThreadPool* pool);
  /// Answers every query with the filter that is its own.
  Status run_each(const Stop& stop, ThreadPool* pool);
  /// Whether an index was found damaged; the answers are sound all the same.
  bool index_failed() const { return index_failed_; }
  /// @param fields  places of those whose vectors come with the hits.
  Result<SearchResult> take(std::vector<size_t> fields);

 private:
  /// Queries that pass over the rows together, on one thread.
  struct Batch {
    VectorsView queries;
    std::span<index::Gathered> out;
  };

  /// Searches by the indexes that are sound.
  /// @return whether they were still sound afterwards. If not, the results must not be used, and
  /// the
  ///         next call leaves the damaged ones out.
  Result<bool> try_run(const RowFilter& filter, size_t first, size_t count, const Stop& stop,
                       ThreadPool* pool);
  std::vector<Batch> split(size_t first, size_t count, size_t threads, bool estimates);
  /// Orders the hits of a query, equal distances by id, and adds the first k.
  Status order_hits(std::vector<index::Hit> hits, std::vector<RowAt>& rows,
                    std::vector<float>& distances) const;

  const Snapshot& snapshot_;
  const size_t field_;
  const SearchOptions& options_;
  const VectorsView& queries_;
  std::vector<index::Gathered> gathered_;  // by query
  std::atomic<bool> index_failed_{false};
};

std::vector<Search::Batch> Search::split(size_t first, size_t count, size_t threads,
                                         bool estimates) {
  const size_t most = estimates ? kMaxCodedBatch : kMaxExactBatch;
  const size_t even = (count + threads - 1) / threads;
  const size_t size = std::clamp(even, std::min(kMinBatch, count), most);
  std::vector<Batch> batches;
  for (size_t q = first; q < first + count; q += size) {
    Batch batch{queries_, {}};
    batch.queries.data = queries_.row(q);
    batch.queries.count = std::min(size, first + count - q);
    batch.out = std::span(gathered_).subspan(q, batch.queries.count);
    batches.push_back(batch);
  }
  return batches;
}

Status Search::run_each(const Stop& stop, ThreadPool* pool) {
  // Neighbours in the batch that have one filter are answered together.
  std::vector<std::pair<size_t, size_t>> groups;  // first and count
  std::string last;
  for (size_t q = 0; q < queries_.count; ++q) {
    std::string text = options_.where_each[q].to_string();
    if (q == 0 || text != last) groups.emplace_back(q, 0);
    ++groups.back().second;
    last = std::move(text);
  }
  std::vector<Status> results(groups.size());
  const bool side_by_side = pool != nullptr && groups.size() > 1;
  const auto work = [&](size_t g) {
    const auto [first, count] = groups[g];
    auto filter = RowFilter::bind(options_.where_each[first], snapshot_);
    results[g] = filter.ok() ? run(*filter, first, count, stop, side_by_side ? nullptr : pool)
                             : Status(filter.status().code(), "the filter of query " +
                                                                  std::to_string(first) + ": " +
                                                                  filter.status().message());
  };
  if (side_by_side) {
    pool->parallel_for(groups.size(), work);
  } else {
    for (size_t g = 0; g < groups.size(); ++g) work(g);
  }
  for (Status& result : results) OMEN_RETURN_IF_ERROR(std::move(result));
  return {};
}

Status Search::run(const RowFilter& filter, size_t first, size_t count, const Stop& stop,
                   ThreadPool* pool) {
  for (;;) {
    OMEN_ASSIGN_OR_RETURN(const bool sound, try_run(filter, first, count, stop, pool));
    if (sound) return {};
    index_failed_ = true;
    const index::Gathered nothing(options_.k, radius_limit(options_.radius));
    std::fill_n(gathered_.begin() + static_cast<ptrdiff_t>(first), count, nothing);
  }
}

Result<bool> Search::try_run(const RowFilter& filter, size_t first, size_t count, const Stop& stop,
                             ThreadPool* pool) {
  OMEN_ASSIGN_OR_RETURN(const SearchPlan plan,
                        make_plan(snapshot_, field_, options_, count, filter, stop));
  const PassOptions passes{plan.recall, options_.effort != 0};
  const std::vector<Batch> batches =
      split(first, count, pool == nullptr ? 1 : pool->threads() + 1, plan.estimates());
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
  result.metric = snapshot_.spec(field_).metric;
  result.dim = snapshot_.spec(field_).dim;
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

/// The hits of queries that are points, each without the point itself, with all that was asked for.
template <class Id>
Result<SearchResult> without_themselves(const Snapshot& snapshot, std::string_view collection,
                                        const IdsView& ids, const SearchOptions& options,
                                        const SearchResult& found, const std::vector<Id>& hits) {
  using Borrowed = std::conditional_t<std::is_same_v<Id, uint64_t>, uint64_t, std::string_view>;
  std::vector<Borrowed> kept;
  SearchResult result;
  result.metric = found.metric;
  result.dim = found.dim;
  result.offsets.push_back(0);
  for (size_t q = 0; q + 1 < found.offsets.size(); ++q) {
    const auto itself = std::get<Borrowed>(id_at(ids, q));
    for (uint64_t i = found.offsets[q]; i < found.offsets[q + 1]; ++i) {
      if (hits[i] == itself || kept.size() - result.offsets.back() == options.k) continue;
      kept.push_back(hits[i]);
      result.distances.push_back(found.distances[i]);
    }
    result.offsets.push_back(kept.size());
  }
  OMEN_ASSIGN_OR_RETURN(GetResult got,
                        get(snapshot, collection, std::span<const Borrowed>(kept),
                            {options.with_vectors, options.vector_fields, options.columns}));
  result.points = std::move(got.points);
  return result;
}

}  // namespace

Result<SearchResult> search(const Snapshot& snapshot, std::string_view collection,
                            const VectorsView& queries, const SearchOptions& options,
                            const Stop& stop, ThreadPool* pool, bool* index_failed) {
  OMEN_RETURN_IF_ERROR(check_options(options, queries.count));
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
  if (options.where_each.empty()) {
    OMEN_RETURN_IF_ERROR(search.run(filter, 0, checked.view.count, stop, pool));
  } else {
    OMEN_RETURN_IF_ERROR(search.run_each(stop, pool));
  }
  if (search.index_failed() && index_failed != nullptr) *index_failed = true;
  return search.take(std::move(fields));
}

Result<SearchResult> search_ids(const Snapshot& snapshot, std::string_view collection,
                                const IdsView& ids, const SearchOptions& options, const Stop& stop,
                                ThreadPool* pool, bool* index_failed) {
  if (options.k >= kMaxK) {
    return Status(StatusCode::kLimitExceeded, "k is " + std::to_string(options.k) + "; at most " +
                                                  std::to_string(kMaxK - 1) +
                                                  " beside the point itself");
  }
  OMEN_RETURN_IF_ERROR(check_options(options, id_count(ids)));
  OMEN_ASSIGN_OR_RETURN(const size_t place,
                        find_field(*snapshot.fields, options.field, collection));
  const segment::Field& field = (*snapshot.fields)[place];
  GetOptions wanted{.columns = {}};
  if (!field.name.empty()) wanted.vector_fields = {field.name};
  OMEN_ASSIGN_OR_RETURN(const GetResult from, get(snapshot, collection, ids, wanted));
  for (size_t i = 0; i < from.found.size(); ++i) {
    if (from.found[i] != 0) continue;
    return Status(StatusCode::kNotFound, "no point has the id " + describe(id_at(ids, i)));
  }
  const Points& points = from.points;
  for (size_t i = 0; i < from.found.size() && !points.fields.empty(); ++i) {
    if (points.fields[0].has(i)) continue;
    return Status(StatusCode::kInvalidArgument, "point " + describe(id_at(ids, i)) +
                                                    " has no vector in field \"" + field.name +
                                                    "\"; its neighbours there are not defined");
  }
  SearchOptions wider = options;
  ++wider.k;
  wider.with_vectors = false;
  wider.columns.clear();
  const VectorsView queries{
      .data = points.fields.empty() ? points.vectors.data() : points.fields[0].vectors.data(),
      .count = from.found.size(),
      .dim = field.spec.dim,
      .element = field.spec.element};
  OMEN_ASSIGN_OR_RETURN(SearchResult found,
                        search(snapshot, collection, queries, wider, stop, pool, index_failed));
  return std::visit(
      [&](const auto& hits) {
        return without_themselves(snapshot, collection, ids, options, found, hits);
      },
      found.points.ids);
}

}  // namespace omendb::collection
