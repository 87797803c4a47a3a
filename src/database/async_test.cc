// Writes that complete by callback: what the callback may rely on, and who waits for it.
#include <gtest/gtest.h>

#include <cmath>
#include <condition_variable>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "database/database_impl.h"
#include "storage/testing/fault_env.h"
#include "storage/testing/slow_env.h"

namespace omendb {
namespace {

constexpr size_t kDim = 4;

/// Runs nothing until the test says so.
class ManualExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_all();
  }
  size_t threads() const override { return 1; }
  void wait_for(size_t tasks) {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [&] { return tasks_.size() >= tasks; });
  }
  void run_all() {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<std::function<void()>> tasks_;
};

/// What callbacks said, waited for.
template <class T>
class Outcomes {
 public:
  Collection::Callback<T> expect() {
    ++expected_;
    return [this](Result<T> result) {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
      came_.notify_all();
    };
  }
  const std::vector<Result<T>>& wait() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return results_.size() == expected_; });
    return results_;
  }
  size_t came() {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  size_t expected_ = 0;
  std::vector<Result<T>> results_;
};

Result<Database> try_open(const std::shared_ptr<storage::Env>& env,
                          const OpenOptions& options = {}) {
  auto impl = internal::DatabaseImpl::open("db", options, env);
  if (!impl.ok()) return impl.status();
  return Database(*impl);
}

Status add(Collection& collection, uint64_t id, Outcomes<Ids>& outcomes) {
  std::vector<float> row(kDim, static_cast<float>(id));
  std::vector<uint64_t> ids = {id};
  Status taken = collection.add_async(
      {.vectors = {row.data(), 1, kDim}, .ids = std::span<const uint64_t>(ids)}, outcomes.expect());
  std::fill(row.begin(), row.end(), -1.0F);  // the arrays are the caller's again
  ids[0] = 999'999;
  return taken;
}

TEST(AsyncTest, EveryCallbackComesOnceWithItsIdsAndItsPointIsThere) {
  const auto env =
      std::make_shared<storage::SlowEnv>(storage::Env::in_memory(), std::chrono::milliseconds(2));
  Outcomes<Ids> outcomes;
  constexpr uint64_t kWrites = 300;
  {
    auto database = try_open(env);
    ASSERT_TRUE(database.ok());
    Collection collection = *database->default_collection();
    const int before = env->syncs();
    for (uint64_t id = 0; id < kWrites; ++id) ASSERT_TRUE(add(collection, id, outcomes).ok());
    std::set<uint64_t> seen;
    for (const auto& result : outcomes.wait()) {
      ASSERT_TRUE(result.ok()) << result.status().to_string();
      seen.insert(std::get<std::vector<uint64_t>>(*result).at(0));
    }
    EXPECT_EQ(seen.size(), kWrites);
    EXPECT_EQ(*seen.rbegin(), kWrites - 1);
    EXPECT_EQ(collection.count().value(), kWrites);
    EXPECT_LT(env->syncs() - before, static_cast<int>(kWrites)) << "flushes were not shared";
    const uint64_t id = 7;
    const auto got = collection.get(std::span<const uint64_t>(&id, 1)).value();
    float first = 0;
    std::memcpy(&first, got.points.vectors.data(), sizeof(first));
    EXPECT_EQ(first, 7.0F);
  }
  auto again = try_open(env);
  EXPECT_EQ(again->default_collection()->count().value(), kWrites);
}

TEST(AsyncTest, WhatACallbackAcknowledgedSurvivesAPowerCut) {
  const auto env = std::make_shared<storage::FaultEnv>(1);
  Outcomes<Ids> outcomes;
  Outcomes<uint64_t> deleted;
  auto database = try_open(env);
  Collection collection = *database->default_collection();
  for (uint64_t id = 0; id < 20; ++id) ASSERT_TRUE(add(collection, id, outcomes).ok());
  const std::vector<uint64_t> some = {3, 4, 77};
  ASSERT_TRUE(collection.delete_ids_async(std::span<const uint64_t>(some), deleted.expect()).ok());
  outcomes.wait();
  EXPECT_EQ(deleted.wait().at(0).value(), 2U);
  env->arm({.at_operation = env->operations(), .fault = storage::Fault::kCrash});
  database->close().ignore();
  env->restart(storage::Survival::kNothing);
  auto again = try_open(env);
  EXPECT_EQ(again->default_collection()->count().value(), 18U);
}

TEST(AsyncTest, AFlushThatFailsIsToldToEveryCallbackThatItConcerns) {
  const auto env = std::make_shared<storage::FaultEnv>(1);
  auto database = try_open(env);
  Collection collection = *database->default_collection();
  Outcomes<Ids> first;
  ASSERT_TRUE(add(collection, 1, first).ok());
  ASSERT_TRUE(first.wait().at(0).ok());
  env->arm({.at_operation = env->operations(), .fault = storage::Fault::kSyncFails});
  Outcomes<Ids> outcomes;
  int taken = 0;
  for (uint64_t id = 2; id < 12; ++id) {
    Outcomes<Ids> refused;
    if (add(collection, id, taken < 10 ? outcomes : refused).ok()) {
      ++taken;
    } else {
      break;
    }
  }
  ASSERT_GT(taken, 0);
  while (outcomes.came() < static_cast<size_t>(taken)) std::this_thread::yield();
  Outcomes<Ids> later;
  EXPECT_EQ(add(collection, 50, later).code(), StatusCode::kReadOnly);
  EXPECT_EQ(collection.count().value(), 1U);
}

