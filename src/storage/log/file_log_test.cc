#include "storage/log/file_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "storage/log/folder.h"
#include "storage/log/format.h"

namespace omendb::storage {
namespace {

constexpr const char* kFolder = "db/wal";

std::string text_of(std::span<const std::byte> payload) {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

// A log in memory and what came out of it.
struct Opened {
  Status status;
  std::unique_ptr<Log> log;
  LogRecovery recovery;
  std::map<uint64_t, std::string> records;
  std::vector<Epoch> epochs;
  std::vector<ShardId> shards;
};

class LogTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_->make_directory("db").ok()); }

  Opened open(uint64_t from = 0, LogOptions options = {}) {
    return open(LogMark{.trimmed = Lsn{from}, .durable = Lsn{from}}, options);
  }
  Opened open(const LogMark& mark, LogOptions options = {}) {
    Opened opened;
    auto log = FileLog::open(
        env_, kFolder, options, mark,
        [&](const LogRecord& record) {
          opened.records.emplace(to_int(record.position), text_of(record.payload));
          opened.epochs.push_back(record.epoch);
          opened.shards.push_back(record.shard);
          return Status();
        },
        &opened.recovery);
    opened.status = log.status();
    if (log.ok()) opened.log = std::move(*log);
    return opened;
  }

  static Lsn add(Log& log, std::string_view text) {
    const std::span<const std::byte> part = as_bytes(text);
    const auto lsn = log.append(ShardId{}, std::span(&part, 1));
    EXPECT_TRUE(lsn.ok()) << lsn.status().to_string();
    return lsn.ok() ? *lsn : Lsn{0};
  }

  static void add_durable(Log& log, std::string_view text) {
    const Status status = log.wait_durable(add(log, text));
    EXPECT_TRUE(status.ok()) << status.to_string();
  }

  std::vector<std::byte> contents(const std::string& name) {
    return *env_->read_file(join(kFolder, name));
  }
  void replace(const std::string& name, std::span<const std::byte> bytes) {
    auto file = env_->create_file(join(kFolder, name));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->append(bytes).ok());
  }
  std::vector<std::string> files() {
    auto names = *env_->list(kFolder);
    std::ranges::sort(names);
    return names;
  }

  std::shared_ptr<Env> env_ = Env::in_memory();
};

TEST_F(LogTest, RecordsComeBackInOrderAfterReopening) {
  {
    auto opened = open();
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    EXPECT_EQ(add(*opened.log, "one"), Lsn{1});
    EXPECT_EQ(add(*opened.log, ""), Lsn{2});
    add_durable(*opened.log, "three");
    EXPECT_EQ(opened.log->last_appended(), Lsn{3});
  }
  const auto again = open();
  ASSERT_TRUE(again.status.ok()) << again.status.to_string();
  EXPECT_EQ(again.records, (std::map<uint64_t, std::string>{{1, "one"}, {2, ""}, {3, "three"}}));
  EXPECT_EQ(again.recovery.last, Lsn{3});
  EXPECT_TRUE(again.recovery.notes.empty());
  EXPECT_EQ(open(2).records.size(), 1u);
}

TEST_F(LogTest, EachRecordCarriesItsShardAndTheEpochOfTheOpeningThatWroteIt) {
  for (uint32_t session = 1; session <= 3; ++session) {
    auto opened = open();
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    EXPECT_EQ(opened.log->epoch(), Epoch{session});
    const std::span<const std::byte> part = as_bytes("x");
    ASSERT_TRUE(opened.log->append(ShardId{session * 7}, std::span(&part, 1)).ok());
  }
  const auto again = open();
  EXPECT_EQ(again.epochs, (std::vector{Epoch{1}, Epoch{2}, Epoch{3}}));
  EXPECT_EQ(again.shards, (std::vector{ShardId{7}, ShardId{14}, ShardId{21}}));
}

TEST_F(LogTest, AnEpochIsNotGivenTwiceEvenIfAllThatItWroteWasTorn) {
  Epoch torn{};
  {
    auto opened = open();
    torn = opened.log->epoch();
    add_durable(*opened.log, "one");
  }
  const std::string name = files().front();
  auto bytes = contents(name);
  bytes[kLogHeaderBytes] ^= std::byte{1};
  replace(name, bytes);
  const auto again = open();
  ASSERT_TRUE(again.status.ok()) << again.status.to_string();
  EXPECT_TRUE(again.records.empty());
  EXPECT_GT(again.log->epoch(), torn);
}

