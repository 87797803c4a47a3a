// Callers that write into their memory while it is appended: the log stays readable, and holds what
// it copied.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "storage/log/file_log.h"

namespace omendb::storage {
namespace {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OMENDB_TSAN 1
#endif
#endif

class ChangingMemoryTest : public testing::TestWithParam<size_t> {};

TEST_P(ChangingMemoryTest, ARecordWhoseMemoryChangesDuringTheCallIsReadBack) {
#ifdef OMENDB_TSAN
  GTEST_SKIP() << "the race is the caller's, and on purpose";
#endif
  const auto env = Env::in_memory();
  const auto open = [&](uint64_t& records) {
    records = 0;
    return FileLog::open(
        env, "wal", {}, {},
        [&](const LogRecord& record) {
          ++records;
          EXPECT_EQ(record.payload.size(), GetParam());
          return Status();
        },
        nullptr);
  };
  constexpr uint64_t kRecords = 20;
  uint64_t records = 0;
  {
    auto log = open(records);
    ASSERT_TRUE(log.ok()) << log.status().to_string();
    std::vector<std::atomic<uint8_t>> memory(GetParam());
    std::atomic<bool> stop{false};
    std::thread scribbler([&] {
      for (uint8_t value = 1; !stop; ++value) {
        for (size_t at = 0; at < memory.size(); at += 509) memory[at].store(value);
      }
    });
    const std::span<const std::byte> part(reinterpret_cast<const std::byte*>(memory.data()),
                                          memory.size());
    for (uint64_t i = 0; i < kRecords; ++i) {
      const auto lsn = (*log)->append(ShardId{}, std::span(&part, 1));
      EXPECT_TRUE(lsn.ok() && (*log)->wait_durable(*lsn).ok());
    }
    stop = true;
    scribbler.join();
  }
  const auto again = open(records);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(records, kRecords);
}

INSTANTIATE_TEST_SUITE_P(BufferedAndDirect, ChangingMemoryTest,
                         testing::Values(size_t{1} << 20, kDirectBytes + 12'345));

}  // namespace
}  // namespace omendb::storage
