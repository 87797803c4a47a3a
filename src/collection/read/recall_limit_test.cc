// The limit of estimates for a wanted recall, against draws of errors.
#include "collection/read/recall_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace omendb::collection {
namespace {

constexpr uint32_t kSeed = 17;

/// The mean share of the rows whose drawn estimate is at most the limit.
double drawn_share(const std::vector<float>& distances, float error, float limit,
                   std::mt19937& rng) {
  constexpr int kRounds = 5'000;
  std::normal_distribution<double> noise(0, error);
  size_t found = 0;
  for (int i = 0; i < kRounds; ++i) {
    for (const float d : distances) found += d + noise(rng) <= limit ? 1 : 0;
  }
  return static_cast<double>(found) / kRounds / static_cast<double>(distances.size());
}

TEST(RecallLimitTest, TheWantedShareIsFoundHoweverTheDistancesLie) {
  std::mt19937 rng(kSeed);
  const std::vector<std::vector<float>> shapes = {
      {5}, {1, 2}, std::vector<float>(10, 3), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {-3, -2.9F, 100}};
  for (const auto& distances : shapes) {
    for (const float error : {0.01F, 1.0F, 30.0F}) {
      for (const double recall : {0.3, 0.8, 0.95, 0.99}) {
        const float limit = recall_limit(distances, error, recall);
        const double share = drawn_share(distances, error, limit, rng);
        SCOPED_TRACE("rows " + std::to_string(distances.size()) + " error " +
                     std::to_string(error) + " recall " + std::to_string(recall));
        EXPECT_GE(share, recall - 0.02) << "seed " << kSeed;
        // And no more than one row of those that lie apart.
        const double one = 1.0 / static_cast<double>(distances.size());
        EXPECT_LE(share, recall + std::max(0.02, error < 1 ? one : 0.0)) << "seed " << kSeed;
      }
    }
  }
}

TEST(RecallLimitTest, FartherRowsNeverLowerTheLimit) {
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 500; ++round) {
    std::vector<float> distances(1 + rng() % 20);
    for (float& d : distances) d = normal(rng);
    const float before = recall_limit(distances, 0.5F, 0.9);
    distances[rng() % distances.size()] += std::fabs(normal(rng));
    EXPECT_GE(recall_limit(distances, 0.5F, 0.9), before - 1e-3F) << "seed " << kSeed;
  }
}

TEST(RecallLimitTest, FullRecallHasNoLimitAndExactEstimatesTheFarthestRow) {
  const std::vector<float> distances = {3, 1, 2};
  EXPECT_TRUE(std::isinf(recall_limit(distances, 1, 1)));
  EXPECT_EQ(recall_limit(distances, 0, 0.5), 3.0F);
}

}  // namespace
}  // namespace omendb::collection
