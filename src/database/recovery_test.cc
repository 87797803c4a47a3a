// What a database says and keeps when its disk fails it. Every operation of the environment under
// every fault: tests/crash/fault_sweep_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "collection/write/operation.h"
#include "database/database_impl.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

using storage::Fault;
using storage::FaultEnv;
using storage::Survival;

constexpr size_t kDim = 4;
constexpr uint64_t kMaxOperations = 60;  // more than any call below makes

class RecoveryTest : public testing::Test {
 protected:
  Result<Database> try_open(const OpenOptions& options = {}) {
    auto impl = internal::DatabaseImpl::open("db", options, env_);
    if (!impl.ok()) return impl.status();
    return Database(*impl);
  }
  Database open(const OpenOptions& options = {}) {
    auto database = try_open(options);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return *std::move(database);
  }
  static Status add(Database& database, const std::string& name, uint64_t id) {
    auto collection = database.collection(name);
    if (!collection.ok()) return collection.status();
    return add(*collection, id);
  }
  static Status add(Collection& collection, uint64_t id) {
    const float row[kDim] = {1, 2, 3, static_cast<float>(id)};
    return collection.add({.vectors = {row, 1, kDim}, .ids = std::span<const uint64_t>(&id, 1)})
        .status();
  }
  static uint64_t count(Database& database, const std::string& name) {
    auto collection = database.collection(name);
    EXPECT_TRUE(collection.ok()) << collection.status().to_string();
    return collection.ok() ? collection->count().value() : 0;
  }
  void arm(uint64_t after, Fault fault, bool from_then_on = false) {
    env_->arm(
        {.at_operation = env_->operations() + after, .fault = fault, .from_then_on = from_then_on});
  }
  /// The power goes while the database is open: closing it can save nothing more.
  void power_cut(Database database, Survival survival = Survival::kNothing) {
    arm(0, Fault::kCrash);
    database.close().ignore();
    env_->restart(survival);
  }
  void fresh_disk() { env_ = std::make_shared<FaultEnv>(1); }

  std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
};

TEST_F(RecoveryTest, AManifestThatCouldNotBePublishedDoesNotMoveTheMarkOfTheLog) {
  for (uint64_t n = 0; n < kMaxOperations; ++n) {
    fresh_disk();
    Database database = open();
    ASSERT_TRUE(add(database, "a", 1).ok());
    arm(n, Fault::kIoError);
    database.collection("a")->compact().ignore();
    database.collection("b").status().ignore();  // publishes a manifest, if the fault is past
    power_cut(std::move(database));
    Database again = open();
    EXPECT_EQ(count(again, "a"), 1u) << "operation " << n;
  }
}

TEST_F(RecoveryTest, ACollectionCreatedAfterWritesThatWereLostKeepsItsOwn) {
  Database database = open({.durability = Durability::kNone});
  for (uint64_t id = 0; id < 5; ++id) ASSERT_TRUE(add(database, "a", id).ok());
  ASSERT_TRUE(database.collection("b").ok());
  power_cut(std::move(database));  // the log's records 1 to 5 are lost, and written anew
  Database second = open();
  ASSERT_TRUE(add(second, "b", 7).ok());
  power_cut(std::move(second));
  Database third = open();
  EXPECT_EQ(count(third, "b"), 1u);
}

TEST_F(RecoveryTest, ADropThatFailedAcknowledgesNoWriteThatMayBeLost) {
  int failed = 0;
  for (const Fault fault : {Fault::kIoError, Fault::kSyncFails, Fault::kRenameFails}) {
    for (uint64_t n = 0; n < 20; ++n) {
      for (const Survival survival : {Survival::kNothing, Survival::kEverything}) {
        fresh_disk();
        Database database = open();
        ASSERT_TRUE(add(database, "a", 1).ok());
        auto a = database.collection("a");
        ASSERT_TRUE(a.ok());
        arm(n, fault);
        if (database.drop_collection("a").ok()) continue;
        ++failed;
        const bool acknowledged = add(*a, 2).ok();
        power_cut(std::move(database), survival);
        Database again = open();
        EXPECT_TRUE(!acknowledged || count(again, "a") == 2)
            << "operation " << n << ", fault " << static_cast<int>(fault);
      }
    }
  }
  EXPECT_GT(failed, 5);
}

TEST_F(RecoveryTest, AnOpeningThatFailedLeavesNothingThatAPowerCutTakesAway) {
  for (const Fault fault : {Fault::kIoError, Fault::kSyncFails, Fault::kRenameFails}) {
    for (uint64_t n = 0; n < kMaxOperations; ++n) {
      fresh_disk();
      arm(n, fault);
      try_open().status().ignore();
      env_->arm({});
      Database database = open();
      ASSERT_TRUE(add(database, "a", 1).ok());
      power_cut(std::move(database));
      Database again = open();
      EXPECT_EQ(count(again, "a"), 1u)
          << "operation " << n << ", fault " << static_cast<int>(fault);
    }
  }
}

