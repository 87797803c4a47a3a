// Writers that come back while others wait share the next sync: on a disk that takes its time.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "storage/log/file_log.h"
#include "storage/testing/slow_env.h"

namespace omendb::storage {
namespace {

constexpr std::chrono::milliseconds kSyncTime{20};

/// Syncs that `threads` writers of `each` records needed, each waiting for one before the next.
int syncs_of(int threads, int each) {
  const auto env = std::make_shared<SlowEnv>(Env::in_memory(), kSyncTime);
  auto log = FileLog::open(
      env, "wal", {}, {}, [](const LogRecord&) { return Status(); }, nullptr);
  EXPECT_TRUE(log.ok()) << log.status().to_string();
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const std::span<const std::byte> part = as_bytes("record");
        const auto lsn = (*log)->append(ShardId{}, std::span(&part, 1));
        EXPECT_TRUE(lsn.ok() && (*log)->wait_durable(*lsn).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ((*log)->last_appended(), Lsn{static_cast<uint64_t>(threads * each)});
  return env->syncs();
}

TEST(LogGroupCommit, ALoneWriterSyncsEachRecordAndWaitsForNoOther) {
  EXPECT_EQ(syncs_of(1, 10), 10 + 1);  // and the new file's header
}

TEST(LogGroupCommit, TwoWritersDoNotTakeTurns) {
  // 30 if they share each; 44 as it comes, more if they take turns.
  EXPECT_LT(syncs_of(2, 30), 40);
}

TEST(LogGroupCommit, ManyWritersShareNearlyEverySync) {
  // 15 if they share each; 30 if one goes ahead and seven follow, in turns.
  EXPECT_LT(syncs_of(8, 15), 24);
}

}  // namespace
}  // namespace omendb::storage