TEST_F(LogTest, ARecordOfAnOlderWriterBehindOneOfANewerIsRefused) {
  {
    auto opened = open();
    add(*opened.log, "one");
    add_durable(*opened.log, "two");
  }
  const std::string name = files().front();
  auto bytes = contents(name);
  LogFileHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  LogFrame frame;
  std::memcpy(&frame, bytes.data() + kLogHeaderBytes, sizeof(frame));
  frame.epoch = 9;
  frame.header_crc = log_frame_crc(frame, header.crc);
  std::memcpy(bytes.data() + kLogHeaderBytes, &frame, sizeof(frame));
  replace(name, bytes);
  const auto opened = open();
  EXPECT_EQ(opened.status.code(), StatusCode::kCorruption);
  EXPECT_NE(opened.status.message().find("record 2 has epoch 1"), std::string::npos)
      << opened.status.message();
}

TEST_F(LogTest, AFrameThatRepeatsTheLastNumberIsNotTakenOverBehindIt) {
  {
    auto opened = open();
    add(*opened.log, "one");
    add_durable(*opened.log, "two");
  }
  const std::string name = "0000000001.wal";
  auto bytes = contents(name);
  const auto second = bytes.begin() + kLogHeaderBytes + log_frame_bytes(3);
  const std::vector<std::byte> frame(second, second + log_frame_bytes(3));
  std::ranges::copy(frame, bytes.insert(second + log_frame_bytes(3), frame.size(), {}));
  replace(name, bytes);
  {
    auto opened = open();
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    EXPECT_EQ(opened.recovery.last, Lsn{2});
    add_durable(*opened.log, "three");
  }
  const auto again = open();
  EXPECT_EQ(again.records, (std::map<uint64_t, std::string>{{1, "one"}, {2, "two"}, {3, "three"}}));
}

TEST_F(LogTest, ReopeningManyTimesKeepsEverything) {
  for (uint64_t round = 0; round < 20; ++round) {
    auto opened = open();
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    ASSERT_EQ(opened.records.size(), round * 2);
    add(*opened.log, "a" + std::to_string(round));
    add_durable(*opened.log, "b" + std::to_string(round));
  }
}

TEST_F(LogTest, PartsAreJoinedAndLargeRecordsKeepTheirPlaceAmongSmallOnes) {
  const std::string large(size_t{9} << 20, 'L');
  {
    auto opened = open();
    add(*opened.log, "before");
    const std::span<const std::byte> parts[] = {as_bytes("head "), as_bytes(large),
                                                as_bytes(" tail")};
    ASSERT_EQ(*opened.log->append(ShardId{}, parts), Lsn{2});
    add_durable(*opened.log, "after");
  }
  for (int round = 0; round < 2; ++round) {  // the second time from the copied tail
    const auto again = open();
    ASSERT_EQ(again.records.size(), 3u);
    EXPECT_EQ(again.records.at(1), "before");
    EXPECT_TRUE(again.records.at(2) == "head " + large + " tail");
    EXPECT_EQ(again.records.at(3), "after");
  }
}

