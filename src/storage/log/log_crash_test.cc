// The log under every fault at every operation. The oracle is the list of what was issued and how
// much of it was acknowledged: recovery must show a prefix P with acknowledged <= P <= issued.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/log/file_log.h"
#include "storage/testing/fault_env.h"

namespace omendb::storage {
namespace {

constexpr const char* kFolder = "db/wal";
constexpr Survival kSurvivals[] = {Survival::kNothing, Survival::kEverything, Survival::kPrefix,
                                   Survival::kTorn};

std::string text_of(uint64_t lsn) {
  return "record " + std::to_string(lsn) +
         std::string(lsn * 37 % 700, static_cast<char>('a' + lsn % 26));
}

// What a program knows of its own log.
struct Model {
  uint64_t issued = 0;
  uint64_t acknowledged = 0;
  LogMark mark;  // as the manifest would hold it
};

struct Recovered {
  Status status;
  std::unique_ptr<Log> log;
  uint64_t last = 0;
};

Recovered open_log(const std::shared_ptr<FaultEnv>& env, const LogOptions& options,
                   const LogMark& mark) {
  Recovered result;
  uint64_t expected = to_int(mark.trimmed);
  LogRecovery recovery;
  auto log = FileLog::open(
      env, kFolder, options, mark,
      [&](const LogRecord& record) {
        const std::string text(reinterpret_cast<const char*>(record.payload.data()),
                               record.payload.size());
        EXPECT_EQ(to_int(record.position), ++expected);
        EXPECT_EQ(text, text_of(to_int(record.position)));
        return Status();
      },
      &recovery);
  result.status = log.status();
  if (log.ok()) result.log = std::move(*log);
  result.last = to_int(recovery.last);
  return result;
}

// Appends in groups, waits, rotates, trims, reopens, until done or refused.
void run_workload(const std::shared_ptr<FaultEnv>& env, const LogOptions& options, Model& model) {
  for (int session = 0; session < 3; ++session) {
    auto opened = open_log(env, options, model.mark);
    if (!opened.status.ok()) return;
    EXPECT_GE(opened.last, model.acknowledged);
    EXPECT_LE(opened.last, model.issued);
    model.issued = opened.last;  // what was dropped will be written anew
    if (model.mark.sequence == 0) model.mark = opened.log->mark();
    for (int step = 0; step < 9; ++step) {
      Lsn last{};
      for (int i = 0; i < 1 + step % 3; ++i) {
        const std::string text = text_of(model.issued + 1);
        const std::span<const std::byte> part = as_bytes(text);
        const auto lsn = opened.log->append(ShardId{}, std::span(&part, 1));
        if (!lsn.ok()) return;
        model.issued = to_int(last = *lsn);
      }
      const Status durable =
          step % 4 == 3 ? opened.log->sync(last) : opened.log->wait_durable(last);
      if (!durable.ok()) return;
      if (options.sync_on_wait || step % 4 == 3) model.acknowledged = to_int(last);
      if (step == 6) {
        // In the last session it is trimmed whole.
        const uint64_t kept = session == 2 ? 0 : 4;
        if (session == 2 && !opened.log->sync(last).ok()) return;
        if (session == 2) model.acknowledged = to_int(last);
        model.mark = opened.log->mark();
        model.mark.durable = Lsn{model.acknowledged};
        model.mark.trimmed = Lsn{model.acknowledged - std::min(model.acknowledged, kept)};
        if (!opened.log->trim(model.mark.trimmed).ok()) return;
      }
    }
  }
}

std::shared_ptr<FaultEnv> fresh_env(uint64_t seed) {
  auto env = std::make_shared<FaultEnv>(seed);
  EXPECT_TRUE(env->make_directory("db").ok());
  EXPECT_TRUE(env->sync_directory(".").ok());
  return env;
}

// @return whether recovery showed what it must, twice, with an append between.
bool recovers(const std::shared_ptr<FaultEnv>& env, const LogOptions& options, const Model& model,
              Survival survival, std::string& why) {
  auto opened = open_log(env, options, model.mark);
  if (!opened.status.ok()) {
    why = opened.status.to_string();
    return false;
  }
  if (opened.last < model.acknowledged || opened.last > model.issued) {
    why = "recovered up to " + std::to_string(opened.last);
    return false;
  }
  const std::string text = text_of(opened.last + 1);
  const std::span<const std::byte> part = as_bytes(text);
  const auto lsn = opened.log->append(ShardId{}, std::span(&part, 1));
  if (!lsn.ok() || !opened.log->sync(*lsn).ok()) {
    why = "appending after recovery failed";
    return false;
  }
  opened.log.reset();
  env->restart(survival);  // a second power cut: what was recovered and added must be there
  const auto again = open_log(env, options, model.mark);
  if (!again.status.ok() || again.last != to_int(*lsn)) {
    why = "after a second crash: " + again.status.to_string() + ", up to " +
          std::to_string(again.last) + " of " + std::to_string(to_int(*lsn));
    return false;
  }
  return true;
}

struct Tally {
  uint64_t runs = 0;
  uint64_t failures = 0;
  std::string first;
};

// Every operation of the workload x one fault x one survival policy.
Tally try_everything(Fault fault, Survival survival, bool sync_on_wait, bool restart_env,
                     void (*sabotage)(FaultEnv&) = nullptr) {
  const LogOptions options{.sync_on_wait = sync_on_wait, .file_bytes = 8 << 10};
  Tally tally;
  for (uint64_t at = 0;; ++at) {
    const auto env = fresh_env(at * 31 + static_cast<uint64_t>(survival));
    if (sabotage != nullptr) sabotage(*env);
    env->arm({.at_operation = at + 2, .fault = fault});
    Model model;
    run_workload(env, options, model);
    if (!env->fired()) return tally;
    if (restart_env || env->crashed()) env->restart(survival);
    std::string why;
    ++tally.runs;
    if (recovers(env, options, model, survival, why)) continue;
    ++tally.failures;
    if (tally.first.empty()) {
      tally.first =
          "fault " + std::to_string(static_cast<int>(fault)) + " at operation " +
          std::to_string(at) + ", survival " + std::to_string(static_cast<int>(survival)) + ": " +
          why + "; acknowledged " + std::to_string(model.acknowledged) + ", issued " +
          std::to_string(model.issued) + ", trimmed " + std::to_string(to_int(model.mark.trimmed));
    }
  }
}

TEST(LogCrashTest, ACrashAtAnyOperationLeavesAPrefixThatHoldsAllAcknowledged) {
  for (const Survival survival : kSurvivals) {
    for (const bool sync : {true, false}) {
      const Tally tally = try_everything(Fault::kCrash, survival, sync, true);
      EXPECT_GT(tally.runs, 50u);
      EXPECT_EQ(tally.failures, 0u) << "of " << tally.runs << "; " << tally.first;
    }
  }
}

TEST(LogCrashTest, AFailedOperationFollowedByAPowerCutLosesNothingAcknowledged) {
  for (const Fault fault : {Fault::kShortWrite, Fault::kIoError, Fault::kNoSpace, Fault::kSyncFails,
                            Fault::kRenameFails}) {
    for (const Survival survival : kSurvivals) {
      const Tally tally = try_everything(fault, survival, true, true);
      EXPECT_GT(tally.runs, 5u);
      EXPECT_EQ(tally.failures, 0u) << "of " << tally.runs << "; " << tally.first;
    }
  }
}

// The process lives on and reopens: after a failed flush the cache shows bytes that the disk lacks,
// and recovery must not build on them.
TEST(LogCrashTest, AFailedOperationFollowedByReopeningLosesNothingAcknowledged) {
  for (const Fault fault : {Fault::kShortWrite, Fault::kIoError, Fault::kNoSpace, Fault::kSyncFails,
                            Fault::kRenameFails}) {
    const Tally tally = try_everything(fault, Survival::kNothing, true, false);
    EXPECT_GT(tally.runs, 5u);
    EXPECT_EQ(tally.failures, 0u) << "of " << tally.runs << "; " << tally.first;
  }
}

TEST(LogCrashTest, NegativeControlADiskThatIgnoresSyncIsFoundOut) {
  const Tally tally = try_everything(Fault::kCrash, Survival::kNothing, true, true,
                                     [](FaultEnv& env) { env.ignore_sync(true); });
  EXPECT_GT(tally.failures, tally.runs / 4);
}

TEST(LogCrashTest, NegativeControlADiskThatIgnoresDirectorySyncIsFoundOut) {
  const Tally tally = try_everything(Fault::kCrash, Survival::kNothing, true, true,
                                     [](FaultEnv& env) { env.ignore_directory_sync(true); });
  EXPECT_GT(tally.failures, tally.runs / 4);
}

TEST(LogCrashTest, AfterAFailedFlushTheLogIsReadOnlyUntilReopened) {
  const auto env = fresh_env(1);
  auto opened = open_log(env, {}, {});
  const std::string text = text_of(1);
  const std::span<const std::byte> part = as_bytes(text);
  const auto first = opened.log->append(ShardId{}, std::span(&part, 1));
  ASSERT_TRUE(opened.log->wait_durable(*first).ok());
  env->arm({.at_operation = env->operations(), .fault = Fault::kSyncFails});
  const std::string second_text = text_of(2);
  const std::span<const std::byte> second_part = as_bytes(second_text);
  const auto second = opened.log->append(ShardId{}, std::span(&second_part, 1));
  EXPECT_EQ(opened.log->wait_durable(*second).code(), StatusCode::kIoError);
  EXPECT_EQ(opened.log->wait_durable(*second).code(), StatusCode::kIoError);  // not retried
  EXPECT_TRUE(opened.log->wait_durable(*first).ok());
  const auto refused = opened.log->append(ShardId{}, std::span(&part, 1));
  EXPECT_EQ(refused.status().code(), StatusCode::kReadOnly);
  EXPECT_NE(refused.status().message().find("Input/output error"), std::string::npos);
  opened.log.reset();
  EXPECT_TRUE(open_log(env, {}, {}).status.ok());
}

}  // namespace
}  // namespace omendb::storage
