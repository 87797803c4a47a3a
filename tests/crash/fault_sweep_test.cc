// A whole database under every fault at every operation of its environment. The oracle is the list
// of what was issued and how much of it was acknowledged: after recovery every collection shows the
// same prefix of it, with acknowledged <= prefix <= issued.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "storage/testing/fault_env.h"
#include "workload.h"

namespace omendb::crash {
namespace {

using storage::Fault;
using storage::FaultEnv;
using storage::Survival;

constexpr Survival kSurvivals[] = {Survival::kNothing, Survival::kEverything, Survival::kPrefix,
                                   Survival::kTorn};
constexpr Fault kFaults[] = {Fault::kCrash,   Fault::kShortWrite, Fault::kIoError,
                             Fault::kNoSpace, Fault::kSyncFails,  Fault::kRenameFails};

/// What happens between the fault and the recovery.
enum class Aftermath : uint8_t {
  kPowerCut,
  kReopen,  ///< the process goes, the system's cache stays
};

struct Case {
  uint64_t at = UINT64_MAX;
  Fault fault = Fault::kCrash;
  Survival survival = Survival::kNothing;
  Aftermath aftermath = Aftermath::kPowerCut;
  WorkloadOptions workload;
  void (*sabotage)(FaultEnv&) = nullptr;