TEST_F(LogTest, FilesRotateAndTrimmedOnesAreReused) {
  const LogOptions options{.file_bytes = 16 << 10};
  auto opened = open(0, options);
  const std::string payload(1'000, 'x');
  for (int i = 0; i < 100; ++i) add_durable(*opened.log, payload);
  const size_t before = files().size();
  EXPECT_GE(before, 8u);
  ASSERT_TRUE(opened.log->trim(Lsn{90}).ok());
  const auto after = files();
  EXPECT_LE(after.size(), 5u);
  EXPECT_EQ(std::ranges::count_if(after, [](auto& n) { return n.ends_with(".spare"); }), 2);
  for (int i = 100; i < 140; ++i) add_durable(*opened.log, payload + std::to_string(i));
  opened.log.reset();
  const auto again = open(90, options);
  ASSERT_TRUE(again.status.ok()) << again.status.to_string();
  ASSERT_EQ(again.records.size(), 50u);
  EXPECT_EQ(again.records.at(140), payload + "139");
  EXPECT_TRUE(again.recovery.notes.empty()) << again.recovery.notes.front();
}

TEST_F(LogTest, FilesKeptForReuseGoWhenTheLogIsIdleAndNotWhileItIsBusy) {
  LogOptions options{.file_bytes = 16 << 10};
  const std::string payload(1'000, 'x');
  const auto spares = [&] {
    return std::ranges::count_if(files(), [](auto& n) { return n.ends_with(".spare"); });
  };
  {
    auto busy = open(0, options);
    for (int i = 0; i < 100; ++i) add_durable(*busy.log, payload);
    ASSERT_TRUE(busy.log->trim(Lsn{90}).ok());
    EXPECT_EQ(spares(), 2);
    busy.log.reset();
  }
  options.spare_lifetime_ms = 1;
  auto idle = open(90, options);
  for (int i = 100; i < 200; ++i) add_durable(*idle.log, payload);
  ASSERT_TRUE(idle.log->trim(Lsn{190}).ok());
  while (spares() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (int i = 200; i < 300; ++i) add_durable(*idle.log, payload);
  idle.log.reset();
  EXPECT_EQ(open(190, options).records.size(), 110u);
}

TEST_F(LogTest, ALogThatIsTrimmedWholeDoesNotGoOnInALargeFileKeptForReuse) {
  const LogOptions options{.file_bytes = 16 << 10};
  auto opened = open(0, options);
  for (int i = 0; i < 100; ++i) add_durable(*opened.log, std::string(1'000, 'x'));
  ASSERT_TRUE(opened.log->trim(Lsn{90}).ok());
  ASSERT_TRUE(opened.log->trim(Lsn{100}).ok());
  for (const std::string& name : files()) {
    if (!name.ends_with(".spare")) {
      EXPECT_LE(env_->file_size(join(kFolder, name)).value(), 2 * kLogHeaderBytes) << name;
    }
  }
}

TEST_F(LogTest, ALogThatIsTrimmedWholeKeepsASmallFileAndGoesOnInIt) {
  for (uint64_t last = 2; last < 8; last += 2) {
    auto opened = open(last - 2);
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    EXPECT_TRUE(opened.recovery.notes.empty());
    add_durable(*opened.log, "one");
    add_durable(*opened.log, std::string(100'000, 'x'));
    ASSERT_TRUE(opened.log->trim(Lsn{last}).ok());
    EXPECT_LE(opened.log->bytes(), 2 * kLogHeaderBytes);
    opened.log.reset();
    ASSERT_EQ(files().size(), 1u);
    EXPECT_LE(contents(files().front()).size(), 2 * kLogHeaderBytes);
  }
  auto opened = open(6);
  ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
  const std::string before = files().front();
  EXPECT_EQ(add(*opened.log, "seven"), Lsn{7});
  opened.log.reset();
  EXPECT_EQ(files(), std::vector{before}) << "a file without a record is written on";
}

// Ten records in files of two or three each, and what a manifest would say of them.
class MissingFilesTest : public LogTest {
 protected:
  void SetUp() override {
    LogTest::SetUp();
    auto opened = open(0, options_);
    mark_ = opened.log->mark();  // as of the database's creation
    for (int i = 0; i < 10; ++i) add_durable(*opened.log, std::string(1'500, 'x'));
    late_mark_ = opened.log->mark();
    opened.log.reset();
    for (const std::string& name : files()) {
      if (name.ends_with(".wal")) names_.push_back(name);
    }
    ASSERT_GE(names_.size(), 4u);
  }
  void expect_missing(const LogMark& mark, const std::string& name) {
    const auto opened = open(mark, options_);
    EXPECT_EQ(opened.status.code(), StatusCode::kCorruption) << opened.status.to_string();
    EXPECT_NE(opened.status.message().find(name), std::string::npos) << opened.status.message();
  }
  void remove(const std::string& name) { ASSERT_TRUE(env_->remove_file(join(kFolder, name)).ok()); }

  const LogOptions options_{.file_bytes = 8 << 10};
  LogMark mark_;
  LogMark late_mark_;
  std::vector<std::string> names_;
};

TEST_F(MissingFilesTest, AMissingFirstFileIsReported) {
  remove(names_.front());
  expect_missing(mark_, names_[1]);  // it begins too late
}

TEST_F(MissingFilesTest, AMissingFileInTheMiddleIsReported) {
  remove(names_[1]);
  expect_missing(mark_, names_[1]);
}

TEST_F(MissingFilesTest, AMissingLastFileIsReported) {
  remove(names_.back());
  expect_missing(mark_, names_.back());
}

TEST_F(MissingFilesTest, MissingLastFilesAreReported) {
  remove(names_.back());
  remove(names_[names_.size() - 2]);
  expect_missing(mark_, names_[names_.size() - 2]);
}

TEST_F(MissingFilesTest, AFolderWithoutAnyFileIsReported) {
  for (const std::string& name : names_) remove(name);
  expect_missing(mark_, names_.front());
  expect_missing(late_mark_, names_.back());
}

TEST_F(MissingFilesTest, AMissingLastFileIsReportedAfterAnOpeningThatWroteToANewOne) {
  {
    auto opened = open(mark_, options_);
    ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
    add_durable(*opened.log, "eleven");
  }
  const std::string last = files().back();
  ASSERT_GT(last, names_.back());
  remove(last);
  expect_missing(mark_, last);
}

TEST_F(LogTest, ALogThatIsCutBetweenRecordsBeforeTheDurableMarkIsReported) {
  LogMark mark;
  {
    auto opened = open();
    mark = opened.log->mark();
    for (int i = 0; i < 3; ++i) add_durable(*opened.log, "12345678");
  }
  const std::string name = files().front();
  const auto whole = contents(name);
  for (uint64_t durable = 0; durable <= 3; ++durable) {
    for (uint64_t left = 0; left <= 3; ++left) {
      for (const bool zeros : {false, true}) {
        auto cut = whole;
        cut.resize(kLogHeaderBytes + left * log_frame_bytes(8));
        if (zeros) cut.resize(whole.size());
        env_ = Env::in_memory();
        ASSERT_TRUE(env_->make_directory("db").ok());
        ASSERT_TRUE(env_->make_directory(kFolder).ok());
        replace(name, cut);
        mark.durable = Lsn{durable};
        const auto opened = open(mark);
        if (left >= durable) {
          ASSERT_TRUE(opened.status.ok()) << opened.status.to_string();
          EXPECT_EQ(opened.records.size(), left);
          continue;
        }
        ASSERT_EQ(opened.status.code(), StatusCode::kCorruption) << left << " of " << durable;
        EXPECT_NE(opened.status.message().find(name), std::string::npos);
        EXPECT_NE(opened.status.message().find("ends after record " + std::to_string(left)),
                  std::string::npos)
            << opened.status.message();
      }
    }
  }
}

TEST_F(LogTest, AReplayErrorStopsTheOpening) {
  { add_durable(*open().log, "one"); }
  auto opened = FileLog::open(
      env_, kFolder, {}, {}, [](const LogRecord&) { return Status(StatusCode::kInternal, "no"); },
      nullptr);
  EXPECT_EQ(opened.status().code(), StatusCode::kInternal);
}

TEST_F(LogTest, ALogThatBeginsTooLateIsRefused) {
  {
    auto opened = open(10);
    add_durable(*opened.log, "eleven");
  }
  const auto again = open(5);
  EXPECT_EQ(again.status.code(), StatusCode::kCorruption);
  EXPECT_NE(again.status.message().find("records from 6 on are missing"), std::string::npos);
}

// Three records, each in a flush of its own, cut at every byte.
TEST_F(LogTest, TornTailIsDroppedAndTheNextAppendSurvives) {
  const std::vector<std::string> texts = {"first record", "second", "the third record"};
  {
    auto opened = open();
    for (const auto& text : texts) add_durable(*opened.log, text);
  }
  const std::string name = files().front();
  const auto whole = contents(name);
  std::vector<uint64_t> ends = {kLogHeaderBytes};
  for (const auto& text : texts) ends.push_back(ends.back() + log_frame_bytes(text.size()));
  for (uint64_t cut = kLogHeaderBytes; cut <= whole.size(); ++cut) {
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    ASSERT_TRUE(env_->make_directory(kFolder).ok());
    replace(name, std::span(whole).first(cut));
    size_t expected = 0;
    while (expected < 3 && ends[expected + 1] <= cut + log_padding(texts[expected].size())) {
      ++expected;
    }
    {
      auto opened = open();
      ASSERT_TRUE(opened.status.ok()) << cut << ": " << opened.status.to_string();
      ASSERT_EQ(opened.records.size(), expected) << "cut at " << cut;
      add_durable(*opened.log, "next");
    }
    const auto again = open();
    ASSERT_TRUE(again.status.ok()) << cut << ": " << again.status.to_string();
    ASSERT_EQ(again.records.size(), expected + 1) << "cut at " << cut;
    ASSERT_EQ(again.records.at(expected + 1), "next");
    ASSERT_TRUE(again.recovery.notes.empty());
  }
}

// What a flipped bit may do: be refused, or cost the last group (with a note), or nothing at all
// where the byte carries nothing. Records that are returned are the ones that were written.
TEST_F(LogTest, EveryFlippedBitIsReportedOrHarmless) {
  const std::vector<std::string> texts = {"first record", "second", "the third record"};
  {
    auto opened = open();
    for (const auto& text : texts) add_durable(*opened.log, text);
  }
  const std::string name = files().front();
  const auto whole = contents(name);
  const uint64_t last_record =
      kLogHeaderBytes + log_frame_bytes(texts[0].size()) + log_frame_bytes(texts[1].size());
  for (uint64_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] ^= std::byte{static_cast<uint8_t>(1 << (at % 8))};
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    ASSERT_TRUE(env_->make_directory(kFolder).ok());
    replace(name, damaged);
    const auto opened = open();
    if (!opened.status.ok()) {
      EXPECT_NE(opened.status.message().find(name), std::string::npos) << opened.status.to_string();
      EXPECT_LT(at, last_record);
      continue;
    }
    for (const auto& [lsn, text] : opened.records) ASSERT_EQ(text, texts[lsn - 1]) << "byte " << at;
    const bool carries_nothing =
        (at >= sizeof(LogFileHeader) && at < kLogHeaderBytes) || opened.records.size() == 3;
    EXPECT_TRUE(carries_nothing || (at >= last_record && opened.records.size() == 2 &&
                                    opened.recovery.notes.size() == 1))
        << "byte " << at << ": " << opened.records.size() << " records";
  }
}

TEST_F(LogTest, DamageBeforeALaterFileIsRefused) {
  const LogOptions options{.file_bytes = 8 << 10};
  {
    auto opened = open(0, options);
    for (int i = 0; i < 12; ++i) add_durable(*opened.log, std::string(1'000, 'x'));
  }
  const std::string name = files().front();
  auto damaged = contents(name);
  damaged[kLogHeaderBytes + 2 * log_frame_bytes(1'000) + 100] ^= std::byte{1};
  replace(name, damaged);
  const auto opened = open(0, options);
  EXPECT_EQ(opened.status.code(), StatusCode::kCorruption);
  EXPECT_NE(opened.status.message().find(name), std::string::npos);
  EXPECT_NE(opened.status.message().find("record 3"), std::string::npos) << opened.status.message();
}

TEST_F(LogTest, ANewerFormatIsRefusedWithBothVersions) {
  { add_durable(*open().log, "one"); }
  const std::string name = files().front();
  auto newer = contents(name);
  newer[offsetof(LogFileHeader, version)] = std::byte{7};
  replace(name, newer);
  const auto opened = open();
  EXPECT_EQ(opened.status.code(), StatusCode::kUnsupportedVersion);
  EXPECT_NE(opened.status.message().find("version 7"), std::string::npos);
  EXPECT_NE(opened.status.message().find("up to 1"), std::string::npos);
}

TEST_F(LogTest, ThreadsShareFlushesAndEveryRecordArrivesOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  for (const bool sync : {true, false}) {
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    const LogOptions options{
        .sync_on_wait = sync, .sync_interval_ms = sync ? 0u : 1u, .file_bytes = 64 << 10};
    {
      auto opened = open(0, options);
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < kEach; ++i) {
            const Lsn lsn = add(*opened.log, std::to_string(t) + ":" + std::to_string(i));
            if (i % 3 == 0) opened.log->start_flush();
            EXPECT_TRUE(opened.log->wait_durable(lsn).ok());
          }
        });
      }
      for (auto& thread : threads) thread.join();
      EXPECT_EQ(opened.log->last_appended(), Lsn{kThreads * kEach});
    }
    const auto again = open(0, options);
    ASSERT_EQ(again.records.size(), size_t{kThreads * kEach});
    std::map<std::string, int> next;  // per thread, in the order that it wrote
    for (const auto& [lsn, text] : again.records) {
      const auto colon = text.find(':');
      ASSERT_EQ(std::stoi(text.substr(colon + 1)), next[text.substr(0, colon)]++);
    }
  }
}

}  // namespace
}  // namespace omendb::storage
