// Copies of a live database.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "database/database_impl.h"
#include "omendb/database.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDim = 8;

class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omendb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  Database open(const std::string& name, OpenOptions options = {}) const {
    auto database = Database::open(name == ":memory:" ? name : path(name), options);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return *std::move(database);
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  static Status put(Collection points, uint64_t first, size_t count, float value) {
    std::vector<uint64_t> ids(count);
    for (size_t i = 0; i < count; ++i) ids[i] = first + i;
    const std::vector<float> vectors(count * kDim, value);
    return points
        .upsert({.vectors = {vectors.data(), count, kDim}, .ids = std::span<const uint64_t>(ids)})
        .status();
  }
  /// The first coordinate of each point, by id; empty where there is none.
  static std::vector<float> values(Collection points, uint64_t count) {
    std::vector<uint64_t> ids(count);
    for (size_t i = 0; i < count; ++i) ids[i] = i;
    const auto got = points.get(std::span<const uint64_t>(ids));
    EXPECT_TRUE(got.ok()) << got.status().to_string();
    std::vector<float> result;
    size_t at = 0;
    for (const uint8_t found : got->found) {
      float value = -1;
      if (found != 0) std::memcpy(&value, got->points.vectors.data() + 4 * kDim * at++, 4);
      result.push_back(value);
    }
    return result;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(root_)) {
      result.push_back(entry.path().filename().string());
    }
    std::ranges::sort(result);
    return result;
  }

  fs::path root_;
};

