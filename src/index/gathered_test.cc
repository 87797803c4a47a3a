// Hits and candidates of one query, from indexes that repeat themselves.
#include "index/gathered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>

namespace omendb::index {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(RowSetTest, InsertIsTrueOnceForEachRow) {
  std::mt19937 rng(31);
  RowSet set;
  std::map<std::pair<uint32_t, uint32_t>, int> seen;
  for (int i = 0; i < 50'000; ++i) {
    const auto source = static_cast<uint32_t>(rng() % 3 == 0 ? UINT32_MAX - 1 : rng() % 4);
    const auto slot = static_cast<uint32_t>(rng() % 5'000);
    const bool is_new = seen[{source, slot}]++ == 0;
    ASSERT_EQ(set.insert(source, slot), is_new) << source << " " << slot;
  }
}

TEST(GatheredTest, RowsInAnyOrderAndRepeatedGiveEachOfTheNearestOnce) {
  constexpr uint32_t kSeed = 32;
  std::mt19937 rng(kSeed);
  for (int round = 0; round < 200; ++round) {
    const size_t k = 1 + rng() % 20;
    const float limit = rng() % 3 == 0 ? 30.0F : kInfinity;
    std::vector<Hit> rows;
    for (uint32_t slot = 0; slot < 100; ++slot) {
      rows.push_back({static_cast<float>(rng() % 50), static_cast<uint32_t>(rng() % 2), slot});
    }
    std::vector<Hit> offers = rows;
    offers.insert(offers.end(), rows.begin(), rows.begin() + 60);
    std::shuffle(offers.begin(), offers.end(), rng);
    Gathered gathered(k, limit);
    for (const Hit& hit : offers) gathered.add(hit);

    // What is expected: every row up to the k-th distance, ties with it included.
    std::sort(rows.begin(), rows.end(),
              [](const Hit& a, const Hit& b) { return a.distance < b.distance; });
    const float reach = std::min(limit, rows[k - 1].distance);
    std::erase_if(rows, [&](const Hit& hit) { return hit.distance > reach; });
    std::vector<Hit> taken = gathered.take();
    EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end(),
                               [](const Hit& a, const Hit& b) { return a.distance < b.distance; }));
    const auto by_slot = [](const Hit& a, const Hit& b) { return a.slot < b.slot; };
    std::sort(taken.begin(), taken.end(), by_slot);
    std::sort(rows.begin(), rows.end(), by_slot);
    ASSERT_EQ(taken, rows) << "seed " << kSeed << " round " << round << " k " << k;
  }
}

TEST(GatheredTest, ReachIsTheLimitUntilKRowsAreThere) {
  Gathered gathered(2, 10.0F);
  gathered.add({4, 0, 0});
  gathered.add({4, 0, 0});  // the same row: still one
  EXPECT_EQ(gathered.reach(), 10.0F);
  gathered.add({6, 0, 1});
  EXPECT_EQ(gathered.reach(), 6.0F);
  EXPECT_FALSE(gathered.claim(0, 1));
  EXPECT_TRUE(gathered.claim(1, 1));
}

}  // namespace
}  // namespace omendb::index
