// A disk without room refuses writes, whole; everything that is there can be read; when there is
// room again, writes go on.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "database/database_impl.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

using storage::FaultEnv;
using storage::Survival;

constexpr size_t kDim = 64;

class FullDiskTest : public testing::Test {
 protected:
  Database open(const OpenOptions& options = {}) {
    auto impl = internal::DatabaseImpl::open("db", options, env_);
    EXPECT_TRUE(impl.ok()) << impl.status().to_string();
    return Database(*impl);
  }
  /// Adds points with the next ids; counts those that were acknowledged.
  Status add(Database& database, size_t rows) {
    std::vector<uint64_t> ids(rows);
    std::iota(ids.begin(), ids.end(), next_id_);
    next_id_ += rows;
    std::vector<float> vectors(rows * kDim);
    for (size_t i = 0; i < vectors.size(); ++i) vectors[i] = static_cast<float>(ids[i / kDim] % 97);
    const Status status =
        database.default_collection()
            ->add({.vectors = {vectors.data(), rows, kDim}, .ids = std::span<const uint64_t>(ids)})
            .status();
    if (status.ok()) acknowledged_.insert(ids.begin(), ids.end());
    return status;
  }
  /// Exactly what was acknowledged is there.
  void expect_whole(Database& database) {
    const std::vector<uint64_t> all(acknowledged_.begin(), acknowledged_.end());
    EXPECT_EQ(database.default_collection()->count().value(), all.size());
    const auto points = database.default_collection()->get(std::span<const uint64_t>(all));
    ASSERT_TRUE(points.ok()) << points.status().to_string();
    EXPECT_EQ(std::ranges::count(points->found, 1), static_cast<ptrdiff_t>(all.size()));
  }
  /// The most points that still fit, in batches of falling size.
  Status fill(Database& database) {
    Status last;
    for (const size_t rows : {1'000, 100, 10, 1}) {
      for (int n = 0; n < 1'000; ++n) {
        last = add(database, rows);
        if (!last.ok()) break;
      }
      EXPECT_EQ(last.code(), StatusCode::kNoSpace) << last.to_string();
    }
    return last;
  }

  std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
  uint64_t next_id_ = 1;
  std::set<uint64_t> acknowledged_;
};

TEST_F(FullDiskTest, WritesAreRefusedWholeAndGoOnWhenThereIsRoomAgain) {
  Database database = open();
  ASSERT_TRUE(add(database, 10).ok());
  env_->set_capacity(env_->used() + (1 << 20));
  for (int time = 0; time < 3; ++time) {
    const Status full = fill(database);
    EXPECT_NE(full.message().find("No space"), std::string::npos) << full.message();
    expect_whole(database);
    const float query[kDim] = {};
    EXPECT_EQ(database.default_collection()->search({query, 1, kDim}).value().distances.size(),
              10u);
    env_->set_capacity(env_->used() + (1 << 20));
    ASSERT_TRUE(add(database, 100).ok()) << "there is room, and nothing was reopened";
  }
  env_->arm({.at_operation = env_->operations()});
  database.close().ignore();
  env_->restart(Survival::kNothing);
  Database again = open();
  expect_whole(again);
}

TEST_F(FullDiskTest, ADiskThatIsFullAtTheEndOfALogFileRefusesToBeginTheNext) {
  Database database = open({.durability = Durability::kNone});
  while (env_->used() < (60 << 20)) ASSERT_TRUE(add(database, 10'000).ok());
  env_->set_capacity(env_->used() + (6 << 20));
  fill(database).ignore();
  expect_whole(database);
  env_->set_capacity(UINT64_MAX);
  ASSERT_TRUE(add(database, 50'000).ok());
  ASSERT_TRUE(database.close().ok());
  Database again = open();
  expect_whole(again);
}

TEST_F(FullDiskTest, SealingIsTriedAgainUntilThereIsRoom) {
  Database database = open({.memtable_bytes = 64 << 10, .max_sealing_memtables = 1});
  ASSERT_TRUE(add(database, 10).ok());
  env_->set_capacity(env_->used() + (256 << 10));
  fill(database).ignore();
  EXPECT_EQ(database.default_collection()->compact().code(), StatusCode::kNoSpace);
  expect_whole(database);
  env_->set_capacity(UINT64_MAX);
  // The background tries again by itself; until it has, a write that needs its memtable is refused.
  Status status = add(database, 400);
  for (int tries = 0; tries < 100 && !status.ok(); ++tries) {
    EXPECT_EQ(status.code(), StatusCode::kNoSpace) << status.to_string();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    status = add(database, 400);
  }
  ASSERT_TRUE(status.ok()) << status.to_string();
  ASSERT_TRUE(database.default_collection()->compact().ok());
  expect_whole(database);
}

TEST_F(FullDiskTest, ADatabaseOnAFullDiskCanBeOpenedAndRead) {
  Database database = open();
  ASSERT_TRUE(add(database, 1'000).ok());
  ASSERT_TRUE(add(database, 1'000).ok());  // may sit behind the log's durable mark
  env_->arm({.at_operation = env_->operations()});
  database.close().ignore();
  env_->restart(Survival::kNothing);

  env_->set_capacity(env_->used());
  {
    Database full = open();
    expect_whole(full);
    ASSERT_FALSE(full.recovery_notes().empty());
    EXPECT_NE(full.recovery_notes()[0].find("read-only"), std::string::npos);
    EXPECT_FALSE(add(full, 1).ok());
    expect_whole(full);
    EXPECT_EQ(full.close().code(), StatusCode::kNoSpace);
  }
  env_->set_capacity(UINT64_MAX);
  Database again = open();
  expect_whole(again);
  EXPECT_TRUE(again.recovery_notes().empty());
  EXPECT_TRUE(add(again, 1).ok());
  expect_whole(again);
}

}  // namespace
}  // namespace omendb
