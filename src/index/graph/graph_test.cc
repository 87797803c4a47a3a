// Graphs from linking to search.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "index/graph/build.h"
#include "index/graph/graph_index.h"
#include "index/graph/prune.h"
#include "index/graph/trace.h"
#include "index/graph/walk.h"
#include "index/index_test_util.h"
#include "index/partition/build.h"

namespace omendb::index::graph {
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

std::unique_ptr<const BuiltNodes> build_graph(const Rows& rows, const TestKind& kind) {
  JobControl control;
  const auto cells = partition::build(
      rows, {.metric = kind.metric, .element = kind.element, .dim = kind.dim, .seed = 5}, control);
  EXPECT_TRUE(cells.ok()) << cells.status().to_string();
  auto built =
      build(rows, **cells,
            {.metric = kind.metric, .element = kind.element, .dim = kind.dim, .seed = 5}, control);
  EXPECT_TRUE(built.ok()) << built.status().to_string();
  return std::move(*built);
}

TEST(EstimateHeapTest, HandsOutTheLeastFirst) {
  std::mt19937 rng(kSeed);
  EstimateHeap heap;
  std::multiset<float> all;
  for (uint32_t i = 0; i < 3'000; ++i) {
    const auto estimate = static_cast<float>(rng() % 500);
    heap.push({estimate, i});
    all.insert(estimate);
    if (rng() % 3 != 0) continue;
    EXPECT_EQ(heap.least().estimate, *all.begin());
    EXPECT_EQ(heap.pop().estimate, *all.begin());
    all.erase(all.begin());
  }
  for (const float estimate : all) EXPECT_EQ(heap.pop().estimate, estimate);
  EXPECT_TRUE(heap.empty());
}

TEST(NodeSetTest, HoldsWhatWasInserted) {
  std::mt19937 rng(kSeed);
  NodeSet set;
  for (int round = 0; round < 2; ++round) {
    std::set<uint32_t> wanted;
    for (int i = 0; i < 5'000; ++i) {
      const auto node = static_cast<uint32_t>(rng() % 20'000);
      ASSERT_EQ(set.contains(node), wanted.contains(node));
      set.insert(node);
      wanted.insert(node);
    }
    set.clear();
  }
}

TEST(PrunerTest, ChoosesRowsInDifferentDirectionsNearestFirst) {
  // On a line: 0 is linked; behind each neighbour on the same side another one.
  const partition::Points points{1, {0, 1, 2, -1.5F, -3, 1}};
  Pruner pruner(points);
  const auto near = [&](uint32_t node) {
    const float x = points.values[node];
    return Near{x * x, node};
  };
  std::vector<Near> candidates = {near(4), near(3), near(2), near(1), near(1), near(0)};
  const auto nodes = [](const std::vector<Near>& list) {
    std::vector<uint32_t> out;
    for (const Near& one : list) out.push_back(one.node);
    return out;
  };
  EXPECT_EQ(nodes(pruner.choose(0, candidates, Pruner::Room::kLeave)),
            (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(nodes(candidates), (std::vector<uint32_t>{1, 3, 2, 4})) << "sorted, each once";
  EXPECT_EQ(nodes(pruner.choose(0, candidates, Pruner::Room::kFill)),
            (std::vector<uint32_t>{1, 3, 2, 4}));
}

TEST(PrunerTest, ChoosesNoMoreThanANodeHasRoomFor) {
  std::mt19937 rng(kSeed);
  const partition::Points points{64, clustered(300, 64, rng, 5)};
  Pruner pruner(points);
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  std::vector<Near> candidates;
  for (uint32_t node = 1; node < 300; ++node) {
    candidates.push_back({kernels.pair(points.at(0), points.at(node), 64), node});
  }
  EXPECT_EQ(pruner.choose(0, candidates, Pruner::Room::kFill).size(), kDegree);
}

class GraphTest : public IndexTest {
 protected:
  GraphTest() : nodes_(build_graph(rows_, GetParam())), index_(*nodes_) { set_index(index_); }

  const std::unique_ptr<const BuiltNodes> nodes_;
  const GraphIndex index_;
};

TEST_P(GraphTest, HasANodeForEachRowThatHasAVectorAndEdgesToOthers) {
  ASSERT_EQ(nodes_->count(), present().count());
  std::set<uint32_t> slots;
  for (uint32_t number = 0; number < nodes_->count(); ++number) {
    const NodeView node(nodes_->node(number), nodes_->frame().layout());
    EXPECT_TRUE(present().test(node.slot()));
    slots.insert(node.slot());
    std::set<uint32_t> edges;
    for (size_t i = 0; i < kDegree; ++i) {
      if (node.edges()[i] == kNoNode) continue;
      EXPECT_LT(node.edges()[i], nodes_->count());
      EXPECT_NE(node.edges()[i], number);
      EXPECT_TRUE(edges.insert(node.edges()[i]).second) << "twice";
    }
    EXPECT_GE(edges.size(), 10U);
  }
  EXPECT_EQ(slots.size(), nodes_->count());
}

TEST_P(GraphTest, VisitsEachNodeAtMostOnceAndNearlyAllWithoutALimit) {
  GraphQuery query(nodes_->frame(), queries().row(0));
  Walk walk(*nodes_);
  for (int round = 0; round < 2; ++round) {  // one walk serves many queries
    std::set<uint32_t> visited;
    walk.start(query);
    while (walk.visit(kInfinity)) {
      EXPECT_TRUE(visited.insert(walk.visited().node).second);
      walk.expand(kInfinity);
    }
    EXPECT_GE(visited.size(), nodes_->count() * 99 / 100);
  }
}

TEST_P(GraphTest, ReachesTheShareOfTheNearestRowsThatIsAskedFor) {
  const Bitmap all = present();
  for (const size_t k : {1UL, 10UL, 50UL}) {
    for (const double reach : {0.8, 0.9, 0.98}) {
      const Scope scope{0, 0, kRows, all.words().data(), all.count()};
      if (index_.rows_looked_at(scope, k, reach) >= double{Calibration::kNever}) continue;
      const double chance = 2 * std::sqrt(reach * (1 - reach) / kQueries);
      EXPECT_GE(reached(all, k, reach), reach - chance) << "k " << k << " seed " << kSeed;
    }
  }
  size_t visited = 0;
  for (const auto& slots : offered(all, 10, 0.9)) visited += slots.size();
  EXPECT_LT(visited, kQueries * kRows / 10);
}

TEST_P(GraphTest, CanReachNineInTen) {
  const Bitmap all = present();
  const Scope scope{0, 0, kRows, all.words().data(), all.count()};
  EXPECT_LT(index_.rows_looked_at(scope, 10, 0.9), double{kRows} * 50);
}

TEST_P(GraphTest, KeepsItsReachWhereHalfOfTheRowsMatchAndOffersNoOther) {
  Bitmap half(kRows);
  for (size_t r = 1; r < kRows; r += 2) half.set(r);
  ASSERT_TRUE(rows_.clear_absent(half.words()).ok());
  const double chance = 2 * std::sqrt(0.9 * 0.1 / kQueries);
  EXPECT_GE(reached(half, 10, 0.9), 0.9 - chance) << "seed " << kSeed;
  for (const auto& slots : offered(half, 10, 0.9)) {
    for (const uint32_t slot : slots) EXPECT_TRUE(half.test(slot));
  }
  Bitmap tenth(kRows);
  for (size_t r = 1; r < kRows; r += 10) tenth.set(r);
  EXPECT_GE(index_.rows_looked_at({0, 0, kRows, tenth.words().data(), tenth.count()}, 10, 0.9),
            double{Calibration::kNever});
}

TEST_P(GraphTest, StatesTheErrorsOfItsEstimates) {
  const double rms = error_over_stated(200, 0.9);
  EXPECT_LT(rms, 1.5) << "seed " << kSeed;
  EXPECT_GT(rms, 0.3) << "seed " << kSeed;
}

INSTANTIATE_TEST_SUITE_P(Kinds, GraphTest, ::testing::ValuesIn(kTestKinds), name_of_kind);

TEST(GraphBuildTest, StopsWhenItIsCancelled) {
  std::mt19937 rng(kSeed);
  const ArrayRows rows(Element::kF32, 16, to_element(Element::kF32, 16, clustered(5'000, 16, rng)));
  JobControl control;
  const auto cells = partition::build(rows, {.dim = 16}, control);
  ASSERT_TRUE(cells.ok());
  control.cancel();
  EXPECT_EQ(build(rows, **cells, {.dim = 16}, control).status().code(), StatusCode::kCancelled);
}

TEST(GraphBuildTest, FewRowsEqualRowsAndZerosHaveAGraph) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const size_t count : {64UL, 3'000UL}) {
      for (const float value : {0.0F, 3.0F}) {
        std::mt19937 rng(kSeed);
        std::vector<float> values = clustered(count, 9, rng);
        std::fill_n(values.begin(), count / 2 * 9, value);  // half of the rows are equal
        const ArrayRows rows(Element::kF32, 9, to_element(Element::kF32, 9, values));
        const auto built = build_graph(rows, {metric, Element::kF32, 9});
        ASSERT_NE(built, nullptr);
        const Stop never;
        for (const size_t query : {size_t{0}, count - 1}) {
          PreparedQueries prepared(metric, {&values[query * 9], 1, 9}, never);
          Gathered gathered(5, kInfinity);
          gathered.open({.candidates = 2 * count, .reach = 0.9});
          Gathered* const out[] = {&gathered};
          const auto n = static_cast<uint32_t>(count);
          ASSERT_TRUE(GraphIndex(*built).search(prepared, {0, 0, n, nullptr, n}, out).ok());
          EXPECT_GE(gathered.candidates().kept().size(), 5U) << metric_name(metric) << value;
        }
      }
    }
  }
}

TEST(GraphBuildTest, EqualRowsByTheThousandAreSearchedInBoundedWork) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 16;
  constexpr uint32_t kCount = 12'000;
  std::vector<float> values = clustered(kCount, kDim, rng);
  for (size_t r = 0; r < 10'000; ++r) std::copy_n(values.end() - kDim, kDim, &values[r * kDim]);
  const ArrayRows rows(Element::kF32, kDim, to_element(Element::kF32, kDim, values));
  const auto built = build_graph(rows, {Metric::kL2, Element::kF32, kDim});
  std::vector<float> beside(values.end() - kDim, values.end());
  beside[0] += 0.5F;
  for (float* const query : {values.data(), beside.data()}) {
    const Stop never;
    PreparedQueries prepared(Metric::kL2, {query, 1, kDim}, never);
    Gathered gathered(10, kInfinity);
    gathered.open({.candidates = kCount, .reach = 0.8});
    Gathered* const out[] = {&gathered};
    ASSERT_TRUE(GraphIndex(*built).search(prepared, {0, 0, kCount, nullptr, kCount}, out).ok());
    size_t equal = 0;
    for (const Candidate& c : gathered.candidates().kept()) equal += c.slot < 10'000 ? 1 : 0;
    EXPECT_GE(equal, 10U);
    EXPECT_LE(gathered.candidates().kept().size(), 4'100U) << "of 12,000 rows";
  }
}

TEST(GraphTraceTest, SaysWithWhichSlackEachNeighbourIsReached) {
  std::mt19937 rng(kSeed);
  constexpr size_t kDim = 24;
  const std::vector<float> values = clustered(2'000, kDim, rng);
  const ArrayRows rows(Element::kF32, kDim, to_element(Element::kF32, kDim, values));
  const auto nodes = build_graph(rows, {Metric::kL2, Element::kF32, kDim});
  GraphQuery query(nodes->frame(), &values[100 * kDim]);
  std::vector<std::pair<float, uint32_t>> all;
  uint32_t self = kNoNode;
  for (uint32_t n = 0; n < nodes->count(); ++n) {
    const uint32_t slot = NodeView(nodes->node(n), nodes->frame().layout()).slot();
    if (slot == 100) {
      self = n;
      continue;
    }
    all.emplace_back(distance::kernels(Metric::kL2, Element::kF32)
                         .pair(&values[100 * kDim], &values[slot * kDim], kDim),
                     n);
  }
  std::ranges::sort(all);
  std::vector<uint32_t> nearest;
  for (size_t i = 0; i < 100; ++i) nearest.push_back(all[i].second);
  Walk walk(*nodes);
  const TypicalSquares& typical = nodes->frame().typical_squares();
  EXPECT_GT(typical[0], 0);
  EXPECT_GT(typical[1], typical[0]);
  EXPECT_GT(typical[2], typical[1]);
  EXPECT_EQ(nodes->frame().typical_square(10), typical[1]);
  EXPECT_EQ(nodes->frame().typical_square(1e9), typical[2]);
  const Traces traces = trace(walk, query, self, nearest, typical);
  const Trace& ten = traces[1];
  ASSERT_EQ(ten.found.size(), 10U);
  EXPECT_TRUE(std::ranges::is_sorted(ten.slack_at));
  // A walk with the slack of a neighbour visits it, and a walk with less does not.
  const auto visits = [&](float slack, uint32_t wanted) {
    walk.start(query);
    walk.pass_over(self);
    TopK top(10);
    float limit = kInfinity;
    bool seen = false;
    while (walk.visit(limit)) {
      seen = seen || walk.visited().node == wanted;
      top.offer(walk.visited().distance, walk.visited().node);
      limit = query.limit(top.threshold(), slack, typical[1]);
      walk.expand(limit);
    }
    return seen;
  };
  size_t reached = 0;
  for (size_t i = 0; i < 10; ++i) {
    if (ten.found[i] == Trace::kNotReached) continue;
    ++reached;
    const float slack = ten.slack_at[ten.found[i]];
    EXPECT_TRUE(visits(slack + 1e-4F, nearest[i])) << i;
    if (slack > 0) {
      EXPECT_FALSE(visits(slack - 1e-3F, nearest[i])) << i;
    }
  }
  EXPECT_GE(reached, 9U);
}

}  // namespace
}  // namespace omendb::index::graph
