// Compaction where there are more rows than one segment may hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "collection/collection_core.h"
#include "collection/read/get.h"

namespace omendb::collection {
namespace {

constexpr size_t kDim = 8;

/// A database of one collection, whose log is not kept.
class FakeHost final : public Host {
 public:
  FakeHost() { EXPECT_TRUE(env_->make_directory("segments").ok()); }

  Result<Lsn> append(std::span<const std::span<const std::byte>>) override {
    return last_ = Lsn{to_int(last_) + 3};  // a log may leave gaps
  }
  void start_flush() override {}
  bool flushing() const override { return false; }
  Status wait_durable(Lsn) override { return {}; }
  Status sync(Lsn) override { return {}; }
  Status publish(const CollectionState& state) override {
    state_ = state;
    return {};
  }
  std::string new_file_name() override { return std::to_string(++files_); }
  segment::SegmentStore& segments() override { return segments_; }
  ThreadPool& pool() override { return pool_; }
  void wake_background() override {}

  const CollectionState& state() const { return state_; }

 private:
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  segment::SegmentStore segments_{env_, "segments"};
  ThreadPool pool_{0};
  Lsn last_{};
  uint64_t files_ = 0;
  CollectionState state_;
};

class CompactTest : public ::testing::Test {
 protected:
  CompactTest() {
    CollectionState state;
    state.name = "c";
    state.spec = {kDim, Metric::kL2, Element::kF32};
    auto core = CollectionCore::open(host_, {.max_segment_rows = 130}, state);
    EXPECT_TRUE(core.ok()) << core.status().to_string();
    core_ = *std::move(core);
  }

  void add_segment(size_t rows) {
    const std::vector<float> vectors(rows * kDim, 1.0F);
    const WriteBatch batch{.vectors = {vectors.data(), rows, kDim}};
    ASSERT_TRUE(core_->put(batch, CollectionCore::PutMode::kAdd).ok());
    core_->freeze();
    const auto sealed = core_->maintain();
    ASSERT_TRUE(sealed.ok()) << sealed.status().to_string();
    ASSERT_TRUE(*sealed);
  }
  void erase(uint64_t first, size_t count) {
    std::vector<uint64_t> ids(count);
    std::iota(ids.begin(), ids.end(), first);
    ASSERT_EQ(core_->delete_ids(std::span<const uint64_t>(ids)).value(), count);
  }
  std::vector<uint64_t> segment_rows() const {
    std::vector<uint64_t> rows;
    for (const SegmentState& segment : host_.state().segments) rows.push_back(segment.rows);
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  FakeHost host_;
  std::unique_ptr<CollectionCore> core_;
};

using Rows = std::vector<uint64_t>;

TEST_F(CompactTest, MakesAsFewSegmentsAsTheirLimitAllowsAndKeepsEveryPoint) {
  for (int i = 0; i < 5; ++i) add_segment(60);
  ASSERT_TRUE(core_->compact().ok());
  EXPECT_EQ(segment_rows(), (Rows{60, 120, 120}));
  EXPECT_EQ(count(**core_->snapshot(), {}).value(), 300U);
  std::vector<uint64_t> ids(300);
  std::iota(ids.begin(), ids.end(), uint64_t{0});
  const auto got = get(**core_->snapshot(), "c", std::span<const uint64_t>(ids), {});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::count(got->found.begin(), got->found.end(), 1), 300);
}

TEST_F(CompactTest, CountsTheLivingAlone) {
  for (int i = 0; i < 3; ++i) add_segment(60);
  erase(10, 50);  // of the first segment
  ASSERT_TRUE(core_->compact().ok());
  EXPECT_EQ(segment_rows(), (Rows{130}));
}

TEST_F(CompactTest, WritesASegmentAnewOnlyIfThatDoesSomething) {
  add_segment(130);
  add_segment(100);
  const auto before = host_.state().segments;
  ASSERT_TRUE(core_->compact().ok());
  ASSERT_EQ(host_.state().segments.size(), 2U);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(host_.state().segments[i].name, before[i].name);
  erase(0, 130);
  ASSERT_TRUE(core_->compact().ok());
  EXPECT_EQ(segment_rows(), (Rows{100}));
}

}  // namespace
}  // namespace omendb::collection