TEST_F(RecoveryTest, AfterAFailedFlushTheDatabaseIsReadOnlyUntilItIsReopened) {
  Database database = open();
  ASSERT_TRUE(add(database, "a", 1).ok());
  arm(0, Fault::kSyncFails);
  EXPECT_EQ(add(database, "a", 2).code(), StatusCode::kIoError);
  const Status refused = add(database, "a", 3);
  EXPECT_EQ(refused.code(), StatusCode::kReadOnly);
  EXPECT_NE(refused.message().find("reopen"), std::string::npos) << refused.message();
  EXPECT_EQ(database.collection("a")->delete_where({}).status().code(), StatusCode::kReadOnly);
  EXPECT_EQ(count(database, "a"), 1u);
  database.close().ignore();
  Database again = open();
  EXPECT_LE(count(again, "a"), 2u);  // the second may be there or not
  EXPECT_TRUE(add(again, "a", 4).ok());
  EXPECT_EQ(again.collection("a")->get(std::span<const uint64_t>({4})).value().found[0], 1);
}

TEST_F(RecoveryTest, ADiskThatBreaksItsPromiseOfRoomLeavesTheDatabaseReadOnlyUntilItIsReopened) {
  Database database = open({.memtable_bytes = 64 << 10});
  for (uint64_t id = 0; id < 10; ++id) ASSERT_TRUE(add(database, "a", id).ok());
  arm(0, Fault::kNoSpace, /*from_then_on=*/true);
  const Status full = add(database, "a", 10);
  EXPECT_EQ(full.code(), StatusCode::kNoSpace) << full.to_string();
  EXPECT_NE(full.message().find("No space"), std::string::npos) << full.message();
  const float query[kDim] = {1, 2, 3, 4};
  EXPECT_EQ(database.collection("a")->search({query, 1, kDim}).value().distances.size(), 10u);
  EXPECT_EQ(count(database, "a"), 10u);
  EXPECT_FALSE(database.collection("a")->compact().ok());
  EXPECT_EQ(count(database, "a"), 10u);
  database.close().ignore();
  env_->arm({});
  Database again = open();
  EXPECT_GE(count(again, "a"), 10u);
  EXPECT_TRUE(add(again, "a", 11).ok());
  EXPECT_TRUE(again.collection("a")->compact().ok());
}

/// A log whose record passes its checksum and yet is none that OmenDB would have written.
TEST_F(RecoveryTest, ALogRecordThatDoesNotFitItsCollectionIsReportedAndNotApplied) {
  const float rows[3 * kDim] = {};
  const std::vector<uint64_t> twice = {5, 6, 5};
  const std::vector<uint64_t> reserved = {5, 6, UINT64_MAX};
  const std::vector<std::string_view> strings = {"a", "b", "c"};
  Column year{.name = "year", .type = ColumnType::kI64, .valid = {1, 1}, .ints = {1, 2}};
  using collection::PutOperation;
  collection::PutField field;
  const auto put = [&](uint32_t id, size_t dim, const IdsView& ids, uint64_t first_id = 0) {
    PutOperation operation;
    operation.collection_id = id;
    operation.rows = static_cast<uint32_t>(3 * kDim / dim);
    field.vectors = {rows, operation.rows, dim};
    operation.fields = std::span(&field, 1);
    operation.ids = ids;
    operation.first_id = first_id;
    return operation;
  };
  const std::vector<std::pair<std::string, std::function<PutOperation(uint32_t)>>> forged = {
      {"another dimension", [&](uint32_t id) { return put(id, kDim / 2, {}, 7); }},
      {"another field",
       [&](uint32_t id) {
         PutOperation operation = put(id, kDim, {}, 7);
         field.id = FieldId{1};
         return operation;
       }},
      {"an id given twice", [&](uint32_t id) { return put(id, kDim, std::span(twice)); }},
      {"the reserved id", [&](uint32_t id) { return put(id, kDim, std::span(reserved)); }},
      {"ids past the last", [&](uint32_t id) { return put(id, kDim, {}, UINT64_MAX - 2); }},
      {"string ids", [&](uint32_t id) { return put(id, kDim, std::span(strings)); }},
      {"a column too short",
       [&](uint32_t id) {
         PutOperation operation = put(id, kDim, {}, 7);
         operation.columns = std::span(&year, 1);
         return operation;
       }},
  };
  for (const auto& [what, make] : forged) {
    fresh_disk();
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    ASSERT_TRUE(impl.ok());
    Database database(*impl);
    ASSERT_TRUE(add(database, "a", 1).ok());
    const uint32_t id = (*impl)->collection("a", std::nullopt).value()->id();
    const collection::EncodedOperation record(make(id));
    const auto lsn = (*impl)->append(record.parts());
    ASSERT_TRUE(lsn.ok() && (*impl)->wait_durable(*lsn).ok());
    impl->reset();
    power_cut(std::move(database));
    const Status status = try_open().status();
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << what;
    EXPECT_NE(status.message().find("does not fit collection \"a\""), std::string::npos)
        << what << ": " << status.to_string();
  }
}

