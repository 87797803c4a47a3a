// The caller's own executor: what executor.h and docs/adr, "Writes that call back", promise of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "omendb/database.h"

namespace omendb {
namespace {

constexpr size_t kDim = 8;

/// Remembers which threads ran tasks.
class Threads {
 public:
  void note() {
    const std::lock_guard lock(mutex_);
    seen_.insert(std::this_thread::get_id());
  }
  bool holds(std::thread::id id) const {
    const std::lock_guard lock(mutex_);
    return seen_.contains(id);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::thread::id> seen_;
};

/// A pool as a program would have it.
class Pool final : public Executor {
 public:
  explicit Pool(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Pool() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    ++posted_;
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  size_t threads() const override { return threads_.size(); }
  size_t posted() const {
    const std::lock_guard lock(mutex_);
    return posted_;
  }
  const Threads& used() const { return used_; }

 private:
  void work() {
    used_.note();
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  size_t posted_ = 0;
  bool stop_ = false;
  Threads used_;
  std::vector<std::thread> threads_;
};

/// An executor in one function, which gets each task.
class Custom final : public Executor {
 public:
  explicit Custom(std::function<void(std::function<void()>)> post) : post_(std::move(post)) {}
  void post(std::function<void()> task) override { post_(std::move(task)); }
  size_t threads() const override { return 4; }

 private:
  const std::function<void(std::function<void()>)> post_;
};

std::vector<float> random_rows(size_t n) {
  std::mt19937 random(7);
  std::vector<float> rows(n * kDim);
  for (float& v : rows) v = static_cast<float>(random() % 1'000) / 10;
  return rows;
}

Status add_later(Collection& collection, uint64_t id, Collection::Callback<Ids> done) {
  const std::vector<float> row(kDim, static_cast<float>(id));
  return collection.add_async(
      {.vectors = {row.data(), 1, kDim}, .ids = std::span<const uint64_t>(&id, 1)},
      std::move(done));
}

size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST(ExecutorTest, CallbacksRunOnItsThreadsOnly) {
  const auto pool = std::make_shared<Pool>(3);
  auto database = Database::open(":memory:", {.executor = pool});
  ASSERT_TRUE(database.ok());
  Collection collection = *database->default_collection();
  std::atomic<int> calls{0};
  for (uint64_t id = 0; id < 100; ++id) {
    ASSERT_TRUE(add_later(collection, id, [&](Result<Ids> result) {
                  EXPECT_TRUE(result.ok());
                  EXPECT_TRUE(pool->used().holds(std::this_thread::get_id()));
                  ++calls;
                }).ok());
  }
  EXPECT_TRUE(database->close().ok());
  EXPECT_EQ(calls, 100);  // close() has waited for all of them
}

TEST(ExecutorTest, ParallelPartsOfSearchesAndAddsRunThereAndTheAnswerIsTheSame) {
  const auto rows = random_rows(20'000);
  const VectorsView all = {rows.data(), 20'000, kDim};
  const VectorsView queries = {rows.data(), 200, kDim};
  std::vector<uint64_t> ids(20'000);
  for (uint64_t i = 0; i < ids.size(); ++i) ids[i] = i;
  const WriteBatch batch = {.vectors = all, .ids = std::span<const uint64_t>(ids)};
  const auto pool = std::make_shared<Pool>(3);
  auto with = Database::open(":memory:", {.executor = pool});
  auto without = Database::open(":memory:");
  ASSERT_TRUE(with->default_collection()->add(batch).ok());
  EXPECT_GT(pool->posted(), 0u) << "of an add";
  ASSERT_TRUE(without->default_collection()->add(batch).ok());
  const size_t before = pool->posted();
  const auto found = with->default_collection()->search(queries, {.k = 10, .exact = true});
  const auto expected = without->default_collection()->search(queries, {.k = 10, .exact = true});
  ASSERT_TRUE(found.ok() && expected.ok());
  EXPECT_GT(pool->posted(), before) << "of a search";
  EXPECT_EQ(found->distances, expected->distances);
  EXPECT_EQ(found->points.ids, expected->points.ids);
}

TEST(ExecutorTest, TheDatabaseStartsNoPoolBesideIt) {
  const auto pool = std::make_shared<Pool>(1);
  const size_t idle = threads_of_this_process();
  size_t with = 0;
  size_t without = 0;
  {
    const auto database = Database::open(":memory:", {.executor = pool});
    with = threads_of_this_process() - idle;
  }
  {
    const auto database = Database::open(":memory:");
    without = threads_of_this_process() - idle;
  }
  EXPECT_EQ(without - with, std::max(1U, std::thread::hardware_concurrency()) - 1);
}

TEST(ExecutorTest, TheDatabaseHoldsItUntilItIsClosedAndFreed) {
  auto pool = std::make_shared<Pool>(1);
  const std::weak_ptr<Pool> watched = pool;
  {
    auto database = Database::open(":memory:", {.executor = std::move(pool)});
    Collection collection = *database->default_collection();
    EXPECT_FALSE(watched.expired());
    EXPECT_TRUE(database->close().ok());
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST(ExecutorTest, OneThatRunsTasksInsidePostCallsBackOnAnotherThreadAndWithoutLocks) {
  const auto executor = std::make_shared<Custom>([](const auto& task) { task(); });
  auto database = Database::open(":memory:", {.executor = executor});
  Collection collection = *database->default_collection();
  const auto caller = std::this_thread::get_id();
  std::atomic<int> calls{0};
  const auto rows = random_rows(1);
  const auto check = [&] {
    EXPECT_NE(std::this_thread::get_id(), caller);
    // The callback may call the database, also to write. Generated ids follow the greatest one.
    EXPECT_TRUE(collection.search({rows.data(), 1, kDim}, {}).ok());
    EXPECT_TRUE(collection.add({.vectors = {rows.data(), 1, kDim}}).ok());
    ++calls;
  };
  for (uint64_t id = 0; id < 20; ++id) {
    ASSERT_TRUE(add_later(collection, 1'000'000 - id, [&](Result<Ids>) { check(); }).ok());
  }
  const uint64_t missing = 77'777;  // nothing is logged for it
  ASSERT_TRUE(collection
                  .delete_ids_async(std::span<const uint64_t>(&missing, 1),
                                    [&](Result<uint64_t> result) {
                                      EXPECT_EQ(result.value(), 0u);
                                      check();
                                    })
                  .ok());
  while (calls < 21) std::this_thread::yield();
  EXPECT_EQ(collection.count().value(), 41u);
  EXPECT_TRUE(database->close().ok());
}

/// Whatever these executors do with tasks, each callback comes once, and close() ends.
void expect_each_callback_once(const std::shared_ptr<Executor>& executor) {
  std::vector<std::atomic<int>> calls(50);
  auto database = Database::open(":memory:", {.executor = executor});
  Collection collection = *database->default_collection();
  for (uint64_t id = 0; id < calls.size(); ++id) {
    ASSERT_TRUE(add_later(collection, id, [&calls, id](Result<Ids> result) {
                  EXPECT_TRUE(result.ok());
                  ++calls[id];
                }).ok());
  }
  const auto rows = random_rows(5'000);
  EXPECT_TRUE(collection.add({.vectors = {rows.data(), 5'000, kDim}}).ok());
  const auto found = collection.search({rows.data(), 100, kDim}, {.exact = true});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->distances[0], 0.0F);
  EXPECT_TRUE(database->close().ok());
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

TEST(ExecutorTest, OneThatThrowsLosesNoCallback) {
  expect_each_callback_once(std::make_shared<Custom>(
      [](const auto&) { throw std::runtime_error("this executor is shut down"); }));
}

TEST(ExecutorTest, OneThatTakesATaskAndThrowsRunsItOnce) {
  const auto pool = std::make_shared<Pool>(2);
  expect_each_callback_once(std::make_shared<Custom>([pool](auto task) {
    pool->post(std::move(task));
    throw std::runtime_error("too late");
  }));
}

TEST(ExecutorTest, OneThatDropsTasksLosesNoCallback) {
  expect_each_callback_once(std::make_shared<Custom>([](const auto&) {}));
}

TEST(ExecutorTest, OneThatRunsATaskTwiceCallsBackOnce) {
  expect_each_callback_once(std::make_shared<Custom>([](const auto& task) {
    task();
    task();
  }));
}

TEST(ExecutorTest, OneThatIsStoppedWithTasksInItsQueueLosesNoCallback) {
  // Keeps all tasks, as one that is overloaded, and destroys them when it is stopped.
  std::mutex mutex;
  std::condition_variable posted;
  std::vector<std::function<void()>> queue;
  auto database = Database::open(":memory:", {.executor = std::make_shared<Custom>([&](auto task) {
                                                const std::lock_guard lock(mutex);
                                                queue.push_back(std::move(task));
                                                posted.notify_all();
                                              })});
  Collection collection = *database->default_collection();
  std::atomic<int> calls{0};
  for (uint64_t id = 0; id < 5; ++id) {
    ASSERT_TRUE(add_later(collection, id, [&](Result<Ids>) { ++calls; }).ok());
  }
  {
    std::unique_lock lock(mutex);
    posted.wait(lock, [&] { return queue.size() == 5; });
    EXPECT_EQ(calls, 0);
    queue.clear();
  }
  EXPECT_TRUE(database->close().ok());
  EXPECT_EQ(calls, 5);
}

}  // namespace
}  // namespace omendb
