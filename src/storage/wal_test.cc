#include "storage/wal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "storage/wal_files.h"
#include "storage/wal_format.h"

namespace omendb::storage {
namespace {

constexpr const char* kFolder = "db/wal";

// A log in memory and what came out of it.
struct Opened {
  Status status;
  std::unique_ptr<Wal> wal;
  WalRecovery recovery;
  std::map<uint64_t, std::string> records;
};

class WalTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_->make_directory("db").ok()); }

  Opened open(uint64_t from = 0, WalOptions options = {}) {
    Opened opened;
    auto wal = Wal::open(
        env_, kFolder, options, Lsn{from},
        [&](Lsn lsn, std::span<const std::byte> payload) {
          opened.records.emplace(
              to_int(lsn),
              std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
          return Status();
        },
        &opened.recovery);
    opened.status = wal.status();
    if (wal.ok()) opened.wal = std::move(*wal);
    return opened;
  }

  static Lsn add(Wal& wal, std::string_view text) {
    const std::span<const std::byte> part = as_bytes(text);
    const auto lsn = wal.append(std::span(&part, 1));
    EXPECT_TRUE(lsn.ok()) << lsn.status().to_string();
    return lsn.ok() ? *lsn : Lsn{0};
  }

  static void add_durable(Wal& wal, std::string_view text) {
    const Status status = wal.wait_durable(add(wal, text));
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

TEST_F(WalTest, RecordsComeBackInOrderAfterReopening) {
  {
    auto log = open();
    ASSERT_TRUE(log.status.ok()) << log.status.to_string();
    EXPECT_EQ(add(*log.wal, "one"), Lsn{1});
    EXPECT_EQ(add(*log.wal, ""), Lsn{2});
    add_durable(*log.wal, "three");
    EXPECT_EQ(log.wal->last_appended(), Lsn{3});
  }
  const auto again = open();
  ASSERT_TRUE(again.status.ok()) << again.status.to_string();
  EXPECT_EQ(again.records, (std::map<uint64_t, std::string>{{1, "one"}, {2, ""}, {3, "three"}}));
  EXPECT_EQ(again.recovery.last, Lsn{3});
  EXPECT_TRUE(again.recovery.notes.empty());
  EXPECT_EQ(open(2).records.size(), 1u);
}

TEST_F(WalTest, AFrameThatRepeatsTheLastNumberIsNotTakenOverBehindIt) {
  {
    auto log = open();
    add(*log.wal, "one");
    add_durable(*log.wal, "two");
  }
  const std::string name = "0000000001.wal";
  auto bytes = contents(name);
  const auto second = bytes.begin() + kWalHeaderBytes + wal_frame_bytes(3);
  const std::vector<std::byte> frame(second, second + wal_frame_bytes(3));
  std::ranges::copy(frame, bytes.insert(second + wal_frame_bytes(3), frame.size(), {}));
  replace(name, bytes);
  {
    auto log = open();
    ASSERT_TRUE(log.status.ok()) << log.status.to_string();
    EXPECT_EQ(log.recovery.last, Lsn{2});
    add_durable(*log.wal, "three");
  }
  const auto again = open();
  EXPECT_EQ(again.records, (std::map<uint64_t, std::string>{{1, "one"}, {2, "two"}, {3, "three"}}));
}

TEST_F(WalTest, ReopeningManyTimesKeepsEverything) {
  for (uint64_t round = 0; round < 20; ++round) {
    auto log = open();
    ASSERT_TRUE(log.status.ok()) << log.status.to_string();
    ASSERT_EQ(log.records.size(), round * 2);
    add(*log.wal, "a" + std::to_string(round));
    add_durable(*log.wal, "b" + std::to_string(round));
  }
}

TEST_F(WalTest, PartsAreJoinedAndLargeRecordsKeepTheirPlaceAmongSmallOnes) {
  const std::string large(size_t{9} << 20, 'L');
  {
    auto log = open();
    add(*log.wal, "before");
    const std::span<const std::byte> parts[] = {as_bytes("head "), as_bytes(large),
                                                as_bytes(" tail")};
    ASSERT_EQ(*log.wal->append(parts), Lsn{2});
    add_durable(*log.wal, "after");
  }
  for (int round = 0; round < 2; ++round) {  // the second time from the copied tail
    const auto again = open();
    ASSERT_EQ(again.records.size(), 3u);
    EXPECT_EQ(again.records.at(1), "before");
    EXPECT_TRUE(again.records.at(2) == "head " + large + " tail");
    EXPECT_EQ(again.records.at(3), "after");
  }
}

TEST_F(WalTest, FilesRotateAndTrimmedOnesAreReused) {
  const WalOptions options{.file_bytes = 16 << 10};
  auto log = open(0, options);
  const std::string payload(1'000, 'x');
  for (int i = 0; i < 100; ++i) add_durable(*log.wal, payload);
  const size_t before = files().size();
  EXPECT_GE(before, 8u);
  ASSERT_TRUE(log.wal->trim(Lsn{90}).ok());
  const auto after = files();
  EXPECT_LE(after.size(), 5u);
  EXPECT_EQ(std::ranges::count_if(after, [](auto& n) { return n.ends_with(".spare"); }), 2);
  for (int i = 100; i < 140; ++i) add_durable(*log.wal, payload + std::to_string(i));
  log.wal.reset();
  const auto again = open(90, options);
  ASSERT_TRUE(again.status.ok()) << again.status.to_string();
  ASSERT_EQ(again.records.size(), 50u);
  EXPECT_EQ(again.records.at(140), payload + "139");
  EXPECT_TRUE(again.recovery.notes.empty()) << again.recovery.notes.front();
}

TEST_F(WalTest, ALogThatIsTrimmedWholeLeavesAnEmptyFolderAndGoesOnCounting) {
  {
    auto log = open();
    add_durable(*log.wal, "one");
    add_durable(*log.wal, "two");
    ASSERT_TRUE(log.wal->trim(Lsn{2}).ok());
    EXPECT_EQ(log.wal->bytes(), 0u);
  }
  EXPECT_TRUE(files().empty());
  auto log = open(2);
  ASSERT_TRUE(log.status.ok());
  EXPECT_EQ(add(*log.wal, "three"), Lsn{3});
}

TEST_F(WalTest, AReplayErrorStopsTheOpening) {
  { add_durable(*open().wal, "one"); }
  auto wal = Wal::open(
      env_, kFolder, {}, Lsn{0},
      [](Lsn, std::span<const std::byte>) { return Status(StatusCode::kInternal, "no"); }, nullptr);
  EXPECT_EQ(wal.status().code(), StatusCode::kInternal);
}

TEST_F(WalTest, ALogThatBeginsTooLateIsRefused) {
  {
    auto log = open(10);
    add_durable(*log.wal, "eleven");
  }
  const auto again = open(5);
  EXPECT_EQ(again.status.code(), StatusCode::kCorruption);
  EXPECT_NE(again.status.message().find("records from 6 on are missing"), std::string::npos);
}

// Three records, each in a flush of its own, cut at every byte.
TEST_F(WalTest, TornTailIsDroppedAndTheNextAppendSurvives) {
  const std::vector<std::string> texts = {"first record", "second", "the third record"};
  {
    auto log = open();
    for (const auto& text : texts) add_durable(*log.wal, text);
  }
  const std::string name = files().front();
  const auto whole = contents(name);
  std::vector<uint64_t> ends = {kWalHeaderBytes};
  for (const auto& text : texts) ends.push_back(ends.back() + wal_frame_bytes(text.size()));
  for (uint64_t cut = kWalHeaderBytes; cut <= whole.size(); ++cut) {
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    ASSERT_TRUE(env_->make_directory(kFolder).ok());
    replace(name, std::span(whole).first(cut));
    size_t expected = 0;
    while (expected < 3 && ends[expected + 1] <= cut + wal_padding(texts[expected].size())) {
      ++expected;
    }
    {
      auto log = open();
      ASSERT_TRUE(log.status.ok()) << cut << ": " << log.status.to_string();
      ASSERT_EQ(log.records.size(), expected) << "cut at " << cut;
      add_durable(*log.wal, "next");
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
TEST_F(WalTest, EveryFlippedBitIsReportedOrHarmless) {
  const std::vector<std::string> texts = {"first record", "second", "the third record"};
  {
    auto log = open();
    for (const auto& text : texts) add_durable(*log.wal, text);
  }
  const std::string name = files().front();
  const auto whole = contents(name);
  const uint64_t last_record =
      kWalHeaderBytes + wal_frame_bytes(texts[0].size()) + wal_frame_bytes(texts[1].size());
  for (uint64_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] ^= std::byte{static_cast<uint8_t>(1 << (at % 8))};
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    ASSERT_TRUE(env_->make_directory(kFolder).ok());
    replace(name, damaged);
    const auto log = open();
    if (!log.status.ok()) {
      EXPECT_NE(log.status.message().find(name), std::string::npos) << log.status.to_string();
      EXPECT_LT(at, last_record);
      continue;
    }
    for (const auto& [lsn, text] : log.records) ASSERT_EQ(text, texts[lsn - 1]) << "byte " << at;
    const bool carries_nothing =
        (at >= sizeof(WalFileHeader) && at < kWalHeaderBytes) || log.records.size() == 3;
    EXPECT_TRUE(carries_nothing ||
                (at >= last_record && log.records.size() == 2 && log.recovery.notes.size() == 1))
        << "byte " << at << ": " << log.records.size() << " records";
  }
}

TEST_F(WalTest, DamageBeforeALaterFileIsRefused) {
  const WalOptions options{.file_bytes = 8 << 10};
  {
    auto log = open(0, options);
    for (int i = 0; i < 12; ++i) add_durable(*log.wal, std::string(1'000, 'x'));
  }
  const std::string name = files().front();
  auto damaged = contents(name);
  damaged[kWalHeaderBytes + 2 * wal_frame_bytes(1'000) + 100] ^= std::byte{1};
  replace(name, damaged);
  const auto log = open(0, options);
  EXPECT_EQ(log.status.code(), StatusCode::kCorruption);
  EXPECT_NE(log.status.message().find(name), std::string::npos);
  EXPECT_NE(log.status.message().find("record 3"), std::string::npos) << log.status.message();
}

TEST_F(WalTest, ANewerFormatIsRefusedWithBothVersions) {
  { add_durable(*open().wal, "one"); }
  const std::string name = files().front();
  auto newer = contents(name);
  newer[offsetof(WalFileHeader, version)] = std::byte{7};
  replace(name, newer);
  const auto log = open();
  EXPECT_EQ(log.status.code(), StatusCode::kUnsupportedVersion);
  EXPECT_NE(log.status.message().find("version 7"), std::string::npos);
  EXPECT_NE(log.status.message().find("up to 1"), std::string::npos);
}

TEST_F(WalTest, ThreadsShareFlushesAndEveryRecordArrivesOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  for (const bool sync : {true, false}) {
    env_ = Env::in_memory();
    ASSERT_TRUE(env_->make_directory("db").ok());
    const WalOptions options{
        .sync_on_wait = sync, .sync_interval_ms = sync ? 0u : 1u, .file_bytes = 64 << 10};
    {
      auto log = open(0, options);
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < kEach; ++i) {
            const Lsn lsn = add(*log.wal, std::to_string(t) + ":" + std::to_string(i));
            if (i % 3 == 0) log.wal->start_flush();
            EXPECT_TRUE(log.wal->wait_durable(lsn).ok());
          }
        });
      }
      for (auto& thread : threads) thread.join();
      EXPECT_EQ(log.wal->last_appended(), Lsn{kThreads * kEach});
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
