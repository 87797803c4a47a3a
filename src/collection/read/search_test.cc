// Every plan of a search on the same data: exact, coded, masked, and the uncoded tail.
#include "collection/read/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "segment/segment_test_util.h"

namespace omendb::collection {
namespace {

using segment::VectorSpec;

constexpr size_t kDim = 24;
constexpr uint32_t kSegmentRows = 9'000;
constexpr uint32_t kMemtableRows = 8'050;  // not a multiple of 64: a tail without codes
constexpr uint32_t kTailRows = 90;         // a memtable too young for codes

struct Hit {
  float distance;
  uint64_t id;
  auto operator<=>(const Hit&) const = default;
};

/// A segment, a coded memtable and one without codes, each with dead rows. Small integers, so that
/// l2 and ip are exact in any order of summation and ties abound; ids are shuffled over the parts.
class SearchTest : public ::testing::TestWithParam<std::tuple<Metric, Element>> {
 protected:
  SearchTest() : spec_{kDim, std::get<0>(GetParam()), std::get<1>(GetParam())}, rng_(12) {
    snapshot_.fields = std::make_shared<segment::Fields>(segment::unnamed_field(spec_));
    snapshot_.id_kind = IdKind::kU64;
    snapshot_.columns = std::make_shared<column::Schema>(column::Schema{{"n", ColumnType::kI64}});
    ids_ = segment::testing::distinct_ids(IdKind::kU64, kSegmentRows + kMemtableRows + kTailRows, 1,
                                          rng_);
    const auto first = add_memtable(kSegmentRows, {});
    const segment::WriteSource source{first, nullptr};
    segment::SegmentStore files(storage::Env::in_memory(), ".");
    const auto written = files.write("s", *snapshot_.fields, IdKind::kU64, *snapshot_.columns,
                                     std::span(&source, 1), {});
    EXPECT_TRUE(written.ok()) << written.status().to_string();
    add_part(written->segment);
    snapshot_.parts.back().segment = written->segment;
    snapshot_.parts.back().indexes = index_of(files, *written->segment);
    segment::Encoders encoders;
    snapshot_.parts.back().indexes->add_encoders(encoders, 1);
    add_part(add_memtable(kMemtableRows, encoders));
    add_part(add_memtable(kTailRows, {}));
  }

  std::shared_ptr<const segment::SegmentIndexes> index_of(segment::SegmentStore& files,
                                                          const segment::Segment& segment) const {
    JobControl control;
    std::vector<segment::NamedIndex> all;
    if (spec_.coded()) {
      auto index = files.write_index("i", segment::IndexKind::kCoded,
                                     {segment, (*snapshot_.fields)[0], 0}, control);
      EXPECT_TRUE(index.ok()) << index.status().to_string();
      all.push_back(*std::move(index));
    }
    return std::make_shared<segment::SegmentIndexes>(std::move(all));
  }

