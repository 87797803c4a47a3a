#include "collection/read/measure_recall.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_set>
#include <utility>

#include "base/id_view.h"
#include "base/status_macros.h"
#include "collection/read/plan.h"
#include "collection/read/row_filter.h"
#include "collection/read/search.h"
#include "collection/write/batch_check.h"

namespace omendb::collection {

namespace {

/// Exact answers that are in memory at once: a batch of more queries would be no faster.
constexpr size_t kQueriesAtOnce = 1'024;
constexpr size_t kHitsAtOnce = size_t{1} << 22;

/// Random places among `all`, ascending. Floyd's algorithm (Bentley, CACM 30(9), 1987).
std::vector<uint64_t> draw_places(uint64_t all, uint64_t count, uint64_t seed) {
  std::vector<uint64_t> places;
  if (count >= all) {
    places.resize(all);
    std::iota(places.begin(), places.end(), uint64_t{0});
    return places;
  }
  std::mt19937_64 random(seed);
  std::unordered_set<uint64_t> drawn;
  for (uint64_t last = all - count; last < all; ++last) {
    const uint64_t place = std::uniform_int_distribution<uint64_t>(0, last)(random);
    if (!drawn.insert(place).second) drawn.insert(last);
  }
  places.assign(drawn.begin(), drawn.end());
  std::ranges::sort(places);
  return places;
}

/// The place of the n-th set bit, from 0. @pre there is one.
uint32_t nth_set(uint64_t word, uint64_t n) {
  for (; n > 0; --n) word &= word - 1;
  return static_cast<uint32_t>(std::countr_zero(word));
}

/// The rows of a part at some places among those of its mask.
/// @param places  ascending, below the number of set bits.
void find_rows(const Bitmap& mask, uint32_t part, std::span<const uint64_t> places,
               std::vector<RowAt>& out) {
  uint64_t before = 0;  // set bits in the words passed
  size_t next = 0;
  for (size_t w = 0; w < mask.words().size() && next < places.size(); ++w) {
    const uint64_t word = mask.words()[w];
    const auto here = static_cast<uint64_t>(std::popcount(word));
    for (; next < places.size() && places[next] < before + here; ++next) {
      const uint32_t bit = nth_set(word, places[next] - before);
      out.push_back({part, static_cast<uint32_t>(w * 64) + bit});
    }
    before += here;
  }
}

IdView id_at(const Ids& ids, size_t i) {
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) return (*numbers)[i];
  return std::string_view(std::get<std::vector<std::string>>(ids)[i]);
}

/// What one query found.
struct Found {
  std::vector<IdView> ids;
  std::vector<float> distances;
};

/// @param itself  the point that is the query, which is not its own neighbour; may be null.
/// @return the first k hits of query q, borrowed.
Found hits_of(const SearchResult& result, size_t q, const IdView* itself, size_t k) {
  Found found;
  for (uint64_t i = result.offsets[q]; i < result.offsets[q + 1] && found.ids.size() < k; ++i) {
    const IdView id = id_at(result.points.ids, i);
    if (itself != nullptr && id == *itself) continue;
    found.ids.push_back(id);
    found.distances.push_back(result.distances[i]);
  }
  return found;
}

/// The share of the true neighbours that was found. A hit as near as the last of them is one of
/// them: which of several equal ones are among the k is decided by their ids alone.
/// @pre there is a true neighbour.
double share_found(const Found& got, Found truth) {
  const float farthest = truth.distances.back();
  std::ranges::sort(truth.ids);
  size_t right = 0;
  for (size_t i = 0; i < got.ids.size(); ++i) {
    const bool near = got.distances[i] <= farthest;
    right += near || std::ranges::binary_search(truth.ids, got.ids[i]) ? 1 : 0;
  }
  const size_t all = truth.ids.size();
  return static_cast<double>(std::min(right, all)) / static_cast<double>(all);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// Searches for queries, part by part, and adds up what it finds.
class Measurement {
 public:
  /// @param of_points  whether the queries are points, which find themselves.
  Measurement(const Snapshot& snapshot, std::string_view collection, const SearchOptions& search,
              bool of_points, Stop::Clock clock, const Stop& stop, ThreadPool* pool)
      : snapshot_(snapshot),
        collection_(collection),
        k_(search.k),
        search_(search),
        exact_(search),
        clock_(clock),
        stop_(stop),
        pool_(pool) {
    if (of_points) search_.k = exact_.k = k_ + 1;
    exact_.exact = true;
    exact_.with_vectors = false;
    exact_.columns.clear();
  }

  /// @param themselves  the ids of the points that the queries are; null if they are none.
  Status add(const VectorsView& queries, const Ids* themselves);
  RecallReport report() const;
  bool index_failed() const { return index_failed_; }
  /// How many queries add() should get at once.
  size_t at_once() const { return std::clamp<size_t>(kHitsAtOnce / k_, 1, kQueriesAtOnce); }

 private:
  Result<SearchResult> timed(const VectorsView& queries, const SearchOptions& options,
                             double& microseconds);

  const Snapshot& snapshot_;
  const std::string_view collection_;
  const size_t k_;
  SearchOptions search_;
  SearchOptions exact_;
  const Stop::Clock clock_;
  const Stop& stop_;
  ThreadPool* const pool_;
  bool index_failed_ = false;
  std::vector<double> shares_;  // of queries that have a true neighbour
  std::vector<double> times_;   // of all queries
  double exact_time_ = 0;
};

Result<SearchResult> Measurement::timed(const VectorsView& queries, const SearchOptions& options,
                                        double& microseconds) {
  const uint64_t begin = clock_();
  auto found = search(snapshot_, collection_, queries, options, stop_, pool_, &index_failed_);
  microseconds = static_cast<double>(clock_() - begin);
  return found;
}

Status Measurement::add(const VectorsView& queries, const Ids* themselves) {
  // First, so that the exact answers have not just read all that these need.
  std::vector<SearchResult> got(queries.count);
  for (size_t q = 0; q < queries.count; ++q) {
    OMEN_RETURN_IF_ERROR(stop_.check());
    VectorsView one = queries;
    one.data = queries.row(q);
    one.count = 1;
    OMEN_ASSIGN_OR_RETURN(got[q], timed(one, search_, times_.emplace_back()));
    got[q].points.vectors = {};
    got[q].points.fields.clear();
    got[q].points.metadata.clear();
  }
  double exact_time = 0;
  OMEN_ASSIGN_OR_RETURN(const SearchResult exact, timed(queries, exact_, exact_time));
  exact_time_ += exact_time;
  for (size_t q = 0; q < queries.count; ++q) {
    IdView id;
    if (themselves != nullptr) id = id_at(*themselves, q);
    const IdView* const itself = themselves == nullptr ? nullptr : &id;
    Found truth = hits_of(exact, q, itself, k_);
    if (truth.ids.empty()) continue;
    shares_.push_back(share_found(hits_of(got[q], 0, itself, k_), std::move(truth)));
  }
  return {};
}

RecallReport Measurement::report() const {
  RecallReport report;
  report.k = k_;
  report.queries = shares_.size();
  const Interval interval = recall_interval(shares_, k_);
  report.low = interval.low;
  report.high = interval.high;
  if (!shares_.empty()) {
    report.recall =
        std::accumulate(shares_.begin(), shares_.end(), 0.0) / static_cast<double>(shares_.size());
  }
  report.microseconds = median(times_);
  if (!times_.empty()) report.exact_microseconds = exact_time_ / static_cast<double>(times_.size());
  return report;
}

Status check_options(const SearchOptions& search, const RecallOptions& options) {
  if (!search.where_each.empty()) {
    return {StatusCode::kInvalidArgument,
            "where_each is given; to measure recall, expected one filter for all queries"};
  }
  if (options.queries) return {};
  if (options.sample == 0) {
    return {StatusCode::kInvalidArgument,
            "sample is 0; expected 1.." + std::to_string(kMaxBatchRows) + " points"};
  }
  if (options.sample > kMaxBatchRows) {
    return {StatusCode::kLimitExceeded, "sample is " + std::to_string(options.sample) +
                                            "; at most " + std::to_string(kMaxBatchRows)};
  }
  if (search.k >= kMaxK) {
    return {StatusCode::kLimitExceeded, "k is " + std::to_string(search.k) + "; at most " +
                                            std::to_string(kMaxK - 1) + " beside the point itself"};
  }
  return {};
}

/// Searches for stored points.
Status add_points(const Snapshot& snapshot, size_t field, std::span<const RowAt> rows,
                  Measurement& measurement) {
  const segment::VectorSpec& spec = snapshot.spec(field);
  for (size_t first = 0; first < rows.size(); first += measurement.at_once()) {
    const size_t count = std::min(measurement.at_once(), rows.size() - first);
    OMEN_ASSIGN_OR_RETURN(const Points points,
                          fetch(snapshot, rows.subspan(first, count), {{field}, {}}));
    const std::vector<std::byte>& vectors =
        points.fields.empty() ? points.vectors : points.fields[0].vectors;
    const VectorsView queries{vectors.data(), count, spec.dim, spec.element, 0};
    OMEN_RETURN_IF_ERROR(measurement.add(queries, &points.ids));
  }
  return {};
}

Status add_queries(const VectorsView& queries, Measurement& measurement) {
  for (size_t first = 0; first < queries.count; first += measurement.at_once()) {
    VectorsView some = queries;
    some.data = queries.row(first);
    some.count = std::min(measurement.at_once(), queries.count - first);
    OMEN_RETURN_IF_ERROR(measurement.add(some, nullptr));
  }
  return {};
}

}  // namespace

Interval recall_interval(std::span<const double> shares, size_t k) {
  if (shares.empty()) return {};
  const auto n = static_cast<double>(shares.size());
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / n;
  double variance = 0;
  for (const double share : shares) variance += (share - mean) * (share - mean);
  variance /= std::max(n - 1, 1.0);
  // Wilson's interval of a proportion. A query tries k times, but not independently: some queries
  // miss much. So it counts as no more tries than the spread of the shares shows, and as one at
  // least.
  const double most = static_cast<double>(k);
  const double of_one = mean * (1 - mean);
  const double tries = n * (variance > 0 ? std::clamp(of_one / variance, 1.0, most) : most);
  constexpr double kZ = 1.959964;
  constexpr double kZ2 = kZ * kZ;
  const double middle = (mean + kZ2 / (2 * tries)) / (1 + kZ2 / tries);
  const double half =
      kZ / (1 + kZ2 / tries) * std::sqrt(of_one / tries + kZ2 / (4 * tries * tries));
  return {std::max(middle - half, 0.0), std::min(middle + half, 1.0)};
}

Result<std::vector<RowAt>> draw_rows(const Snapshot& snapshot, size_t field, uint64_t count,
                                     uint64_t seed, const Stop& stop) {
  OMEN_ASSIGN_OR_RETURN(const RowFilter all, RowFilter::bind({}, snapshot));
  std::vector<Bitmap> masks;
  std::vector<uint64_t> ends;  // of each part, among all live rows
  for (const Part& part : snapshot.parts) {
    OMEN_RETURN_IF_ERROR(stop.check());
    OMEN_ASSIGN_OR_RETURN(auto mask, mask_of(part, field, all));
    masks.push_back(mask ? *std::move(mask) : Bitmap(part.rows->rows(), true));
    ends.push_back((ends.empty() ? 0 : ends.back()) + masks.back().count());
  }
  std::vector<RowAt> rows;
  std::vector<uint64_t> places = draw_places(ends.empty() ? 0 : ends.back(), count, seed);
  auto begin = places.begin();
  for (uint32_t p = 0; p < masks.size(); ++p) {
    const auto end = std::lower_bound(begin, places.end(), ends[p]);
    const uint64_t before = p == 0 ? 0 : ends[p - 1];
    std::for_each(begin, end, [&](uint64_t& place) { place -= before; });
    find_rows(masks[p], p, {begin, end}, rows);
    begin = end;
  }
  return rows;
}

Result<RecallReport> measure_recall(const Snapshot& snapshot, std::string_view collection,
                                    const SearchOptions& search, const RecallOptions& options,
                                    Stop::Clock clock, const Stop& stop, ThreadPool* pool,
                                    bool* index_failed) {
  OMEN_RETURN_IF_ERROR(check_options(search, options));
  OMEN_ASSIGN_OR_RETURN(const size_t field, find_field(*snapshot.fields, search.field, collection));
  const segment::VectorSpec& spec = snapshot.spec(field);
  // What is wrong with the options is wrong also if there is nothing to search for.
  const VectorsView nothing{nullptr, 0, spec.dim, spec.element, 0};
  OMEN_RETURN_IF_ERROR(
      collection::search(snapshot, collection, nothing, search, stop, pool).status());
  Measurement measurement(snapshot, collection, search, !options.queries, clock, stop, pool);
  if (options.queries) {
    const RowNames names{"query", 0, (*snapshot.fields)[field].name};
    OMEN_ASSIGN_OR_RETURN(const CheckedVectors checked,
                          check_vectors(*options.queries, spec, collection, names));
    OMEN_RETURN_IF_ERROR(add_queries(checked.view, measurement));
  } else {
    OMEN_ASSIGN_OR_RETURN(const std::vector<RowAt> rows,
                          draw_rows(snapshot, field, options.sample, options.seed, stop));
    OMEN_RETURN_IF_ERROR(add_points(snapshot, field, rows, measurement));
  }
  if (measurement.index_failed() && index_failed != nullptr) *index_failed = true;
  return measurement.report();
}

}  // namespace omendb::collection