TEST(AsyncTest, BadInputIsReportedAtOnceAndCallsNoCallback) {
  auto database = Database::open(":memory:");
  Collection collection = *database->default_collection();
  const auto never = [](Result<Ids>) { ADD_FAILURE() << "called"; };
  const std::vector<float> nan(kDim, NAN);
  EXPECT_EQ(collection.add_async({.vectors = {nan.data(), 1, kDim}}, never).code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(database->close().ok());
  EXPECT_EQ(collection.add_async({.vectors = {nan.data(), 1, kDim}}, never).code(),
            StatusCode::kClosed);
}

TEST(AsyncTest, MoreWritesThanMayBeInFlightAreRefusedUntilACallbackHasReturned) {
  const auto executor = std::make_shared<ManualExecutor>();
  auto database = Database::open(":memory:", {.max_writes_in_flight = 3, .executor = executor});
  ASSERT_TRUE(database.ok());
  Collection collection = *database->default_collection();
  Outcomes<Ids> outcomes;
  for (uint64_t id = 0; id < 3; ++id) ASSERT_TRUE(add(collection, id, outcomes).ok());
  const auto never = [](Result<uint64_t>) { ADD_FAILURE() << "called"; };
  EXPECT_EQ(collection.delete_where_async({}, never).code(), StatusCode::kLimitExceeded);
  executor->wait_for(3);
  EXPECT_EQ(collection.count().value(), 3U);  // visible before anybody is told
  EXPECT_EQ(outcomes.came(), 0U);             // on no thread but the executor's
  executor->run_all();
  EXPECT_EQ(outcomes.came(), 3U);
  Outcomes<Ids> more;
  ASSERT_TRUE(add(collection, 3, more).ok());
  executor->wait_for(1);
  executor->run_all();
  EXPECT_TRUE(database->close().ok());
}

TEST(AsyncTest, CloseWaitsForCallbacksAndIsRefusedInside) {
  const auto executor = std::make_shared<ManualExecutor>();
  auto database = Database::open(":memory:", {.executor = executor});
  Collection collection = *database->default_collection();
  Status inside;
  const std::vector<float> row(kDim, 1.0F);
  ASSERT_TRUE(collection
                  .add_async({.vectors = {row.data(), 1, kDim}},
                             [&](Result<Ids>) { inside = database->close(); })
                  .ok());
  executor->wait_for(1);
  std::atomic<bool> closed{false};
  auto closing = std::async(std::launch::async, [&] {
    const Status status = database->close();
    closed = true;
    return status;
  });
  while (collection.count().ok()) std::this_thread::yield();  // it has begun
  EXPECT_FALSE(closed);
  executor->run_all();
  EXPECT_TRUE(closing.get().ok());
  EXPECT_EQ(inside.code(), StatusCode::kInvalidArgument) << inside.to_string();
}

TEST(AsyncTest, WritesThatWaitAndWritesThatDoNotKeepOneOrder) {
  auto database = Database::open(":memory:", {.memtable_bytes = 64 << 10});
  Collection collection = *database->default_collection();
  Outcomes<Ids> outcomes;
  constexpr uint64_t kEach = 200;
  std::thread waiting([&] {
    for (uint64_t i = 0; i < kEach; ++i) {
      const std::vector<float> row(kDim, 1.0F);
      const uint64_t id = 1'000 + i;
      ASSERT_TRUE(
          collection
              .add({.vectors = {row.data(), 1, kDim}, .ids = std::span<const uint64_t>(&id, 1)})
              .ok());
    }
  });
  for (uint64_t id = 0; id < kEach; ++id) ASSERT_TRUE(add(collection, id, outcomes).ok());
  waiting.join();
  for (const auto& result : outcomes.wait()) EXPECT_TRUE(result.ok());
  EXPECT_EQ(collection.count().value(), 2 * kEach);
}

TEST(AsyncTest, TheWritesOfOneThreadKeepTheirOrderAndACallbackSeesItsOwn) {
  auto database = Database::open(":memory:");
  Collection collection = *database->default_collection();
  const uint64_t id = 7;
  const IdsView one = std::span<const uint64_t>(&id, 1);
  const auto value = [&] {
    const auto got = collection.get(one).value();
    float first = 0;
    std::memcpy(&first, got.points.vectors.data(), sizeof(first));
    return first;
  };
  std::atomic<int> calls{0};
  constexpr int kWrites = 200;
  for (int i = 1; i <= kWrites; ++i) {
    const std::vector<float> row(kDim, static_cast<float>(i));
    ASSERT_TRUE(collection
                    .upsert_async({.vectors = {row.data(), 1, kDim}, .ids = one},
                                  [&, i](Result<Ids> result) {
                                    EXPECT_TRUE(result.ok());
                                    EXPECT_GE(value(), static_cast<float>(i));
                                    ++calls;
                                  })
                    .ok());
  }
  while (calls < kWrites) std::this_thread::yield();
  EXPECT_EQ(value(), static_cast<float>(kWrites));
}

TEST(AsyncTest, ACallbackThatThrowsDoesNotKeepTheDatabaseOpen) {
  const auto executor = std::make_shared<ManualExecutor>();
  auto database = Database::open(":memory:", {.executor = executor});
  Collection collection = *database->default_collection();
  const std::vector<float> row(kDim, 1.0F);
  ASSERT_TRUE(collection
                  .add_async({.vectors = {row.data(), 1, kDim}},
                             [](Result<Ids>) { throw std::runtime_error("the caller's"); })
                  .ok());
  executor->wait_for(1);
  EXPECT_THROW(executor->run_all(), std::runtime_error);  // it is the executor's to handle
  EXPECT_TRUE(database->close().ok());
}

}  // namespace
}  // namespace omendb
