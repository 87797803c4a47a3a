#include "index/top_k.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace omendb::index {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::infinity();

// Orders slots by keys of their own, as a collection orders them by ids.
class KeyOrder : public SlotOrder {
 public:
  explicit KeyOrder(std::vector<int> keys) : keys_(std::move(keys)) {}
  bool before(uint32_t a, uint32_t b) const override { return keys_[a] < keys_[b]; }

 private:
  std::vector<int> keys_;
};

RC_GTEST_PROP(TopK, KeepsTheFirstKOfTheSortedOffersWhateverTheirOrder, ()) {
  const size_t count = *rc::gen::inRange<size_t>(0, 300);
  const size_t k = *rc::gen::inRange<size_t>(1, 100);
  const float limit = *rc::gen::element(kNoLimit, 5.0F, 0.0F);
  const bool keyed = *rc::gen::arbitrary<bool>();
  std::vector<int> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = static_cast<int>(i * 7'919 % 1'009);  // distinct
  const KeyOrder order(keys);
  TopK top(k, limit, keyed ? &order : nullptr);
  std::vector<Neighbor> offers;
  for (size_t i = 0; i < count; ++i) {
    offers.push_back({static_cast<float>(*rc::gen::inRange(0, 12)), static_cast<uint32_t>(i)});
  }
  std::shuffle(offers.begin(), offers.end(), std::mt19937(*rc::gen::arbitrary<uint32_t>()));
  for (const Neighbor& offer : offers) top.offer(offer.distance, offer.slot);
  std::sort(offers.begin(), offers.end(), [&](const Neighbor& a, const Neighbor& b) {
    if (a.distance != b.distance) return a.distance < b.distance;
    return keyed ? keys[a.slot] < keys[b.slot] : a.slot < b.slot;
  });
  std::erase_if(offers, [limit](const Neighbor& n) { return n.distance > limit; });
  offers.resize(std::min(offers.size(), k));
  RC_ASSERT(top.threshold() == (offers.size() == k ? offers.back().distance : limit));
  RC_ASSERT(std::move(top).sorted() == offers);
}

TEST(TopK, NeverKeepsNaN) {
  TopK top(2);
  top.offer(std::numeric_limits<float>::quiet_NaN(), 1);
  top.offer(std::numeric_limits<float>::max(), 2);
  EXPECT_EQ(std::move(top).sorted(),
            (std::vector<Neighbor>{{std::numeric_limits<float>::max(), 2}}));
}

TEST(TopK, HoldsAsManyAsTheGreatestK) {
  const size_t k = 65'536;
  TopK top(k);
  for (uint32_t i = 0; i < 3 * k; ++i) {
    const uint32_t mixed = static_cast<uint32_t>(uint64_t{i} * 100'003 % (3 * k));
    top.offer(static_cast<float>(mixed), mixed);  // every value once: 100,003 is prime
  }
  const std::vector<Neighbor> kept = std::move(top).sorted();
  ASSERT_EQ(kept.size(), k);
  for (uint32_t i = 0; i < k; ++i) ASSERT_EQ(kept[i].slot, i);
}

}  // namespace
}  // namespace omendb::index