  uint64_t seed() const { return at * 31 + static_cast<uint64_t>(survival); }
  std::string describe() const {
    return "operation " + std::to_string(at) + ", fault " +
           std::to_string(static_cast<int>(fault)) + ", survival " +
           std::to_string(static_cast<int>(survival)) +
           (aftermath == Aftermath::kReopen ? ", reopened in place" : ", power cut") +
           (workload.carry_on ? ", carrying on" : "") + ", durability " +
           std::to_string(static_cast<int>(workload.durability));
  }
};

/// Recovers, with a crash in the middle of it first. @return empty, or what is wrong.
std::string recover(const std::shared_ptr<FaultEnv>& env, const Case& c, History& history) {
  bool opened = false;
  if (c.seed() % 3 == 0) {  // the power goes again while the database is opened or closed
    env->arm({.at_operation = env->operations() + c.seed() / 3 % 40});
    const std::string why = verify(env, history, opened);
    if (!env->crashed() && !why.empty()) return why;
    env->restart(c.survival);
  }
  std::string why = verify(env, history, opened);
  if (!why.empty()) return why;
  why = verify(env, history, opened);  // nothing may have changed
  return why.empty() ? why : "the second time: " + why;
}

/// @return empty, or what is wrong. `fired` tells whether the fault happened.
std::string try_case(const Case& c, bool& fired) {
  const auto env = std::make_shared<FaultEnv>(c.seed());
  if (c.sabotage != nullptr) c.sabotage(*env);
  env->arm({.at_operation = c.at, .fault = c.fault});
  History history(c.workload.durability == Durability::kSync);
  std::string why = run_workload(env, c.workload, history);
  fired = env->fired();
  if (!why.empty()) return "during the workload: " + why;
  if (c.aftermath == Aftermath::kPowerCut || env->crashed()) {
    env->restart(c.survival);
  } else {
    env->arm({});
  }
  if (why = recover(env, c, history); !why.empty()) return why;
  const auto power_off = [&] { env->arm({.at_operation = env->operations()}); };
  if (why = write_on(env, history, power_off); !why.empty()) return why;
  env->restart(Survival::kNothing);  // what was just written is acknowledged
  bool opened = false;
  why = verify(env, history, opened);
  return why.empty() ? why : "after writing on: " + why;
}

struct Tally {
  uint64_t runs = 0;
  uint64_t failures = 0;
  std::string first;
};

bool everything() {
  return std::getenv("OMENDB_LONG") != nullptr;
}

/// Operations of a run without faults. The background thread makes them vary a little.
uint64_t count_operations(const WorkloadOptions& workload) {
  const auto env = std::make_shared<FaultEnv>(1);
  History history(workload.durability == Durability::kSync);
  EXPECT_EQ(run_workload(env, workload, history), "");
  return env->operations();
}

/// Tries the case at every operation, or at `sample` of them spread over the run.
Tally sweep(Case c, uint64_t sample) {
  const uint64_t operations = count_operations(c.workload);
  const uint64_t step = everything() ? 1 : std::max<uint64_t>(1, operations / sample);
  Tally tally;
  // Different cases begin at different operations, so that together they reach more of them.
  const uint64_t kind = static_cast<uint64_t>(c.fault) * 5 + static_cast<uint64_t>(c.survival);
  for (c.at = kind * 7 % step; c.at < operations; c.at += step) {
    bool fired = false;
    const std::string why = try_case(c, fired);
    if (!fired) continue;
    ++tally.runs;
    if (why.empty()) continue;
    ++tally.failures;
    if (tally.first.empty()) tally.first = c.describe() + ": " + why;
  }
  return tally;
}

void expect_no_failure(const Case& c, uint64_t sample) {
  const Tally tally = sweep(c, sample);
  EXPECT_GT(tally.runs, 0u) << c.describe();
  EXPECT_EQ(tally.failures, 0u) << "of " << tally.runs << "; " << tally.first;
}

TEST(FaultSweepTest, TheWorkloadSucceedsWithoutFaults) {
  bool fired = false;
  EXPECT_EQ(try_case({}, fired), "");
  EXPECT_EQ(try_case({.aftermath = Aftermath::kReopen}, fired), "");
}

TEST(FaultSweepTest, ACrashAtAnyOperationLeavesAPrefixThatHoldsAllAcknowledged) {
  for (const Survival survival : kSurvivals) {
    expect_no_failure({.survival = survival}, 40);
  }
}

TEST(FaultSweepTest, AFailedOperationFollowedByAPowerCutLosesNothingAcknowledged) {
  for (const Fault fault : kFaults) {
    if (fault == Fault::kCrash) continue;
    for (const Survival survival : kSurvivals) {
      expect_no_failure({.fault = fault, .survival = survival}, 10);
    }
  }
}

TEST(FaultSweepTest, AProcessThatCarriesOnAfterAFailedOperationAcknowledgesNothingThatIsLost) {
  for (const Fault fault : kFaults) {
    if (fault == Fault::kCrash) continue;
    for (const Survival survival : {Survival::kNothing, Survival::kEverything}) {
      expect_no_failure({.fault = fault, .survival = survival, .workload = {.carry_on = true}}, 12);
    }
  }
}

TEST(FaultSweepTest, AFailedOperationFollowedByReopeningLosesNothingAcknowledged) {
  for (const Fault fault : kFaults) {
    if (fault == Fault::kCrash) continue;
    expect_no_failure({.fault = fault, .aftermath = Aftermath::kReopen}, 20);
  }
}

TEST(FaultSweepTest, WithoutSyncedWritesACrashStillLeavesAPrefixThatHoldsWhatWasFlushed) {
  for (const Durability durability : {Durability::kNone, Durability::kInterval}) {
    for (const Survival survival : kSurvivals) {
      expect_no_failure({.survival = survival, .workload = {.durability = durability}}, 12);
    }
  }
}

TEST(FaultSweepTest, NegativeControlADiskThatIgnoresSyncIsFoundOut) {
  Case c;
  c.sabotage = [](FaultEnv& env) { env.ignore_sync(true); };
  const Tally tally = sweep(c, 30);
  EXPECT_GT(tally.failures, tally.runs / 4);
}

TEST(FaultSweepTest, NegativeControlADiskThatIgnoresDirectorySyncIsFoundOut) {
  Case c;
  c.sabotage = [](FaultEnv& env) { env.ignore_directory_sync(true); };
  const Tally tally = sweep(c, 30);
  EXPECT_GT(tally.failures, tally.runs / 4);
}

}  // namespace
}  // namespace omendb::crash
