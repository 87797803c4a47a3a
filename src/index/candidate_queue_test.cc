// The oracle keeps every offer and sorts: pruning is approximate inside, the result may not be.
#include "index/candidate_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace omendb::index {
namespace {

constexpr size_t kLanes = 32;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Offer i has the estimate estimates[i], source i / 1000 and slot i mod 1000, so that among equals
/// the order of offers is the order of places.
Candidate offered(const std::vector<float>& estimates, size_t i) {
  return {estimates[i], static_cast<uint32_t>(i / 1'000), static_cast<uint32_t>(i % 1'000)};
}

std::vector<Candidate> oracle(const std::vector<float>& estimates, size_t capacity) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < estimates.size(); ++i) all.push_back(offered(estimates, i));
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.estimate < b.estimate; });
  all.resize(std::min(all.size(), capacity));
  return all;
}

enum class Lanes {
  kAll,         ///< every lane is offered, whatever the threshold
  kHits,        ///< those at most the threshold, as the block scan does
  kOneByOne,    ///< blocks of a single lane
  kWithPauses,  ///< kAll, and the result is read in between
};

/// Blocks end with their source, so that each has one.
std::vector<Candidate> kept(CandidateQueue& queue, const std::vector<float>& estimates,
                            Lanes lanes) {
  size_t i = 0;
  size_t blocks = 0;
  while (i < estimates.size()) {
    const size_t width = lanes == Lanes::kOneByOne ? 1 : kLanes;
    const size_t n = std::min({width, estimates.size() - i, 1'000 - i % 1'000});
    float block[kLanes] = {};
    uint32_t mask = 0;
    for (size_t lane = 0; lane < n; ++lane) {
      block[lane] = estimates[i + lane];
      const bool hit = lanes != Lanes::kHits || block[lane] <= queue.threshold();
      mask |= static_cast<uint32_t>(hit) << lane;
    }
    const Candidate first = offered(estimates, i);
    queue.offer(mask, block, first.source, first.slot);
    if (lanes == Lanes::kWithPauses && blocks++ % 7 == 0) (void)queue.sorted();
    i += n;
  }
  const auto sorted = queue.sorted();
  return {sorted.begin(), sorted.end()};
}

void expect_exact(const std::string& what, const std::vector<float>& estimates) {
  for (const size_t capacity : {1UL, 10UL, 100UL, 512UL, 1'000UL, 5'000UL}) {
    const std::vector<Candidate> expected = oracle(estimates, capacity);
    CandidateQueue queue(capacity);
    for (const Lanes lanes : {Lanes::kAll, Lanes::kHits, Lanes::kOneByOne, Lanes::kWithPauses}) {
      queue.reset(capacity);
      EXPECT_TRUE(kept(queue, estimates, lanes) == expected)
          << what << ", capacity " << capacity << ", lanes " << static_cast<int>(lanes);
    }
  }
}

std::vector<float> stream(size_t n, const std::function<float(size_t)>& at) {
  std::vector<float> out;
  for (size_t i = 0; i < n; ++i) out.push_back(at(i));
  return out;
}

constexpr size_t kOffers = 30'000;

TEST(CandidateQueue, KeepsTheSmallestOfRandomOffers) {
  for (const uint32_t seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(100, 30);
    expect_exact("seed " + std::to_string(seed),
                 stream(kOffers, [&](size_t) { return normal(random); }));
  }
}

TEST(CandidateQueue, KeepsOnlyWhatLiesBelowAGivenEstimate) {
  std::mt19937 random(7);
  const std::vector<float> estimates =
      stream(kOffers, [&](size_t) { return static_cast<float>(random() % 1'000); });
  for (const float below : {0.0F, 3.0F, 400.0F}) {
    std::vector<float> wanted = estimates;
    for (float& estimate : wanted) {
      if (estimate >= below) estimate = kInfinity;
    }
    for (const size_t capacity : {10UL, 1'000UL, 40'000UL}) {
      std::vector<Candidate> expected = oracle(wanted, capacity);
      std::erase_if(expected, [](const Candidate& c) { return c.estimate == kInfinity; });
      CandidateQueue queue(capacity, below);
      for (const Lanes lanes : {Lanes::kAll, Lanes::kHits}) {
        queue.reset(capacity, below);
        EXPECT_TRUE(kept(queue, estimates, lanes) == expected) << below << ", " << capacity;
        EXPECT_EQ(queue.threshold() == below, expected.size() < capacity || below == 0)
            << "it falls when more are offered than fit";
      }
    }
  }
}

TEST(CandidateQueue, KeepsTheSmallestOfAscendingAndDescendingOffers) {
  expect_exact("ascending", stream(kOffers, [](size_t i) { return static_cast<float>(i); }));
  expect_exact("descending", stream(kOffers, [](size_t i) { return -static_cast<float>(i); }));
}

TEST(CandidateQueue, KeepsTheFirstOfEqualOffers) {
  expect_exact("constant", stream(kOffers, [](size_t) { return 1.0F; }));
  expect_exact("two values", stream(kOffers, [](size_t i) { return i % 3 == 0 ? 1.0F : 2.0F; }));
  expect_exact("two values, the smaller late",
               stream(kOffers, [](size_t i) { return i < 20'000 ? 2.0F : 1.0F; }));
  std::mt19937 random(4);
  expect_exact("twenty values",
               stream(kOffers, [&](size_t) { return static_cast<float>(random() % 20); }));
}

TEST(CandidateQueue, ASampleThatMisleadsCostsTimeAndNotResults) {
  // The buffer is sampled at regular steps: offers at even places, or at every 3rd to 9th, are
  // far below or above the others.
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform;
  for (size_t step = 2; step < 10; ++step) {
    for (const float shift : {-1'000.0F, 1'000.0F}) {
      expect_exact("step " + std::to_string(step), stream(6'000, [&](size_t i) {
                     return uniform(random) + (i % step == 0 ? shift : 0.0F);
                   }));
    }
  }
}

TEST(CandidateQueue, SurvivesWavesOutliersAndInfinities) {
  std::mt19937 random(6);
  expect_exact("waves", stream(kOffers, [](size_t i) {
                 return std::sin(static_cast<float>(i) / 300) * static_cast<float>(i);
               }));
  expect_exact("mostly infinite",
               stream(kOffers, [](size_t i) { return i % 50 == 0 ? 1.0F : kInfinity; }));
  expect_exact("infinite", stream(kOffers, [](size_t) { return kInfinity; }));
  expect_exact("few far below", stream(kOffers, [&](size_t i) {
                 return i % 997 == 0 ? -1e30F : static_cast<float>(random() % 1'000'000);
               }));
}

TEST(CandidateQueue, TheThresholdNeverRisesAndNeverExcludesAResult) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const auto estimates = stream(kOffers, [&](size_t) { return normal(random); });
  const size_t capacity = 300;
  const float last = oracle(estimates, capacity).back().estimate;
  CandidateQueue queue(capacity);
  float before = kInfinity;
  for (size_t i = 0; i + kLanes <= estimates.size(); i += kLanes) {
    queue.offer(~0U, estimates.data() + i, 0, static_cast<uint32_t>(i));
    EXPECT_LE(queue.threshold(), before);
    EXPECT_GE(queue.threshold(), last);
    before = queue.threshold();
  }
  EXPECT_LT(before, normal.mean() - normal.stddev()) << "hardly anything was pruned";
}

}  // namespace
}  // namespace omendb::index
