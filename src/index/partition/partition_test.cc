// Partitions from training to search. What a search finds is compared with the distances of all
// rows, which are computed in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "index/index_test_util.h"
#include "index/partition/build.h"
#include "index/partition/partition_index.h"

namespace omendb::index::partition {
namespace {

using testing::ArrayRows;
using testing::clustered;
using testing::IndexTest;
using testing::kInfinity;
using testing::kSeed;
using testing::kTestKinds;
using testing::name_of_kind;
using testing::TestKind;
using testing::to_element;

double squared_distance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) {
    const double x = static_cast<double>(a[d]) - static_cast<double>(b[d]);
    sum += x * x;
  }
  return sum;
}

double total_distance(const PointsView& points, const PointsView& centers) {
  double total = 0;
  for (size_t i = 0; i < points.count(); ++i) {
    double least = HUGE_VAL;
    for (size_t c = 0; c < centers.count(); ++c) {
      least = std::min(least, squared_distance(points.at(i), centers.at(c), points.dim));
    }
    total += least;
  }
  return total;
}

TEST(CentroidsTest, AreAboutTheMeansOfClustersThatLieApart) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 16;
  const Points sample{kDim, clustered(3'000, kDim, rng, 0.01F)};  // 30 clusters
  JobControl control;
  const auto centers = train(sample, {.cells = 90, .seed = 1}, control);
  ASSERT_TRUE(centers.ok());
  ASSERT_EQ(centers->count(), 90U);
  const double within = 3'000 * kDim * 0.01 * 0.01;
  EXPECT_LT(total_distance(sample, *centers), within);
  const auto again = train(sample, {.cells = 90, .seed = 1}, control);
  EXPECT_EQ(again->values, centers->values) << "the same at every call";
}

TEST(CentroidsTest, EqualPointsAndAsManyCellsAsPointsAreNoTrouble) {
  JobControl control;
  const Points equal{4, std::vector<float>(4 * 500, 2.0F)};
  const auto centers = train(equal, {.cells = 40, .seed = 1}, control);
  ASSERT_TRUE(centers.ok());
  EXPECT_EQ(centers->values, std::vector<float>(4 * 40, 2.0F));
  std::mt19937 rng(kSeed);
  const Points few{4, clustered(50, 4, rng)};
  const auto all = train(few, {.cells = 50, .seed = 1}, control);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->count(), 50U);
  EXPECT_LT(total_distance(few, *all), total_distance(few, Points{4, {few.at(0), few.at(1)}}));
  EXPECT_EQ(train(few, {.cells = 1, .seed = 1}, control)->count(), 1U);
}

TEST(CentroidsTest, TheNearestAreThoseOfAllByDistance) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 24;
  const Points centers{kDim, clustered(300, kDim, rng)};
  const Points points{kDim, clustered(200, kDim, rng)};
  std::vector<uint32_t> near(200 * 5);
  std::vector<float> squares(200 * 5);
  nearest_centers(centers, points.values.data(), 200, 5, near.data(), squares.data());
  for (size_t i = 0; i < 200; ++i) {
    std::vector<std::pair<double, uint32_t>> all;
    for (uint32_t c = 0; c < 300; ++c) {
      all.emplace_back(squared_distance(points.at(i), centers.at(c), kDim), c);
    }
    std::ranges::sort(all);
    for (size_t j = 0; j < 5; ++j) {
      ASSERT_EQ(near[i * 5 + j], all[j].second);
      ASSERT_NEAR(static_cast<double>(squares[i * 5 + j]), all[j].first, 1e-3);
    }
  }
}