TEST_F(SnapshotTest, ACopyHoldsEverythingAndLivesOnByItself) {
  Database database = open("db");
  auto docs = database.collection("docs", CollectionOptions{.metric = Metric::kCosine});
  ASSERT_TRUE(put(*database.default_collection(), 0, 500, 1).ok());
  ASSERT_TRUE(database.default_collection()->compact().ok());
  ASSERT_TRUE(put(*database.default_collection(), 100, 50, 2).ok());
  const std::vector<uint64_t> gone = {3, 4, 120};
  ASSERT_TRUE(database.default_collection()->delete_ids(std::span<const uint64_t>(gone)).ok());
  ASSERT_TRUE(put(*docs, 7, 3, 5).ok());
  const auto expected = values(*database.default_collection(), 500);
  const Status made = database.snapshot(path("copy"));
  ASSERT_TRUE(made.ok()) << made.to_string();
  // What comes later, a merge of the linked files too, does not show in the copy.
  ASSERT_TRUE(put(*database.default_collection(), 0, 10, 9).ok());
  ASSERT_TRUE(database.default_collection()->compact().ok());
  {
    Database copy = open("copy");
    EXPECT_TRUE(copy.recovery_notes().empty());
    EXPECT_EQ(values(*copy.default_collection(), 500), expected);
    EXPECT_EQ(copy.collection("docs")->count().value(), 3u);
    EXPECT_EQ(copy.collection("docs")->info()->metric, Metric::kCosine);
    ASSERT_TRUE(put(*copy.default_collection(), 1'000, 10, 3).ok());
    ASSERT_TRUE(copy.default_collection()->compact().ok());
  }
  EXPECT_EQ(open("copy").default_collection()->count().value(), 507u);
  // Ids 3 and 4 are back.
  EXPECT_EQ(database.default_collection()->count().value(), 499u);
  ASSERT_TRUE(database.close().ok());
  EXPECT_EQ(open("db").default_collection()->count().value(), 499u);
}

TEST_F(SnapshotTest, EveryWriteThatReturnedBeforeTheCallIsInTheCopyAndBatchesAreWhole) {
  Database database = open("db", {.durability = Durability::kNone, .memtable_bytes = 64 << 10});
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> acknowledged{0};
  std::thread writer([&] {
    for (uint64_t batch = 1; !stop; ++batch) {  // each replaces all points
      ASSERT_TRUE(put(*database.default_collection(), 0, 200, static_cast<float>(batch)).ok());
      acknowledged = batch;
    }
  });
  while (acknowledged == 0) std::this_thread::yield();
  for (int round = 0; round < 8; ++round) {
    const uint64_t before = acknowledged;
    const std::string name = "copy-" + std::to_string(round);
    const Status made = database.snapshot(path(name));
    const uint64_t after = acknowledged + 1;
    ASSERT_TRUE(made.ok()) << made.to_string();
    const auto held = values(*open(name).default_collection(), 200);
    for (const float value : held) ASSERT_EQ(value, held[0]);
    EXPECT_GE(held[0], static_cast<float>(before));
    EXPECT_LE(held[0], static_cast<float>(after));
  }
  stop = true;
  writer.join();
}

TEST_F(SnapshotTest, ADatabaseInMemoryIsCopiedToTheDisk) {
  Database database = open(":memory:");
  ASSERT_TRUE(put(*database.default_collection(), 0, 300, 4).ok());
  uint64_t calls = 0;
  SnapshotProgress last;
  const Status made = database.snapshot(path("copy"), {.progress = [&](const SnapshotProgress& p) {
                                          ++calls;
                                          last = p;
                                          return true;
                                        }});
  ASSERT_TRUE(made.ok()) << made.to_string();
  EXPECT_GT(calls, 1u);
  EXPECT_EQ(last.files_done, last.files);
  EXPECT_EQ(last.bytes_done, last.bytes);
  EXPECT_GT(last.bytes, 300 * kDim * 4);
  EXPECT_EQ(open("copy").default_collection()->count().value(), 300u);
}

TEST_F(SnapshotTest, ASnapshotThatIsGivenUpLeavesNothing) {
  Database database = open(":memory:");
  ASSERT_TRUE(put(*database.default_collection(), 0, 300, 4).ok());
  const Status given_up =
      database.snapshot(path("copy"), {.progress = [](const SnapshotProgress& p) {
                          return p.files_done == 0 && p.bytes_done == 0;
                        }});
  EXPECT_EQ(given_up.code(), StatusCode::kCancelled) << given_up.to_string();
  EXPECT_TRUE(names().empty());
}

TEST_F(SnapshotTest, WhatIsThereIsNotWrittenOver) {
  Database database = open("db");
  ASSERT_TRUE(put(*database.default_collection(), 0, 3, 4).ok());
  fs::create_directory(root_ / "taken");
  EXPECT_EQ(database.snapshot(path("taken")).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(database.snapshot(path("db")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(database.snapshot(path("db/inside")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(database.snapshot("").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(database.snapshot(path("no/parent")).code(), StatusCode::kNotFound);
  EXPECT_EQ(names(), (std::vector<std::string>{"db", "taken"}));
  EXPECT_TRUE(fs::is_empty(root_ / "taken"));
  ASSERT_TRUE(database.close().ok());
  EXPECT_EQ(database.snapshot(path("late")).code(), StatusCode::kClosed);
}

TEST(SnapshotFaultTest, AFailureAtAnyFileOperationLeavesNoHalfCopyUnderTheFinalName) {
  const auto fill = [](internal::DatabaseImpl& database) {
    const auto core = database.collection("default", std::nullopt);
    const std::vector<float> vectors(40 * kDim, 1);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE((*core)
                      ->put({.vectors = {vectors.data(), 40, kDim}},
                            collection::CollectionCore::PutMode::kAdd)
                      .ok());
      ASSERT_TRUE((*core)->compact().ok());
    }
  };
  const auto count = [](const std::shared_ptr<storage::Env>& env, const std::string& path) {
    auto database = internal::DatabaseImpl::open(path, {.create_if_missing = false}, env);
    EXPECT_TRUE(database.ok()) << path << ": " << database.status().to_string();
    if (!database.ok()) return uint64_t{0};
    const auto core = (*database)->collection("default", std::nullopt);
    return (*(*core)->snapshot())->live;
  };
  uint64_t failures = 0;
  for (uint64_t operation = 0;; ++operation) {
    SCOPED_TRACE("operation " + std::to_string(operation));
    auto env = std::make_shared<storage::FaultEnv>(operation);
    ASSERT_TRUE(env->make_directory("/d").ok());
    Status made;
    bool fired = false;
    {
      auto database = internal::DatabaseImpl::open("/d/db", {}, env);
      ASSERT_TRUE(database.ok());
      fill(**database);
      env->arm({.at_operation = env->operations() + operation, .fault = storage::Fault::kCrash});
      made = (*database)->snapshot("/d/copy", {});
      fired = env->fired();
    }
    env->restart(operation % 2 == 0 ? storage::Survival::kNothing : storage::Survival::kPrefix);
    EXPECT_EQ(count(env, "/d/db"), 120u);
    const bool there = *env->exists("/d/copy");
    EXPECT_TRUE(there || !made.ok());
    EXPECT_EQ(there ? count(env, "/d/copy") : 120u, 120u);
    failures += made.ok() ? 0 : 1;
    if (!fired) break;
  }
  EXPECT_GT(failures, 15u);
}

}  // namespace
}  // namespace omendb