TEST_F(RecoveryTest, SealsThatFailAgainAndAgainLeaveNoFilesBehind) {
  Database database = open({.memtable_bytes = 64 << 10});
  auto collection = database.collection("a");
  for (uint64_t id = 0; id < 20; ++id) ASSERT_TRUE(add(*collection, id).ok());
  ASSERT_TRUE(collection->compact().ok());
  const uint64_t dead = 3;
  ASSERT_TRUE(collection->delete_ids(std::span<const uint64_t>(&dead, 1)).ok());
  ASSERT_TRUE(add(*collection, 100).ok());
  const auto files = [&] { return env_->list("db/segments").value().size(); };
  const size_t before = files();
  for (uint64_t n = 0; n < 12; ++n) {  // the segment, the tombstones, or the folder's names
    arm(n, Fault::kIoError);
    const Status sealed = collection->compact();
    env_->arm({});
    if (sealed.ok()) break;
    // Two may be of a manifest that may be in force, two of the background's next attempt.
    EXPECT_LE(files(), before + 4) << "operation " << n << ": " << sealed.to_string();
  }
  ASSERT_TRUE(collection->compact().ok());
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(count(database, "a"), 20u);
}

TEST_F(RecoveryTest, WhoClosesBesideAnotherReturnsWhenItIsClosed) {
  for (int i = 0; i < 20; ++i) {
    Database database = open();
    ASSERT_TRUE(add(database, "a", static_cast<uint64_t>(i)).ok());
    std::thread other([&] { EXPECT_TRUE(database.close().ok()); });
    EXPECT_TRUE(database.close().ok());
    EXPECT_TRUE(try_open().ok());
    other.join();
  }
}

TEST_F(RecoveryTest, SmallSegmentsOfManySessionsAreMergedByLaterOnes) {
  for (uint64_t id = 0; id < 40; ++id) {
    Database database = open();
    ASSERT_TRUE(add(database, "a", id).ok());
  }
  Database database = open();
  const auto segments = [&] { return database.collection("a")->info().value().segments; };
  for (int i = 0; i < 1'000 && segments() > 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LE(segments(), 4u);
  EXPECT_EQ(count(database, "a"), 40u);
}

class OpenersTest : public testing::Test {
 protected:
  OpenersTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("omendb_openers_" + std::to_string(std::random_device()()))) {}
  ~OpenersTest() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_;
};

TEST_F(OpenersTest, AnOpenerThatRacesTheHoldersManifestsGetsLocked) {
  auto database = Database::open(folder_.string());
  ASSERT_TRUE(database.ok());
  std::atomic<bool> stop{false};
  std::thread publisher([&] {
    while (!stop) {
      EXPECT_TRUE(database->collection("c").ok());
      EXPECT_TRUE(database->drop_collection("c").ok());
    }
  });
  for (int i = 0; i < 300; ++i) {
    const Status status = Database::open(folder_.string()).status();
    ASSERT_EQ(status.code(), StatusCode::kLocked) << status.to_string();
  }
  stop = true;
  publisher.join();
}

TEST_F(OpenersTest, IfTwoCreateADatabaseAtOnceOneHoldsItAndTheOtherGetsLocked) {
  for (int i = 0; i < 30; ++i) {
    const std::string path = (folder_ / std::to_string(i)).string();
    std::filesystem::create_directories(folder_);
    std::atomic<int> opened{0};
    std::atomic<int> open_now{0};
    std::atomic<int> tried{0};
    const auto contend = [&] {
      auto database = Database::open(path);
      if (database.ok()) {
        ++opened;
        EXPECT_EQ(++open_now, 1);
      } else {
        EXPECT_EQ(database.status().code(), StatusCode::kLocked) << database.status().to_string();
      }
      ++tried;
      while (tried < 2) std::this_thread::yield();
      if (database.ok()) --open_now;
    };
    std::thread other(contend);
    contend();
    other.join();
    EXPECT_EQ(opened, 1);
  }
}

}  // namespace
}  // namespace omendb