  std::shared_ptr<const segment::RowSource> add_memtable(uint32_t rows,
                                                         const segment::Encoders& encoders) {
    std::vector<float> values(rows * kDim);
    for (float& x : values) x = static_cast<float>(static_cast<int>(rng_() % 9) - 4);
    for (uint32_t r = 0; r < rows; ++r) {
      values[r * kDim] += 5;                                        // no zero vectors
      if (r % 50 == 0) std::fill_n(&values[r * kDim], kDim, 8.0F);  // the same one everywhere
    }
    std::vector<std::byte> bytes(rows * spec_.row_bytes());
    distance::from_f32(spec_.element, values.data(), values.size(), bytes.data());
    segment::testing::IdBatch batch;
    Column n{.name = "n", .type = ColumnType::kI64};
    for (uint32_t r = 0; r < rows; ++r, ++next_) {
      batch.numbers.push_back(ids_.numbers[next_]);
      n.ints.push_back(static_cast<int64_t>(ids_.numbers[next_] % 1'000));
      rows_.emplace_back(ids_.numbers[next_], std::vector<float>(values.begin() + r * kDim,
                                                                 values.begin() + (r + 1) * kDim));
    }
    return segment::testing::filled_memtable(*snapshot_.fields, IdKind::kU64, batch, {bytes},
                                             std::span(&n, 1), encoders, {}, *snapshot_.columns)
        ->view(rows);
  }

  void add_part(std::shared_ptr<const segment::RowSource> rows) {
    std::vector<uint32_t> dead;
    for (uint32_t slot = 0; slot < rows->rows(); slot += 1 + slot % 13) {
      dead.push_back(slot);
      dead_.push_back(std::get<uint64_t>(*rows->id(slot)));
    }
    Part part;
    part.watermark = rows->rows();
    part.dead = segment::Tombstones::with(nullptr, dead);
    part.rows = std::move(rows);
    snapshot_.live += part.watermark - part.dead->count();
    snapshot_.parts.push_back(std::move(part));
    std::sort(dead_.begin(), dead_.end());
  }

  double distance(const std::vector<float>& row, const float* query) const {
    double dot = 0;
    double square = 0;
    double row_norm = 0;
    double query_norm = 0;
    for (size_t i = 0; i < kDim; ++i) {
      const double x = row[i];
      const double q = query[i];
      dot += x * q;
      square += (x - q) * (x - q);
      row_norm += x * x;
      query_norm += q * q;
    }
    if (spec_.metric == Metric::kL2) return square;
    if (spec_.metric == Metric::kInnerProduct) return -dot;
    return 1 - dot / std::sqrt(row_norm * query_norm);
  }

  /// Brute force over the live rows whose n is below `below`.
  std::vector<Hit> truth(const float* query, int64_t below = 1'000) const {
    std::vector<Hit> hits;
    for (const auto& [id, row] : rows_) {
      if (std::binary_search(dead_.begin(), dead_.end(), id)) continue;
      if (static_cast<int64_t>(id % 1'000) >= below) continue;
      hits.push_back({static_cast<float>(distance(row, query)), id});
    }
    std::sort(hits.begin(), hits.end());
    return hits;
  }

  std::vector<Hit> found(const float* query, const SearchOptions& options) const {
    const auto result = search(snapshot_, "c", {query, 1, kDim, Element::kF32, 0}, options);
    EXPECT_TRUE(result.ok()) << result.status().to_string();
    return hits_of(*result, 0);
  }
  static std::vector<Hit> hits_of(const SearchResult& result, size_t q) {
    std::vector<Hit> hits;
    const auto& ids = std::get<std::vector<uint64_t>>(result.points.ids);
    for (uint64_t i = result.offsets[q]; i < result.offsets[q + 1]; ++i) {
      hits.push_back({result.distances[i], ids[i]});
    }
    return hits;
  }

  /// Equal; under cosine, whose rounding is not exact, equal in distance and ordered by id in ties.
  void expect_nearest(const std::vector<Hit>& hits, std::vector<Hit> expected, size_t k) const {
    expected.resize(std::min(k, expected.size()));
    ASSERT_EQ(hits.size(), expected.size());
    EXPECT_TRUE(std::is_sorted(hits.begin(), hits.end()));
    if (spec_.metric != Metric::kCosine) {
      EXPECT_EQ(hits, expected);
      return;
    }
    for (size_t i = 0; i < hits.size(); ++i) {
      ASSERT_NEAR(hits[i].distance, expected[i].distance, 2e-6) << i;
    }
  }

  std::vector<float> random_query() {
    std::vector<float> query(kDim);
    for (float& x : query) x = static_cast<float>(static_cast<int>(rng_() % 9) - 4);
    query[0] += 5;
    return query;
  }
  static Filter below(int64_t n) { return *Filter::parse("n < " + std::to_string(n)); }

  const VectorSpec spec_;
  std::mt19937 rng_;
  segment::testing::IdBatch ids_;
  size_t next_ = 0;
  std::vector<std::pair<uint64_t, std::vector<float>>> rows_;
  std::vector<uint64_t> dead_;
  Snapshot snapshot_;
};

TEST_P(SearchTest, ExactFullRecallAndFullEffortAllEqualBruteForce) {
  for (int i = 0; i < 5; ++i) {
    const auto query = random_query();
    const auto expected = truth(query.data());
    for (const size_t k : {1, 10, 333}) {
      const auto exact = found(query.data(), {.k = k, .exact = true});
      expect_nearest(exact, expected, k);
      EXPECT_EQ(found(query.data(), {.k = k, .recall = 1}), exact);
      EXPECT_EQ(found(query.data(), {.k = k, .effort = rows_.size()}), exact);
      EXPECT_EQ(found(query.data(), {.k = k, .effort = SIZE_MAX}), exact);
      EXPECT_EQ(found(query.data(), {.k = k, .effort = SIZE_MAX / 4 + 1}), exact);
    }
  }
}

TEST_P(SearchTest, CodesFindTheNearestWithTheirExactDistances) {
  size_t common = 0;
  for (int i = 0; i < 20; ++i) {
    const auto query = random_query();
    const auto exact = found(query.data(), {.k = 20, .exact = true});
    const auto all = found(query.data(), {.k = rows_.size(), .exact = true});
    const auto coded = found(query.data(), {.k = 20, .effort = 1'200});
    ASSERT_EQ(coded.size(), 20U);
    for (const Hit& hit : coded) {
      ASSERT_TRUE(std::binary_search(all.begin(), all.end(), hit)) << hit.id;
      common += hit.distance <= exact.back().distance;
    }
  }
  EXPECT_GE(common, 20U * 20U * 95 / 100);
}

TEST_P(SearchTest, FiltersThatLeaveManyFewOrNoRowsAllEqualBruteForce) {
  for (const int64_t n : {0, 3, 400, 960, 1'000}) {
    const auto query = random_query();
    const auto expected = truth(query.data(), n);
    const auto exact = found(query.data(), {.k = 15, .where = below(n), .exact = true});
    expect_nearest(exact, expected, 15);
    EXPECT_EQ(found(query.data(), {.k = 15, .where = below(n), .recall = 1}), exact);
    const auto coded = found(query.data(), {.k = 15, .where = below(n), .effort = 300});
    ASSERT_EQ(coded.size(), exact.size());
    for (const Hit& hit : coded) EXPECT_LT(hit.id % 1'000, static_cast<uint64_t>(n));
    EXPECT_TRUE(n > 3 || coded == exact);  // few enough to be measured all
  }
}

TEST_P(SearchTest, ARadiusCutsOffTheSameHitsInEveryPlan) {
  const auto query = random_query();
  const auto expected = found(query.data(), {.k = 500, .exact = true});
  const float limit = expected[100].distance;
  const auto within = std::count_if(expected.begin(), expected.end(),
                                    [&](const Hit& hit) { return hit.distance <= limit; });
  SearchOptions options{.k = 500, .exact = true, .radius = limit};
  const auto exact = found(query.data(), options);
  EXPECT_EQ(exact, std::vector<Hit>(expected.begin(), expected.begin() + within));
  options.exact = false;
  options.effort = 1'000;
  for (const Hit& hit : found(query.data(), options)) {
    EXPECT_TRUE(std::binary_search(exact.begin(), exact.end(), hit));
  }
  options.radius = -1e300;
  EXPECT_TRUE(found(query.data(), options).empty());
  options.radius = 1e300;
  EXPECT_EQ(found(query.data(), options).size(), 500U);
}

TEST_P(SearchTest, AskedForMoreThanThereAreItReturnsAllOnce) {
  const auto query = random_query();
  const auto all = found(query.data(), {.k = kMaxK});
  expect_nearest(all, truth(query.data()), kMaxK);
  EXPECT_EQ(all.size(), snapshot_.live);
}

TEST_P(SearchTest, TiesAcrossPartsAreBrokenById) {
  const std::vector<float> query(kDim, 8.0F);  // hundreds of rows are just this
  for (const size_t k : {1, 7, 100}) {
    const auto hits = found(query.data(), {.k = k, .exact = true});
    ASSERT_EQ(hits.size(), k);
    ASSERT_EQ(hits.front().distance, hits.back().distance);
    const auto expected = truth(query.data());
    for (size_t i = 0; i < k; ++i) {
      EXPECT_EQ(hits[i].id, expected[i].id);
    }
  }
}

TEST_P(SearchTest, ABatchAnswersEachQueryAsIfItWereAlone) {
  std::vector<float> queries;
  for (int q = 0; q < 70; ++q) {
    const auto query = random_query();
    queries.insert(queries.end(), query.begin(), query.end());
  }
  for (const SearchOptions& options :
       {SearchOptions{.k = 12, .exact = true}, SearchOptions{.k = 12, .effort = 400},
        SearchOptions{.k = 12, .where = below(200), .exact = true}}) {
    const auto batch =
        search(snapshot_, "c", {queries.data(), 70, kDim, Element::kF32, 0}, options);
    ASSERT_TRUE(batch.ok()) << batch.status().to_string();
    for (size_t q = 0; q < 70; ++q) {
      ASSERT_EQ(hits_of(*batch, q), found(&queries[q * kDim], options)) << q;
    }
  }
}

uint64_t ticks = 0;
uint64_t tick() {
  return ticks += 1'000;
}

TEST_P(SearchTest, APassedDeadlineOrACancelledCallEndsEveryPlanAndAnAmpleOneChangesNoAnswer) {
  std::vector<float> queries;
  for (int q = 0; q < 20; ++q) {
    const auto query = random_query();
    queries.insert(queries.end(), query.begin(), query.end());
  }
  for (const size_t count : {1, 20}) {
    const VectorsView view{queries.data(), count, kDim, Element::kF32, 0};
    for (const SearchOptions& options :
         {SearchOptions{.k = 12, .exact = true}, SearchOptions{.k = 12, .effort = 400},
          SearchOptions{.k = 12, .where = below(200), .exact = true}}) {
      const auto expected = search(snapshot_, "c", view, options);
      ASSERT_TRUE(expected.ok());
      const uint64_t before = ticks;
      const auto ample = search(snapshot_, "c", view, options, Stop(nullptr, 1'000'000, tick));
      ASSERT_TRUE(ample.ok()) << ample.status().to_string();
      EXPECT_EQ(ample->distances, expected->distances);
      EXPECT_EQ(ample->points.ids, expected->points.ids);
      // It is asked at every part, by the plan and by the scans.
      const uint64_t asked = (ticks - before) / 1'000 - 1;
      EXPECT_GE(asked, 2 * snapshot_.parts.size());
      for (uint64_t ms = 1; ms < asked; ++ms) {
        const auto late = search(snapshot_, "c", view, options, Stop(nullptr, ms, tick));
        ASSERT_EQ(late.status().code(), StatusCode::kDeadlineExceeded) << ms;
      }
      const std::atomic<bool> cancelled = true;
      const auto given_up = search(snapshot_, "c", view, options, Stop(&cancelled, 0, nullptr));
      EXPECT_EQ(given_up.status().code(), StatusCode::kCancelled);
    }
  }
}

TEST_P(SearchTest, QueriesNeedNoAlignment) {
  const auto query = random_query();
  std::vector<std::byte> bytes(1 + 2 * (kDim * sizeof(float) + 3));
  const size_t stride = kDim * sizeof(float) + 3;
  for (size_t q = 0; q < 2; ++q) {
    std::memcpy(bytes.data() + 1 + q * stride, query.data(), kDim * sizeof(float));
  }
  for (const size_t count : {1, 2}) {
    const auto result =
        search(snapshot_, "c", {bytes.data() + 1, count, kDim, Element::kF32, stride}, {.k = 5});
    ASSERT_TRUE(result.ok()) << result.status().to_string();
    EXPECT_EQ(hits_of(*result, count - 1), found(query.data(), {.k = 5}));
  }
}

INSTANTIATE_TEST_SUITE_P(
    MetricsAndElements, SearchTest,
    ::testing::Combine(::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                       ::testing::Values(Element::kF32, Element::kF16, Element::kI8)),
    [](const auto& instance) {
      return std::string(metric_name(std::get<0>(instance.param))) + "_" +
             std::string(element_name(std::get<1>(instance.param)));
    });

}  // namespace
}  // namespace omendb::collection
