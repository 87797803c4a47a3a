#include "storage/log/follower.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "storage/log/file_log.h"
#include "storage/testing/fault_env.h"

namespace omendb::storage {
namespace {

constexpr const char* kFolder = "db/wal";
using Outcome = LogFollower::Outcome;

class LogFollowerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_->make_directory("db").ok()); }

  std::unique_ptr<Log> open(uint64_t trimmed = 0, LogOptions options = {}) {
    auto log = FileLog::open(
        env_, kFolder, options, {.trimmed = Lsn{trimmed}},
        [](const LogRecord&) { return Status(); }, nullptr);
    EXPECT_TRUE(log.ok()) << log.status().to_string();
    return std::move(*log);
  }

  /// Appends the record that belongs at the next position, and waits for it.
  Status add(Log& log) {
    const std::string text = text_of(to_int(log.last_appended()) + 1);
    const std::span<const std::byte> part = as_bytes(text);
    const auto lsn = log.append(ShardId{}, std::span(&part, 1));
    return lsn.ok() ? log.wait_durable(*lsn) : lsn.status();
  }

  static std::string text_of(uint64_t position) {
    return std::to_string(position) + std::string(position * 37 % 900, 'x');
  }

  /// Reads, and checks that the records follow the last ones and are what was appended.
  Outcome read(LogFollower& follower) {
    const auto outcome = follower.read([&](const LogRecord& record) {
      const auto* text = reinterpret_cast<const char*>(record.payload.data());
      EXPECT_EQ(to_int(record.position), to_int(follower.position()) + 1);
      EXPECT_EQ(std::string(text, record.payload.size()), text_of(to_int(record.position)));
      return Status();
    });
    EXPECT_TRUE(outcome.ok()) << outcome.status().to_string();
    return outcome.ok() ? *outcome : Outcome::kLost;
  }

  const std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
};

TEST_F(LogFollowerTest, ARecordIsThereAsSoonAsItIsAcknowledgedAndOnlyOnce) {
  LogFollower follower(env_, kFolder, Lsn{0});
  EXPECT_FALSE(*follower.has_news());  // no folder yet
  EXPECT_EQ(read(follower), Outcome::kUpToDate);
  const auto log = open();
  for (uint64_t i = 1; i <= 50; ++i) {
    ASSERT_TRUE(add(*log).ok());
    EXPECT_TRUE(*follower.has_news());
    EXPECT_EQ(read(follower), Outcome::kUpToDate);
    EXPECT_EQ(to_int(follower.position()), i);
    EXPECT_FALSE(*follower.has_news());
  }
}

TEST_F(LogFollowerTest, ItFollowsThroughManyFilesTrimmingAndReuse) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  LogFollower follower(env_, kFolder, Lsn{0});
  uint64_t trimmed = 0;  // what a manifest says
  auto log = open(0, {.file_bytes = 16 << 10});
  for (int step = 0; step < 500; ++step) {
    for (uint64_t i = random() % 12; i-- > 0;) ASSERT_TRUE(add(*log).ok());
    if (random() % 3 == 0) {
      ASSERT_EQ(read(follower), Outcome::kUpToDate);
      ASSERT_EQ(follower.position(), log->last_appended());
    }
    // Trims what the follower has read, at most.
    if (random() % 5 == 0) {
      trimmed = to_int(follower.position());
      ASSERT_TRUE(log->trim(Lsn{trimmed}).ok());
    }
    if (random() % 50 == 0) {
      log.reset();
      log = open(trimmed, {.file_bytes = 16 << 10});
    }
  }
}

