// The measured recall is what brute force and plain counting say it is; the points are drawn
// evenly; the interval holds what it promises.
#include "collection/read/measure_recall.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "base/id_view.h"
#include "collection/read/search.h"
#include "segment/segment_test_util.h"

namespace omendb::collection {
namespace {

constexpr size_t kDim = 16;
constexpr uint32_t kSeed = 23;

uint64_t ticks = 0;
uint64_t tick() {
  return ticks += 1'000;
}

/// Memtables of random points; slot s of the n-th has the id 3 * (first row of it + s).
class MeasureRecallTest : public ::testing::Test {
 protected:
  MeasureRecallTest() : rng_(kSeed) {
    snapshot_.fields = std::make_shared<segment::Fields>(segment::unnamed_field({kDim}));
    snapshot_.id_kind = IdKind::kU64;
    snapshot_.columns = std::make_shared<column::Schema>();
  }

  std::vector<float> random_rows(size_t rows) {
    std::normal_distribution<float> normal;
    std::vector<float> values(rows * kDim);
    for (float& x : values) x = normal(rng_);
    return values;
  }

  void add_part(const std::vector<float>& values, const std::vector<uint32_t>& dead,
                bool last_id_first = false) {
    const size_t rows = values.size() / kDim;
    segment::testing::IdBatch ids;
    for (size_t r = 0; r < rows; ++r) ids.numbers.push_back(3 * (live_.size() + r));
    if (last_id_first) std::ranges::reverse(ids.numbers);
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    Part part;
    part.watermark = static_cast<uint32_t>(rows);
    part.rows = segment::testing::filled_memtable(*snapshot_.fields, IdKind::kU64, ids, {bytes}, {},
                                                  {}, {}, *snapshot_.columns)
                    ->view(part.watermark);
    part.dead = segment::Tombstones::with(nullptr, dead);
    snapshot_.live += rows - dead.size();
    snapshot_.parts.push_back(std::move(part));
    for (uint32_t r = 0; r < rows; ++r) live_.push_back(!std::ranges::binary_search(dead, r));
    values_.insert(values_.end(), values.begin(), values.end());
  }

  float distance(const float* query, size_t row) const {
    double sum = 0;
    for (size_t i = 0; i < kDim; ++i) {
      const double difference = query[i] - values_[row * kDim + i];
      sum += difference * difference;
    }
    return static_cast<float>(sum);
  }

  /// The distance of the k-th nearest live row, except the row itself.
  float kth(const float* query, size_t k, size_t itself = SIZE_MAX) const {
    std::vector<float> distances;
    for (size_t r = 0; r < live_.size(); ++r) {
      if (live_[r] && r != itself) distances.push_back(distance(query, r));
    }
    std::nth_element(distances.begin(), distances.begin() + static_cast<ptrdiff_t>(k - 1),
                     distances.end());
    return distances[k - 1];
  }

  /// The share of the hits of one query that are no farther than the k-th nearest row.
  static double share(const SearchResult& found, float farthest, size_t k) {
    const auto near = std::ranges::count_if(
        found.distances, [&](float distance) { return distance <= farthest * (1 + 1e-6F); });
    return static_cast<double>(near) / static_cast<double>(k);
  }

  RecallReport measured(const SearchOptions& search, const RecallOptions& options = {}) const {
    const auto report = measure_recall(snapshot_, "c", search, options, tick);
    EXPECT_TRUE(report.ok()) << report.status().to_string();
    return report.ok() ? *report : RecallReport();
  }

  std::mt19937 rng_;
  Snapshot snapshot_;
  std::vector<bool> live_;
  std::vector<float> values_;
};

class LargeTest : public MeasureRecallTest {
 protected:
  static constexpr size_t kQueries = 60;
  static SearchOptions poor() { return {.k = 10, .effort = 10}; }

