// Turns in a lane: who comes when. Collections are told apart by pointers that are never followed.
#include "collection/tend/lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

namespace omendb::collection {
namespace {

/// Stands for a collection; only its address counts.
Lane::Core stand_in() {
  const auto owner = std::make_shared<int>(0);
  return {owner, reinterpret_cast<CollectionCore*>(owner.get())};
}

TEST(LaneTest, ACollectionWithMuchWorkLetsTheOthersComeBetween) {
  const std::vector<Lane::Core> cores = {stand_in(), stand_in(), stand_in()};
  std::map<const CollectionCore*, int> left;
  for (const auto& core : cores) left[core.get()] = 3;
  std::vector<const CollectionCore*> turns;
  std::promise<void> done;
  Lane lane({.step = [&](CollectionCore& core) -> Result<bool> {
               if (left[&core] == 0) return false;
               turns.push_back(&core);
               if (turns.size() == 9) done.set_value();
               --left[&core];
               return true;
             },
             .all = [&] { return cores; }});
  lane.add_all();
  lane.start();
  done.get_future().wait();
  lane.stop();
  ASSERT_EQ(turns.size(), 9U);
  for (size_t i = 0; i < turns.size(); ++i) EXPECT_EQ(turns[i], cores[i % 3].get()) << "turn " << i;
}

TEST(LaneTest, ACollectionWhoseWorkFailedIsTriedAgainAndDelaysNoOther) {
  const Lane::Core bad = stand_in();
  const Lane::Core good = stand_in();
  std::atomic<int> failures{0};
  std::atomic<int> good_turns{0};
  std::promise<void> again;
  Lane lane({.step = [&](CollectionCore& core) -> Result<bool> {
               if (&core == good.get()) return ++good_turns < 100;
               if (++failures == 2) again.set_value();
               return Status(StatusCode::kIoError, "for the test");
             },
             .all = [] { return std::vector<Lane::Core>(); }});
  lane.start();
  lane.add(bad);
  lane.add(good);
  again.get_future().wait();
  lane.stop();
  EXPECT_GT(good_turns, 10);
}

}  // namespace
}  // namespace omendb::collection
