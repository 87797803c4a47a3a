// A database whose log leaves gaps between positions: nothing may count with their differences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "database/database_impl.h"
#include "storage/log/file_log_store.h"
#include "storage/testing/fault_env.h"
#include "storage/testing/sparse_log.h"

namespace omendb {
namespace {

using storage::FaultEnv;
using storage::FileLogStore;
using storage::LogReader;
using storage::LogRecord;
using storage::SparseLogStore;
using storage::Survival;

constexpr size_t kDim = 4;
using Points = std::map<uint64_t, float>;

class SparseLogTest : public testing::Test {
 protected:
  SparseLogTest() : seed_(std::random_device()()), random_(seed_) {}
  void SetUp() override { log_ = make_store(); }

  std::shared_ptr<storage::LogStore> make_store() const {
    return std::make_shared<SparseLogStore>(
        std::make_unique<FileLogStore>(env_, storage::join("db", internal::kLogFolder)));
  }
  Database open(OpenMode mode = OpenMode::kReadWrite) {
    const OpenOptions options = {.mode = mode, .memtable_bytes = 64 << 10};
    auto impl = internal::DatabaseImpl::open("db", options, env_, internal::Tending::kBackground,
                                             mode == OpenMode::kRead ? make_store() : log_);
    EXPECT_TRUE(impl.ok()) << impl.status().to_string();
    return Database(*std::move(impl));
  }
  /// The power goes while the database is open: closing it can save nothing more.
  void power_cut(Database database) {
    env_->arm({.at_operation = env_->operations(), .fault = storage::Fault::kCrash});
    database.close().ignore();
    env_->restart(Survival::kNothing);
  }
  static Status upsert(Database& database, const std::string& name, uint64_t id, float value) {
    const float row[kDim] = {value, 2, 3, 4};
    auto collection = database.collection(name);
    if (!collection.ok()) return collection.status();
    return collection->upsert({.vectors = {row, 1, kDim}, .ids = std::span<const uint64_t>(&id, 1)})
        .status();
  }
  static std::map<std::string, Points> everything(Database& database) {
    std::map<std::string, Points> all;
    const std::vector<std::string> names = database.collection_names().value();
    for (const std::string& name : names) {
      const auto found = database.find_collection(name)->get_where({});
      EXPECT_TRUE(found.ok()) << found.status().to_string();
      Points& points = all[name];
      const auto* ids = std::get_if<std::vector<uint64_t>>(&found->ids);
      for (size_t i = 0; ids != nullptr && i < ids->size(); ++i) {
        float value = 0;
        std::memcpy(&value, found->vectors.data() + i * kDim * sizeof(float), sizeof(value));
        points[(*ids)[i]] = value;
      }
    }
    return all;
  }
  std::vector<uint64_t> positions() {
    std::vector<uint64_t> seen;
    const auto reader = log_->read(Lsn{0});
    const auto outcome = reader->read([&](const LogRecord& record) {
      seen.push_back(to_int(record.position));
      return Status();
    });
    EXPECT_TRUE(outcome.ok() && *outcome == LogReader::Outcome::kUpToDate);
    return seen;
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
  std::shared_ptr<storage::LogStore> log_;
};

TEST_F(SparseLogTest, RecordsAtPositions1And5And900ComeBack) {
  Database database = open();
  for (uint64_t id = 0; id < 4; ++id) ASSERT_TRUE(upsert(database, "a", id, 1).ok());
  const auto seen = positions();  // the creation of "a", then its points
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(std::vector(seen.begin(), seen.begin() + 3), (std::vector<uint64_t>{1, 5, 900}));
  for (uint64_t at = 0; at <= seen.back(); ++at) {
    const auto first_after = std::ranges::upper_bound(seen, at);
    const uint64_t record = static_cast<uint64_t>(first_after - seen.begin());
    ASSERT_EQ(to_int(storage::record_at(Lsn{at})), record) << at;
  }
  const auto before = everything(database);
  Database reader = open(OpenMode::kRead);
  EXPECT_EQ(everything(reader), before);
  power_cut(std::move(database));
  Database again = open();
  EXPECT_EQ(everything(again), before);
  EXPECT_EQ(before.at("a").size(), 4u);
}

TEST_F(SparseLogTest, AReaderThatBeginsInAGapGetsWhatFollows) {
  Database database = open();
  for (uint64_t id = 0; id < 4; ++id) ASSERT_TRUE(upsert(database, "a", id, 1).ok());
  const auto all = positions();
  for (const uint64_t from : {0, 1, 3, 5, 6, 899, 900, 901}) {
    const auto reader = log_->read(Lsn{from});
    EXPECT_EQ(reader->position(), Lsn{from});
    std::vector<uint64_t> seen;
    ASSERT_TRUE(reader
                    ->read([&](const LogRecord& record) {
                      seen.push_back(to_int(record.position));
                      return Status();
                    })
                    .ok());
    EXPECT_EQ(seen, std::vector(std::ranges::upper_bound(all, from), all.end())) << from;
    EXPECT_EQ(to_int(reader->position()), all.back());
  }
}

// A writer works on several collections, seals, merges, drops and creates, closes or loses power;
// a reader follows. A map says what must be there.
TEST_F(SparseLogTest, RecoveryAndAReaderSeeEveryWriteAcrossGaps) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  std::map<std::string, Points> expected;
  std::optional<Database> database = open();
  std::optional<Database> reader = open(OpenMode::kRead);
  for (int step = 0; step < 600; ++step) {
    const std::string name = "c" + std::to_string(random_() % 4);
    const uint64_t id = random_() % 50;
    const uint64_t what = random_() % 100;
    if (what < 70) {
      const auto value = static_cast<float>(step + 1);
      ASSERT_TRUE(upsert(*database, name, id, value).ok());
      expected[name][id] = value;
    } else if (what < 80) {
      ASSERT_TRUE(database->collection(name)->delete_ids(std::span<const uint64_t>(&id, 1)).ok() ||
                  expected[name].empty());
      expected[name].erase(id);
    } else if (what < 84) {
      ASSERT_EQ(database->drop_collection(name).ok(), expected.erase(name) == 1);
    } else if (what < 90) {
      ASSERT_TRUE(database->collection(name)->compact().ok());
      expected[name];
    } else if (what < 93) {
      ASSERT_TRUE(database->close().ok());
      database = open();
    } else if (what < 96) {
      power_cut(*std::move(database));
      database = open();
      reader = open(OpenMode::kRead);
    }
    ASSERT_EQ(everything(*database), expected) << "step " << step;
    ASSERT_EQ(everything(*reader), expected) << "step " << step;
  }
}

}  // namespace
}  // namespace omendb
