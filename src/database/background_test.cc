// Writers, merges and close() beside each other, on a disk that the test holds up.
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <vector>

#include "database/database_impl.h"
#include "storage/testing/slow_env.h"

namespace omendb {
namespace {

constexpr size_t kDim = 64;
constexpr size_t kRows = 100;  // 25 KiB
constexpr size_t kMemtableBytes = 64 << 10;
constexpr auto kPatience = std::chrono::seconds(60);  // reached only where the test fails

class BackgroundTest : public testing::Test {
 protected:
  BackgroundTest() {
    env_->before_create([this](const std::string& path) {
      if (!path.ends_with(".seg")) return;
      std::unique_lock lock(mutex_);
      if (!held_.has_value()) return;
      if (held_->empty()) held_ = path;
      reached_.notify_all();
      reached_.wait(lock, [&] { return held_ != path; });
    });
    auto impl = internal::DatabaseImpl::open("db", {.memtable_bytes = kMemtableBytes}, env_);
    EXPECT_TRUE(impl.ok());
    database_.emplace(*impl);
    collection_.emplace(*database_->default_collection());
    core_ = *(*impl)->collection("default", std::nullopt);
  }

  Status add() {
    const std::vector<float> rows(kRows * kDim, 1.0F);
    return collection_->add({.vectors = {rows.data(), kRows, kDim}}).status();
  }
  /// The merge of the next compact() does not begin its file before let_go().
  void hold_a_merge() {
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(add().ok());
    ASSERT_TRUE(collection_->compact().ok());
    const uint64_t doomed = 7;  // to seal which takes no segment file: the next one is the merge's
    ASSERT_TRUE(collection_->delete_ids(std::span<const uint64_t>(&doomed, 1)).ok());
    const std::lock_guard lock(mutex_);
    held_ = "";
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    reached_.wait(lock, [&] { return !held_->empty(); });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    held_.reset();
    reached_.notify_all();
  }

  const std::shared_ptr<storage::SlowEnv> env_ =
      std::make_shared<storage::SlowEnv>(storage::Env::in_memory(), std::chrono::microseconds(0));
  std::mutex mutex_;
  std::condition_variable reached_;
  std::optional<std::string> held_;  // the path that is held up; "" = the next one
  std::optional<Database> database_;
  std::optional<Collection> collection_;
  std::shared_ptr<collection::CollectionCore> core_;
};

TEST_F(BackgroundTest, WritersAndSealsDoNotWaitForAMerge) {
  hold_a_merge();
  auto compacting = std::async(std::launch::async, [&] { return collection_->compact(); });
  wait_until_held();
  // Far more than the memtables hold that may wait to be sealed.
  auto writing = std::async(std::launch::async, [&] {
    Status status;
    for (int i = 0; i < 40 && status.ok(); ++i) status = add();
    return status;
  });
  EXPECT_EQ(writing.wait_for(kPatience), std::future_status::ready);
  let_go();
  EXPECT_TRUE(writing.get().ok());
  EXPECT_TRUE(compacting.get().ok());
  EXPECT_EQ(collection_->count().value(), 44 * kRows - 1);
}

TEST_F(BackgroundTest, CloseStopsACompactionThatIsUnderWay) {
  hold_a_merge();
  auto compacting = std::async(std::launch::async, [&] { return collection_->compact(); });
  wait_until_held();
  auto closing = std::async(std::launch::async, [&] { return database_->close(); });
  while (core_->optimize(std::chrono::steady_clock::now()).code() != StatusCode::kClosed) {
    std::this_thread::yield();
  }
  let_go();
  EXPECT_TRUE(closing.get().ok());
  EXPECT_EQ(compacting.get().code(), StatusCode::kClosed);
}

}  // namespace
}  // namespace omendb