TEST_F(LogFollowerTest, RecordsThatWereTrimmedBeforeTheyWereReadAreSaidToBeLost) {
  LogFollower follower(env_, kFolder, Lsn{0});
  const auto log = open(0, {.file_bytes = 16 << 10});
  ASSERT_TRUE(add(*log).ok());
  ASSERT_EQ(read(follower), Outcome::kUpToDate);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(add(*log).ok());
    ASSERT_TRUE(log->trim(Lsn{to_int(log->last_appended()) - 1}).ok());
  }
  EXPECT_TRUE(*follower.has_news());
  EXPECT_EQ(read(follower), Outcome::kLost);
  LogFollower again(env_, kFolder, Lsn{to_int(log->last_appended()) - 1});
  EXPECT_EQ(read(again), Outcome::kUpToDate);
  EXPECT_EQ(again.position(), log->last_appended());
}

TEST_F(LogFollowerTest, ARecordThatALaterWriterDidNotKeepIsSaidToBeLost) {
  LogFollower follower(env_, kFolder, Lsn{0});
  auto log = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(add(*log).ok());
  log.reset();
  ASSERT_EQ(read(follower), Outcome::kUpToDate);
  // As after a flush that failed: the last record was in the system's cache, and is gone.
  const std::string path = join(kFolder, log_file_name(1));
  auto bytes = *env_->read_file(path);
  const size_t third =
      kLogHeaderBytes + log_frame_bytes(text_of(1).size()) + log_frame_bytes(text_of(2).size());
  const std::vector<std::byte> zeros(bytes.size() - third);
  ASSERT_TRUE((*env_->reopen_file(path))->write_at(third, zeros).ok());
  log = open();
  ASSERT_EQ(log->last_appended(), Lsn{2});
  ASSERT_TRUE(add(*log).ok());  // the same number, and even the same bytes
  ASSERT_TRUE(add(*log).ok());
  EXPECT_EQ(read(follower), Outcome::kLost);
}

TEST_F(LogFollowerTest, DamageBeforeARecordThatWasDurableIsNotTheEndOfTheLog) {
  auto log = open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(add(*log).ok());
  log.reset();
  LogFollower sound(env_, kFolder, Lsn{0});
  EXPECT_EQ(read(sound), Outcome::kUpToDate);
  EXPECT_TRUE(sound.check_end({}).ok());
  const size_t second = kLogHeaderBytes + log_frame_bytes(text_of(1).size());
  const std::byte flipped[] = {std::byte{0xff}};
  const std::string path = join(kFolder, log_file_name(1));
  ASSERT_TRUE((*env_->reopen_file(path))->write_at(second + sizeof(LogFrame), flipped).ok());
  LogFollower damaged(env_, kFolder, Lsn{0});
  EXPECT_EQ(read(damaged), Outcome::kUpToDate);
  EXPECT_EQ(to_int(damaged.position()), 1U);
  const Status status = damaged.check_end({});
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("offset " + std::to_string(second)), std::string::npos)
      << status.message();
}

TEST_F(LogFollowerTest, HalfAFrameIsNoRecordYet) {
  auto log = open();
  ASSERT_TRUE(add(*log).ok());
  ASSERT_TRUE(add(*log).ok());
  log.reset();
  const std::string path = join(kFolder, log_file_name(1));
  const auto whole = *env_->read_file(path);
  const size_t second = kLogHeaderBytes + log_frame_bytes(text_of(1).size());
  const size_t end = second + log_frame_bytes(text_of(2).size());
  for (size_t cut = second; cut <= end; cut += 7) {
    auto bytes = whole;
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(cut), bytes.end(), std::byte{0});
    auto file = *env_->create_file(path);
    ASSERT_TRUE(file->append(bytes).ok());
    LogFollower follower(env_, kFolder, Lsn{0});
    EXPECT_EQ(read(follower), Outcome::kUpToDate);
    const bool padding = cut >= second + sizeof(LogFrame) + text_of(2).size();
    EXPECT_EQ(to_int(follower.position()), padding ? 2U : 1U) << "cut at " << cut - second;
    ASSERT_TRUE(file->write_at(0, whole).ok());  // the writer goes on
    EXPECT_EQ(read(follower), Outcome::kUpToDate);
    EXPECT_EQ(to_int(follower.position()), 2U);
  }
}

}  // namespace
}  // namespace omendb::storage