TEST(AssignTest, TheSecondCellHasTheLeastLossOfTheNearestSixteen) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 24;
  const Points centers{kDim, clustered(100, kDim, rng)};
  const Points points{kDim, clustered(1'500, kDim, rng)};
  std::vector<uint32_t> first(1'500);
  std::vector<uint32_t> second(1'500);
  assign(centers, points.values.data(), 1'500, first.data(), second.data());
  for (size_t i = 0; i < 1'500; ++i) {
    const float* const x = points.at(i);
    std::vector<std::pair<double, uint32_t>> near;
    for (uint32_t c = 0; c < 100; ++c)
      near.emplace_back(squared_distance(x, centers.at(c), kDim), c);
    std::ranges::sort(near);
    ASSERT_EQ(first[i], near[0].second);
    ASSERT_NE(second[i], first[i]);
    const auto loss = [&](uint32_t c) {
      double product = 0;
      for (size_t d = 0; d < kDim; ++d) {
        product += static_cast<double>(x[d] - centers.at(first[i])[d]) *
                   static_cast<double>(x[d] - centers.at(c)[d]);
      }
      return squared_distance(x, centers.at(c), kDim) + 1.5 * product * product / near[0].first;
    };
    for (size_t j = 1; j < 16; ++j) {
      ASSERT_LE(loss(second[i]), loss(near[j].second) * (1 + 1e-4)) << "row " << i;
    }
  }
}

TEST(AssignTest, ARowIsInEachOfItsCellsOnceAndARowWithoutAVectorInNone) {
  const Homes homes{{2, 0, Layout::kNoCell, 2, 1}, {0, 0, Layout::kNoCell, 1, 2}};
  const Layout layout(homes, 4);
  EXPECT_EQ(std::vector<uint32_t>(layout.slots(0).begin(), layout.slots(0).end()),
            (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(std::vector<uint32_t>(layout.slots(1).begin(), layout.slots(1).end()),
            (std::vector<uint32_t>{3, 4}));
  EXPECT_EQ(std::vector<uint32_t>(layout.slots(2).begin(), layout.slots(2).end()),
            (std::vector<uint32_t>{0, 3, 4}));
  EXPECT_TRUE(layout.slots(3).empty());
  EXPECT_EQ(std::vector<uint32_t>(layout.first_block().begin(), layout.first_block().end()),
            (std::vector<uint32_t>{0, 1, 2, 3, 3}));
}

TEST(CalibrationTest, ChoosesTheLeastSlackThatMissesNoMoreThanTheShare) {
  // Neighbour i of each of 400 queries is reached with the slack i, so slack s reaches s + 1 of 10.
  Trace one;
  for (uint32_t i = 0; i < 10; ++i) {
    one.slack_at.push_back(static_cast<float>(i));
    one.rows_after.push_back(static_cast<float>(100 * (i + 1)));
    one.found.push_back(i);
  }
  const std::vector<Trace> traces(400, one);
  const auto entries = calibrate(traces);
  for (size_t m = 0; m < entries.size(); ++m) {
    const float reached = 10 * (1 - Calibration::kMisses[m]);
    EXPECT_EQ(entries[m].slack, std::ceil(reached - 1e-4F) - 1) << Calibration::kMisses[m];
    EXPECT_EQ(entries[m].rows, 100 * (entries[m].slack + 1));
  }
}

TEST(CalibrationTest, AsksForMoreWhereQueriesDiffer) {
  // Half of the queries need no slack at all, the others the slack 5.
  std::vector<Trace> traces;
  for (int i = 0; i < 100; ++i) {
    const float slack = i % 2 == 0 ? 0.0F : 5.0F;
    traces.push_back({{slack}, {32}, {0}});
  }
  const auto entries = calibrate(traces);
  EXPECT_EQ(entries[0].slack, 5) << "of .5, .5 is missed, with an error of .05";
}

TEST(CalibrationTest, IsInterpolatedAndGrowsWithTheReach) {
  Calibration::Table table;
  for (size_t k = 0; k < table.size(); ++k) {
    for (size_t m = 0; m < table[k].size(); ++m) {
      table[k][m] = {static_cast<float>(m + 1), static_cast<float>(100 * k + m)};
    }
  }
  const Calibration calibration(table);
  EXPECT_FLOAT_EQ(calibration.at(10, 0.9).slack, 5);
  EXPECT_FLOAT_EQ(calibration.at(10, 0.9).rows, 104);
  EXPECT_FLOAT_EQ(calibration.at(100, 0.999).rows, 213);
  EXPECT_FLOAT_EQ(calibration.at(1e9, 0.1).rows, 200) << "beyond the table, its border";
  EXPECT_FLOAT_EQ(calibration.around(10, 0.9).rows, 104);
  EXPECT_FLOAT_EQ(calibration.around(11, 0.9).rows, 204);
  EXPECT_FLOAT_EQ(calibration.around(0, 0.9).rows, 4);
  EXPECT_FLOAT_EQ(calibration.around(1e9, 0.9).rows, 204);
  float last = 0;
  for (double reach = 0.4; reach < 1; reach += 0.01) {
    const float slack = calibration.at(30, reach).slack;
    EXPECT_GE(slack, last);
    last = slack;
  }
}

class PartitionTest : public IndexTest {
 protected:
  PartitionTest() : cells_(build_cells()), index_(*cells_) { set_index(index_); }

  std::unique_ptr<const BuiltCells> build_cells() {
    JobControl control;
    const TestKind& kind = GetParam();
    auto built =
        build(rows_, {.metric = kind.metric, .element = kind.element, .dim = kind.dim, .seed = 5},
              control);
    EXPECT_TRUE(built.ok()) << built.status().to_string();
    return std::move(*built);
  }

  const std::unique_ptr<const BuiltCells> cells_;
  const PartitionIndex index_;
};

TEST_P(PartitionTest, WithAReachOfOneEveryRowThatHasAVectorIsOfferedAndNoOther) {
  const Bitmap all = present();
  for (const std::vector<uint32_t>& slots : offered(all, 10, 1)) {
    const std::set<uint32_t> once(slots.begin(), slots.end());
    ASSERT_EQ(once.size(), all.count());
    for (const uint32_t slot : once) ASSERT_TRUE(all.test(slot));
  }
}

TEST_P(PartitionTest, ReachesTheShareOfTheNearestRowsThatIsAskedFor) {
  const Bitmap all = present();
  for (const size_t k : {1UL, 10UL, 50UL}) {
    for (const double reach : {0.8, 0.9, 0.98}) {
      const double chance = 2 * std::sqrt(reach * (1 - reach) / kQueries);
      EXPECT_GE(reached(all, k, reach), reach - chance) << "k " << k << " seed " << kSeed;
    }
  }
  size_t looked_at = 0;
  for (const auto& slots : offered(all, 10, 0.9)) looked_at += slots.size();
  EXPECT_LT(looked_at, kQueries * kRows / 2) << "of 4,000 rows, in two cells each";
}

TEST_P(PartitionTest, KeepsItsReachUnderAFilterAndFindsAllThatMatchIfTheyAreFew) {
  Bitmap tenth(kRows);
  for (size_t r = 1; r < kRows; r += 10) tenth.set(r);
  Bitmap mask = tenth;
  ASSERT_TRUE(rows_.clear_absent(mask.words()).ok());
  const double chance = 2 * std::sqrt(0.9 * 0.1 / kQueries);
  EXPECT_GE(reached(mask, 10, 0.9), 0.9 - chance) << "seed " << kSeed;
  Bitmap few(kRows);
  for (const size_t r : {8UL, 1'300UL, 2'003UL, 3'999UL}) few.set(r);
  EXPECT_EQ(reached(few, 10, 0.5), 1);
  EXPECT_EQ(reached(few, 4, 0.5), 1) << "rows that lie in two cells do not pass for two";
}

TEST_P(PartitionTest, StatesTheErrorsOfItsEstimates) {
  // The best estimates of many rows are too low; by how much, their number decides.
  const double rms = error_over_stated(200, 0.95);
  EXPECT_LT(rms, 1.5) << "seed " << kSeed;
  EXPECT_GT(rms, 0.3) << "seed " << kSeed;
}

INSTANTIATE_TEST_SUITE_P(Kinds, PartitionTest, ::testing::ValuesIn(kTestKinds), name_of_kind);

TEST(PartitionBuildTest, RefusesFewRowsAndLongOnesByName) {
  JobControl control;
  const BuildOptions options{.dim = 8};
  std::vector<float> values(8 * 70, 1.0F);
  std::vector<bool> absent(70, false);
  for (size_t r = 0; r < 7; ++r) absent[r] = true;
  const auto few = build(ArrayRows(Element::kF32, 8, to_element(Element::kF32, 8, values), absent),
                         options, control);
  EXPECT_EQ(few.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(few.status().message().find("63 rows"), std::string::npos) << few.status().message();
  values[100] = 1e20F;
  const auto longer =
      build(ArrayRows(Element::kF32, 8, to_element(Element::kF32, 8, values)), options, control);
  EXPECT_EQ(longer.status().code(), StatusCode::kInvalidArgument);
}

TEST(PartitionBuildTest, StopsWhenItIsCancelled) {
  std::mt19937 rng(kSeed);
  JobControl control;
  control.cancel();
  const auto built =
      build(ArrayRows(Element::kF32, 16, to_element(Element::kF32, 16, clustered(5'000, 16, rng))),
            {.dim = 16}, control);
  EXPECT_EQ(built.status().code(), StatusCode::kCancelled);
}

TEST(PartitionBuildTest, EqualRowsByTheThousandAreFoundInBoundedWork) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 16;
  std::vector<float> values = clustered(3'000, kDim, rng);
  for (size_t r = 0; r < 2'000; ++r) std::copy_n(values.end() - kDim, kDim, &values[r * kDim]);
  const ArrayRows rows(Element::kF32, kDim, to_element(Element::kF32, kDim, values));
  JobControl control;
  const auto built = build(rows, {.dim = kDim}, control);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  const Stop never;
  PreparedQueries prepared(Metric::kL2, {&values[0], 1, kDim}, never);
  Gathered gathered(10, kInfinity);
  gathered.open({.candidates = 100, .reach = 0.95});
  Gathered* const out[] = {&gathered};
  const PartitionIndex index(**built);
  ASSERT_TRUE(index.search(prepared, {0, 0, 3'000, nullptr, 3'000}, out).ok());
  size_t equal = 0;
  for (const Candidate& c : gathered.candidates().kept()) equal += c.slot < 2'000 ? 1 : 0;
  EXPECT_GE(equal, 10U);
}

TEST(PartitionBuildTest, ZerosAmongOtherRowsAndAsQueriesAreNoTrouble) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    std::mt19937 rng(kSeed);
    std::vector<float> values = clustered(900, 12, rng);
    std::fill_n(values.begin(), 300 * 12, 0.0F);
    const ArrayRows rows(Element::kF32, 12, to_element(Element::kF32, 12, values));
    JobControl control;
    const auto built = build(rows, {.metric = metric, .dim = 12}, control);
    ASSERT_TRUE(built.ok()) << built.status().to_string();
    for (const auto& row : (*built)->frame().calibration().table()) {
      for (const Calibration::Entry& entry : row) EXPECT_GE(entry.slack, 0);
    }
    const Stop never;
    PreparedQueries prepared(metric, {values.data(), 1, 12}, never);
    Gathered gathered(5, kInfinity);
    gathered.open({.candidates = 2'000, .reach = 0.9});
    Gathered* const out[] = {&gathered};
    ASSERT_TRUE(PartitionIndex(**built).search(prepared, {0, 0, 900, nullptr, 900}, out).ok());
    EXPECT_GE(gathered.candidates().kept().size(), 5U) << metric_name(metric);
  }
}

TEST(PartitionBuildTest, RowsWithoutVarianceAndZerosHavePartitions) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const float value : {0.0F, 3.0F}) {
      const std::vector<float> values(100 * 9, value);
      const ArrayRows rows(Element::kF32, 9, to_element(Element::kF32, 9, values));
      JobControl control;
      const auto built = build(rows, {.metric = metric, .dim = 9}, control);
      ASSERT_TRUE(built.ok()) << built.status().to_string();
      const Stop never;
      const std::vector<float> query(9, 1.0F);
      PreparedQueries prepared(metric, {query.data(), 1, 9}, never);
      Gathered gathered(5, kInfinity);
      gathered.open({.candidates = 100, .reach = 0.9});
      Gathered* const out[] = {&gathered};
      ASSERT_TRUE(PartitionIndex(**built).search(prepared, {0, 0, 100, nullptr, 100}, out).ok());
      EXPECT_GE(gathered.candidates().kept().size(), 5U) << metric_name(metric) << " " << value;
    }
  }
}

}  // namespace
}  // namespace omendb::index::partition
