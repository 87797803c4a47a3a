// The recall that codes, partitions, or a graph, and reranking reach, whatever the plan would have
// chosen: from the fewest dimensions in which it estimates to many, for queries that are like the
// rows and for others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "collection/read/passes.h"
#include "index/coded_index.h"
#include "index/exact_index.h"
#include "index/graph/build.h"
#include "index/graph/graph_index.h"
#include "index/partition/build.h"
#include "index/partition/partition_index.h"
#include "segment/segment_test_util.h"

namespace omendb::collection {
namespace {

constexpr uint32_t kRows = 8'192;
constexpr size_t kQueries = 60;
constexpr uint32_t kSeed = 41;

enum class Queries { kLikeRows, kIsotropic, kAroundZero, kSparse };

struct Data {
  Metric metric;
  size_t dim;
  Queries queries = Queries::kLikeRows;
  float shift = 0;  ///< of the rows
  size_t rank = 0;  ///< of the rows, beside some noise; 0: full
};

/// Rows, then queries.
std::vector<float> draw(const Data& data) {
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal;
  std::vector<float> basis(data.rank * data.dim);
  for (float& x : basis) x = normal(rng);
  std::vector<float> values((kRows + kQueries) * data.dim);
  for (size_t r = 0; r < kRows + kQueries; ++r) {
    float* row = &values[r * data.dim];
    const Queries kind = r < kRows ? Queries::kLikeRows : data.queries;
    if (kind == Queries::kSparse) {
      for (int i = 0; i < 3; ++i) row[rng() % data.dim] = normal(rng);
      row[0] += 0.1F;
      continue;
    }
    const bool of_rank = kind == Queries::kLikeRows && data.rank > 0;
    const float shift = kind == Queries::kLikeRows ? data.shift : 0;
    for (size_t d = 0; d < data.dim; ++d) row[d] = (of_rank ? 0.3F : 1) * normal(rng) + shift;
    for (size_t b = 0; of_rank && b < data.rank; ++b) {
      const float weight = normal(rng);
      for (size_t d = 0; d < data.dim; ++d) row[d] += weight * basis[b * data.dim + d];
    }
  }
  return values;
}

/// A search in full, and by an index, of rows and for queries that were drawn.
class Searches {
 public:
  Searches(Metric metric, const index::Rows& rows, const index::PartIndex& index,
           const VectorsView& queries)
      : exact_(rows), queries_(queries) {
    const index::Scope all{0, 0, kRows, nullptr, kRows};
    by_index_.metric = in_full_.metric = metric;
    by_index_.legs = {{all, &rows, &index, &exact_}};
    in_full_.legs = {{all, &rows, &exact_, &exact_}};
    by_index_.matches = kRows;
  }

  /// The neighbours that are found, of kQueries x k.
  size_t right(size_t k, double recall) {
    std::vector<index::Gathered> truth = found(in_full_, k, 1);
    by_index_.effort = 40 * k;
    const double share = by_index_.legs[0].index->share_of_misses();
    by_index_.reach = 1 - share * (1 - recall);
    const double of_reached = 1 - (1 - share) * (1 - recall);
    std::vector<index::Gathered> got = found(by_index_, k, of_reached);
    size_t right = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      for (const index::Hit& hit : got[q].take()) right += hit.distance <= truth[q].reach() ? 1 : 0;
    }
    return right;
  }

 private:
  std::vector<index::Gathered> found(const SearchPlan& plan, size_t k, double recall) const {
    std::vector<index::Gathered> gathered(
        kQueries, index::Gathered(k, std::numeric_limits<float>::infinity()));
    EXPECT_TRUE(answer(plan, queries_, {.recall = recall}, Stop(), gathered).ok());
    return gathered;
  }

  const index::ExactIndex exact_;
  const VectorsView queries_;
  SearchPlan by_index_;
  SearchPlan in_full_;
};

class CodedRecall : public ::testing::TestWithParam<Data> {};

void expect_recall(Searches& searches, const char* by) {
  for (const size_t k : {1, 10, 100}) {
    for (const double recall : {0.8, 0.9, 0.95}) {
      // Two standard errors of what so few queries show, neighbours of one query counted as one.
      const double slack = 2 * std::sqrt(recall * (1 - recall) / kQueries / std::sqrt(k));
      EXPECT_GE(static_cast<double>(searches.right(k, recall)),
                (recall - slack) * static_cast<double>(kQueries * k))
          << by << " k " << k << " recall " << recall << " seed " << kSeed;
    }
  }
}

TEST_P(CodedRecall, IsWhatWasPlannedForEveryK) {
  const Data data = GetParam();
  const segment::VectorSpec spec{data.dim, data.metric, Element::kF32};
  const std::vector<float> values = draw(data);
  std::mt19937 rng(kSeed);
  std::vector<std::byte> bytes(kRows * spec.row_bytes());
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), bytes.size(), bytes.data());
  const auto ids = segment::testing::distinct_ids(IdKind::kU64, kRows, 1, rng);
  const auto rows =
      segment::testing::filled_memtable(segment::unnamed_field(spec), IdKind::kU64, ids, {bytes})
          ->view(kRows);
  const index::Rows& vectors = rows->field(0);
  const index::PartIndex* coded = rows->index(0);
  ASSERT_NE(coded, nullptr);
  ASSERT_EQ(coded->rows(), kRows);
  const VectorsView queries{&values[kRows * data.dim], kQueries, data.dim, Element::kF32, 0};

  Searches by_codes(data.metric, vectors, *coded, queries);
  expect_recall(by_codes, "codes");
  JobControl control;
  const auto cells = index::partition::build(
      vectors, {.metric = data.metric, .dim = data.dim, .seed = kSeed}, control);
  ASSERT_TRUE(cells.ok()) << cells.status().to_string();
  const index::partition::PartitionIndex partitions(**cells);
  Searches by_cells(data.metric, vectors, partitions, queries);
  expect_recall(by_cells, "partitions");
  const auto nodes = index::graph::build(
      vectors, **cells, {.metric = data.metric, .dim = data.dim, .seed = kSeed}, control);
  ASSERT_TRUE(nodes.ok()) << nodes.status().to_string();
  const index::graph::GraphIndex graph(**nodes);
  Searches by_edges(data.metric, vectors, graph, queries);
  expect_recall(by_edges, "graph");
}

INSTANTIATE_TEST_SUITE_P(Shapes, CodedRecall,
                         ::testing::Values(Data{Metric::kCosine, 8}, Data{Metric::kL2, 8},
                                           Data{Metric::kInnerProduct, 8},
                                           Data{Metric::kCosine, 16}, Data{Metric::kL2, 64},
                                           Data{Metric::kInnerProduct, 64},
                                           Data{Metric::kCosine, 128, Queries::kLikeRows, 5},
                                           Data{Metric::kCosine, 256, Queries::kIsotropic, 0, 32},
                                           Data{Metric::kCosine, 256, Queries::kAroundZero, 1},
                                           Data{Metric::kCosine, 256, Queries::kSparse},
                                           Data{Metric::kL2, 256, Queries::kIsotropic, 0, 32}),
                         [](const auto& instance) {
                           const Data& data = instance.param;
                           return std::string(metric_name(data.metric)) + "_" +
                                  std::to_string(data.dim) + "_" + std::to_string(instance.index);
                         });

}  // namespace
}  // namespace omendb::collection