  LargeTest() {
    add_part(random_rows(12'000), {1, 5, 100, 11'999});
    add_part(random_rows(6'000), {0});
  }
};

TEST_F(LargeTest, ThePoorRecallOfStoredPointsIsWhatBruteForceSays) {
  const auto rows = draw_rows(snapshot_, 0, kQueries, 5, {});
  ASSERT_TRUE(rows.ok());
  double sum = 0;
  for (const RowAt at : *rows) {
    const size_t row = at.part * size_t{12'000} + at.slot;
    const uint64_t id = 3 * row;
    const auto found = search_ids(snapshot_, "c", std::span(&id, 1), poor());
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->distances.size(), 10U);
    sum += share(*found, kth(&values_[row * kDim], 10, row), 10);
  }
  const RecallReport report = measured(poor(), {.sample = kQueries, .seed = 5});
  EXPECT_NEAR(report.recall, sum / kQueries, 1e-9) << "seed " << kSeed;
  EXPECT_LT(report.recall, 0.9) << "with so few candidates something must be missed";
  EXPECT_GT(report.recall, 0.2);
  EXPECT_LT(report.low, report.recall);
  EXPECT_GT(report.high, report.recall);
  EXPECT_EQ(report.queries, kQueries);
  EXPECT_EQ(report.k, 10U);
  EXPECT_EQ(report.microseconds, 1'000) << "one tick of the clock a search";
  EXPECT_EQ(report.exact_microseconds, 1'000.0 / kQueries);
  EXPECT_NE(measured(poor(), {.sample = kQueries, .seed = 6}).recall, report.recall);
}

TEST_F(LargeTest, ThePoorRecallOfTheCallersQueriesIsWhatBruteForceSays) {
  const std::vector<float> queries = random_rows(kQueries);
  const VectorsView view{queries.data(), kQueries, kDim};
  double sum = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    const float* query = &queries[q * kDim];
    const auto found = search(snapshot_, "c", {query, 1, kDim}, poor());
    ASSERT_TRUE(found.ok());
    sum += share(*found, kth(query, 10), 10);
  }
  const RecallReport report = measured(poor(), {.queries = view});
  EXPECT_NEAR(report.recall, sum / kQueries, 1e-9) << "seed " << kSeed;
  EXPECT_LT(report.recall, 0.9);
  EXPECT_EQ(report.queries, kQueries);
  EXPECT_EQ(measured({.exact = true}, {.queries = view}).recall, 1);
  EXPECT_EQ(measured({.recall = 1}, {.sample = 30}).recall, 1);
  EXPECT_GT(measured({.recall = 0.95}, {.queries = view}).recall, 0.93);
}

TEST_F(MeasureRecallTest, MoreQueriesThanAreAnsweredAtOnceCountAll) {
  add_part(random_rows(1'500), {});
  const RecallReport report = measured({.k = 2}, {.sample = 1'400});
  EXPECT_EQ(report.queries, 1'400U);
  EXPECT_EQ(report.recall, 1);
}

TEST_F(MeasureRecallTest, EqualNeighboursCountAsFoundWhicheverOfThemComes) {
  // Every point is there two hundred times, so that only ids decide which ten are nearest. The few
  // candidates are those with the least slots, which have the greatest ids here.
  std::vector<float> values;
  const std::vector<float> once = random_rows(100);
  for (int i = 0; i < 200; ++i) values.insert(values.end(), once.begin(), once.end());
  add_part(values, {}, true);
  const RecallReport report = measured({.k = 10, .effort = 12}, {.sample = 50});
  EXPECT_EQ(report.recall, 1) << "all that were found are at distance 0";
  EXPECT_EQ(report.queries, 50U);
}

TEST_F(MeasureRecallTest, FewerPointsThanAskedForAreEnough) {
  add_part(random_rows(5), {3});
  const RecallReport report = measured({.k = 10}, {.sample = 1'000});
  EXPECT_EQ(report.recall, 1);
  EXPECT_EQ(report.queries, 4U) << "all live points, each with three neighbours";
  EXPECT_GT(report.low, 0);
  EXPECT_LT(report.low, 1) << "four queries prove little";
  EXPECT_EQ(report.high, 1);

  const auto nothing = measured({.where = *Filter::parse("id = 1")});
  EXPECT_EQ(nothing.queries, 0U) << "no point matches";
  EXPECT_EQ(nothing.recall, 1);
  EXPECT_EQ(nothing.low, 0);
  const auto itself = measured({.where = *Filter::parse("id = 0")});
  EXPECT_EQ(itself.queries, 3U) << "the point 0 is a neighbour of the other three only";
  EXPECT_EQ(measured({}, {.queries = VectorsView{nullptr, 0, kDim}}).queries, 0U);
}

TEST_F(MeasureRecallTest, ACollectionWithoutPointsHasNothingToMiss) {
  const RecallReport report = measured({});
  EXPECT_EQ(report.queries, 0U);
  EXPECT_EQ(report.recall, 1);
  EXPECT_EQ(report.low, 0);
  EXPECT_EQ(report.high, 1);
  EXPECT_EQ(report.microseconds, 0);
}

TEST_F(MeasureRecallTest, WrongArgumentsAreRefusedByName) {
  const auto refused = [&](StatusCode code, const char* text, const SearchOptions& search,
                           const RecallOptions& options = {}) {
    const auto report = measure_recall(snapshot_, "c", search, options, tick);
    EXPECT_EQ(report.status().code(), code) << text;
    EXPECT_NE(report.status().message().find(text), std::string::npos)
        << report.status().to_string();
  };
  for (int with_points = 0; with_points < 2; ++with_points) {
    refused(StatusCode::kInvalidArgument, "k is 0", {.k = 0});
    refused(StatusCode::kLimitExceeded, "at most 65535", {.k = kMaxK});
    refused(StatusCode::kInvalidArgument, "recall is 2", {.recall = 2});
    refused(StatusCode::kNotFound, "\"title\"", {.field = "title"});
    refused(StatusCode::kInvalidArgument, "sample is 0", {}, {.sample = 0});
    refused(StatusCode::kLimitExceeded, "16777216", {}, {.sample = kMaxBatchRows + 1});
    refused(StatusCode::kInvalidArgument, "where_each", {.where_each = {Filter()}});
    add_part(random_rows(20), {});
  }
  const std::vector<float> queries(2 * kDim, NAN);
  refused(StatusCode::kInvalidArgument, "query 0 holds NaN", {},
          {.queries = VectorsView{queries.data(), 2, kDim}});
  refused(StatusCode::kDimensionMismatch, "query has 8", {},
          {.queries = VectorsView{queries.data(), 2, 8}});
}

TEST_F(MeasureRecallTest, ADeadlineAndAFlagEndItWhereverItIs) {
  add_part(random_rows(300), {});
  const uint64_t before = ticks;
  ASSERT_TRUE(
      measure_recall(snapshot_, "c", {}, {.sample = 8}, tick, Stop(nullptr, 100'000, tick)).ok());
  const uint64_t asked = (ticks - before) / 1'000 - 1;
  EXPECT_GT(asked, 8U);
  for (uint64_t ms = 1; ms < asked; ++ms) {
    const auto late =
        measure_recall(snapshot_, "c", {}, {.sample = 8}, tick, Stop(nullptr, ms, tick));
    ASSERT_EQ(late.status().code(), StatusCode::kDeadlineExceeded) << ms;
  }
  const std::atomic<bool> cancelled = true;
  const auto given_up = measure_recall(snapshot_, "c", {}, {}, tick, Stop(&cancelled, 0, nullptr));
  EXPECT_EQ(given_up.status().code(), StatusCode::kCancelled);
}

TEST_F(MeasureRecallTest, PointsAreDrawnEvenlyOnceEachAndOnlyLiveOnes) {
  add_part(random_rows(70), {0, 63, 64});
  add_part(random_rows(3), {0, 1, 2});
  add_part(random_rows(130), {129});
  std::map<std::pair<uint32_t, uint32_t>, int> times;
  constexpr int kDraws = 2'000;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    const auto rows = draw_rows(snapshot_, 0, 20, seed, {});
    ASSERT_TRUE(rows.ok());
    std::set<std::pair<uint32_t, uint32_t>> distinct;
    for (const RowAt row : *rows) distinct.emplace(row.part, row.slot);
    ASSERT_EQ(distinct.size(), 20U);
    for (const auto& row : distinct) ++times[row];
  }
  ASSERT_EQ(times.size(), 67U + 129U) << "each live row, and no other";
  EXPECT_FALSE(times.contains({0, 63}) || times.contains({1, 0}) || times.contains({2, 129}));
  const double expected = kDraws * 20.0 / 196;
  double chi_squared = 0;
  for (const auto& [row, n] : times) chi_squared += (n - expected) * (n - expected) / expected;
  // 195 degrees of freedom: 195 +- 20; a row that is drawn twice as often alone adds 204.
  EXPECT_LT(chi_squared, 295);
  EXPECT_GT(chi_squared, 100);
}

TEST_F(MeasureRecallTest, PointsWithoutAVectorInTheFieldAreNotDrawn) {
  constexpr uint32_t kRows = 200;
  const segment::Fields fields = {{FieldId{1}, "a", {kDim}}, {FieldId{2}, "b", {kDim}}};
  snapshot_.fields = std::make_shared<segment::Fields>(fields);
  segment::testing::IdBatch ids;
  for (uint32_t r = 0; r < kRows; ++r) ids.numbers.push_back(r);
  auto present = std::make_shared<Bitmap>(kRows);
  for (uint32_t r = 0; r < kRows; r += 3) present->set(r);
  const auto vectors = segment::testing::random_rows(fields, kRows, rng_);
  Part part;
  part.watermark = kRows;
  part.rows = segment::testing::filled_memtable(fields, IdKind::kU64, ids, vectors, {}, {},
                                                {nullptr, present}, *snapshot_.columns)
                  ->view(kRows);
  part.dead = segment::Tombstones::with(nullptr, std::vector<uint32_t>{3});
  snapshot_.live = kRows - 1;
  snapshot_.parts.push_back(std::move(part));
  EXPECT_EQ(draw_rows(snapshot_, 0, 1'000, 0, {})->size(), 199U);
  const auto rows = draw_rows(snapshot_, 1, 1'000, 0, {});
  ASSERT_EQ(rows->size(), 66U);
  for (const RowAt row : *rows) EXPECT_TRUE(row.slot % 3 == 0 && row.slot != 3) << row.slot;
  const RecallReport report = measured({.k = 3, .field = "b"});
  EXPECT_EQ(report.queries, 66U);
  EXPECT_EQ(report.recall, 1);
  EXPECT_EQ(measure_recall(snapshot_, "c", {}, {}, tick).status().code(),
            StatusCode::kInvalidArgument)
      << "which field?";
}

TEST(RecallIntervalTest, IsWilsonsForIndependentTries) {
  // Newcombe 1998, table I: 81 of 263, .2553..3662; 15 of 148, .0624..1605; 0 of 20, 0...1611.
  const auto interval = [](int right, int all) {
    std::vector<double> shares(static_cast<size_t>(all), 0.0);
    std::fill_n(shares.begin(), right, 1.0);
    return recall_interval(shares, 1);
  };
  EXPECT_NEAR(interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(interval(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(interval(15, 148).high, 0.1605, 5e-5);
  EXPECT_EQ(interval(0, 20).low, 0);
  EXPECT_NEAR(interval(0, 20).high, 0.1611, 5e-5);
  EXPECT_EQ(recall_interval({}, 10).low, 0);
  EXPECT_EQ(recall_interval({}, 10).high, 1);
}

/// In how many of 2,000 measurements of 200 queries the interval holds the true mean.
template <class Share>
int times_held(double truth, Share share) {
  int held = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::vector<double> shares;
    for (int q = 0; q < 200; ++q) shares.push_back(share());
    const Interval interval = recall_interval(shares, 10);
    held += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  return held;
}

TEST(RecallIntervalTest, HoldsTheTruthNineteenTimesOfTwentyAlsoWhereAFewQueriesMissMost) {
  std::mt19937 rng(kSeed);
  std::binomial_distribution<int> alike(10, 0.95);
  const int of_alike = times_held(0.95, [&] { return alike(rng) / 10.0; });
  EXPECT_GE(of_alike, 1'860) << "seed " << kSeed;
  EXPECT_LE(of_alike, 1'960) << "an interval of everything would always hold it";
  std::binomial_distribution<int> easy(10, 0.99);
  std::binomial_distribution<int> hard(10, 0.4);
  std::bernoulli_distribution is_hard(0.1);
  const int of_mixed =
      times_held(0.9 * 0.99 + 0.1 * 0.4, [&] { return (is_hard(rng) ? hard : easy)(rng) / 10.0; });
  EXPECT_GE(of_mixed, 1'840) << "seed " << kSeed;
  EXPECT_LE(of_mixed, 1'970);
}

}  // namespace
}  // namespace omendb::collection
