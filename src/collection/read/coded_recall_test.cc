// The recall that codes and reranking reach, whatever the plan would have chosen: from the fewest
// dimensions in which it estimates to many, for queries that are like the rows and for others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "collection/read/passes.h"
#include "index/coded_index.h"
#include "index/exact_index.h"
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

class CodedRecall : public ::testing::TestWithParam<Data> {};

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

  const index::ExactIndex exact(vectors);
  const index::Scope all{0, 0, kRows, nullptr, kRows};
  SearchPlan by_codes;
  by_codes.metric = data.metric;
  by_codes.legs = {{all, &vectors, coded, &exact}};
  by_codes.matches = kRows;
  SearchPlan in_full;
  in_full.metric = data.metric;
  in_full.legs = {{all, &vectors, &exact, &exact}};
  const auto found = [&](const SearchPlan& plan, size_t k, double recall) {
    std::vector<index::Gathered> gathered(
        kQueries, index::Gathered(k, std::numeric_limits<float>::infinity()));
    EXPECT_TRUE(answer(plan, queries, {.recall = recall}, Stop(), gathered).ok());
    return gathered;
  };
  for (const size_t k : {1, 10, 100}) {
    by_codes.effort = 40 * k;
    std::vector<index::Gathered> truth = found(in_full, k, 1);
    std::vector<float> reach;
    for (const index::Gathered& one : truth) reach.push_back(one.reach());
    for (const double recall : {0.8, 0.9, 0.95}) {
      std::vector<index::Gathered> got = found(by_codes, k, recall);
      size_t right = 0;
      for (size_t q = 0; q < kQueries; ++q) {
        for (const index::Hit& hit : got[q].take()) right += hit.distance <= reach[q] ? 1 : 0;
      }
      // Two standard errors of what so few queries show, neighbours of one query counted as one.
      const double slack = 2 * std::sqrt(recall * (1 - recall) / kQueries / std::sqrt(k));
      EXPECT_GE(static_cast<double>(right), (recall - slack) * static_cast<double>(kQueries * k))
          << "k " << k << " recall " << recall << " seed " << kSeed;
    }
  }
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
