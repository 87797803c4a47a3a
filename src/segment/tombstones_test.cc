#include "segment/tombstones.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace omendb::segment {
namespace {

using Shared = std::shared_ptr<const Tombstones>;

bool holds(const Shared& dead, const std::set<uint32_t>& model) {
  if (dead_count(dead) != model.size()) return false;
  if (dead == nullptr) return true;
  return dead->slots() == std::vector<uint32_t>(model.begin(), model.end());
}

RC_GTEST_PROP(Tombstones, EveryVersionKeepsTheSetThatItWasMadeAs, ()) {
  std::vector<std::pair<Shared, std::set<uint32_t>>> versions = {{nullptr, {}}};
  const auto steps = *rc::gen::inRange<size_t>(1, 20);
  for (size_t s = 0; s < steps; ++s) {
    // On any earlier version, not the last alone: a failed write leaves branches behind.
    const auto [base, base_model] = versions[*rc::gen::inRange<size_t>(0, versions.size())];
    const auto slots = *rc::gen::container<std::vector<uint32_t>>(
        rc::gen::oneOf(rc::gen::inRange<uint32_t>(0, 200), rc::gen::inRange<uint32_t>(4'090, 4'100),
                       rc::gen::inRange<uint32_t>(0, 5 * Tombstones::kSlotsPerPage)));
    auto model = base_model;
    model.insert(slots.begin(), slots.end());
    versions.emplace_back(Tombstones::with(base, slots), model);
  }
  for (const auto& [dead, model] : versions) {
    RC_ASSERT(holds(dead, model));
    for (uint32_t slot = 0; slot < 6 * Tombstones::kSlotsPerPage; slot += 1 + slot % 7) {
      RC_ASSERT(is_dead(dead, slot) == (model.count(slot) > 0));
    }
  }
}

RC_GTEST_PROP(Tombstones, ClearingTheDeadLeavesAMaskOfTheLiving, ()) {
  const auto slots = *rc::gen::container<std::vector<uint32_t>>(
      rc::gen::inRange<uint32_t>(0, 3 * Tombstones::kSlotsPerPage));
  const Shared dead = Tombstones::with(nullptr, slots);
  RC_PRE(!slots.empty());
  // The mask may end anywhere: a snapshot of a memtable is older than its dead rows.
  const auto words = *rc::gen::inRange<size_t>(0, 3 * Tombstones::kSlotsPerPage / 64 + 2);
  std::vector<uint64_t> mask(words, ~uint64_t{0});
  const std::set<uint32_t> model(slots.begin(), slots.end());
  dead->clear_dead(mask);
  for (uint32_t i = 0; i < words * 64; ++i) {
    RC_ASSERT(((mask[i / 64] >> (i % 64)) & 1) == (model.count(i) == 0 ? 1U : 0U));
  }
}

TEST(Tombstones, AddingNothingKeepsTheVersion) {
  EXPECT_EQ(Tombstones::with(nullptr, {}), nullptr);
  const std::vector<uint32_t> slots = {5};
  const Shared dead = Tombstones::with(nullptr, slots);
  EXPECT_EQ(Tombstones::with(dead, {}), dead);
  EXPECT_FALSE(is_dead(dead, UINT32_MAX));
  EXPECT_FALSE(is_dead(nullptr, 5));
}

}  // namespace
}  // namespace omendb::segment
