// A collection with everything around it faked, so that a test decides what runs when.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collection/collection_core.h"
#include "collection/read/get.h"

namespace omendb::collection {

/// A database of one collection, whose log is not kept.
class FakeHost final : public Host {
 public:
  FakeHost() { EXPECT_TRUE(env_->make_directory("segments").ok()); }

  Result<Lsn> append(std::span<const std::span<const std::byte>>) override {
    return last_ = Lsn{to_int(last_) + 3};  // a log may leave gaps
  }
  void start_flush() override {}
  bool flushing() const override { return false; }
  Status wait_durable(Lsn) override { return log_error_; }
  Status sync(Lsn) override { return log_error_; }
  Published publish(const CollectionState& state) override {
    if (!publish_error_.ok())
      return {publish_error_, publish_error_.code() == StatusCode::kIoError};
    state_ = state;
    if (auto hook = std::exchange(while_publishing_, nullptr)) hook();
    return {};
  }
  void discard(const Superseded& old) override {
    for (const std::string& name : old.segments) segments_.remove_segment(name);
    for (const std::string& name : old.tombstones) segments_.remove_tombstones(name);
    for (const std::string& name : old.indexes) segments_.remove_index(name);
  }
  /// Each seal and each merge asks for a name after it has chosen what to write, and before it
  /// writes: the moment for others to come between.
  std::string new_file_name() override {
    if (auto meanwhile = std::exchange(meanwhile_, nullptr)) meanwhile();
    return std::to_string(++files_);
  }
  segment::SegmentStore& segments() override { return segments_; }
  ThreadPool& pool() override { return pool_; }
  void when_durable(std::shared_ptr<CollectionCore>, Lsn) override {}
  void post(std::function<void()> task) override { task(); }
  void wake(Work work, const std::string&) override {
    if (on_wake_) on_wake_(work);
  }

  /// Runs whenever a lane is woken.
  void on_wake(std::function<void(Work)> run) { on_wake_ = std::move(run); }

  /// Runs once, in the middle of the next seal or merge.
  void meanwhile(std::function<void()> run) { meanwhile_ = std::move(run); }
  /// Runs once, when the next manifest is in force and its publisher does not know of it yet.
  void while_publishing(std::function<void()> run) { while_publishing_ = std::move(run); }
  void fail_log(Status error) { log_error_ = std::move(error); }
  void fail_to_publish(Status error) { publish_error_ = std::move(error); }
  /// What an opening finds, were the log lost after it.
  const CollectionState& state() const { return state_; }
  /// Files of segments and tombstones that the manifest does not name.
  std::vector<std::string> orphans() const {
    auto files = env_->list("segments").value();
    for (const SegmentState& s : state_.segments) {
      std::erase(files, segment::SegmentStore::segment_file(s.name));
      std::erase(files, segment::SegmentStore::tombstone_file(s.tombstones));
      for (const storage::IndexMeta& index : s.indexes) {
        std::erase(files, segment::SegmentStore::index_file(index.name));
      }
    }
    return files;
  }

 private:
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  segment::SegmentStore segments_{env_, "segments"};
  ThreadPool pool_{0};
  Lsn last_{};
  uint64_t files_ = 0;
  CollectionState state_;
  Status publish_error_;
  Status log_error_;
  std::function<void()> meanwhile_;
  std::function<void(Work)> on_wake_;
  std::function<void()> while_publishing_;
};

class TendTest : public ::testing::Test {
 protected:
  static constexpr size_t kDim = 8;

  explicit TendTest(const CoreOptions& options = {}) {
    CollectionState state;
    state.name = "c";
    state.fields = segment::unnamed_field({kDim, Metric::kL2, Element::kF32});
    auto core = CollectionCore::open(host_, options, state);
    EXPECT_TRUE(core.ok()) << core.status().to_string();
    core_ = *std::move(core);
  }

  void add(size_t rows) {
    const std::vector<float> vectors(rows * kDim, 1.0F);
    const WriteBatch batch{.vectors = {vectors.data(), rows, kDim}};
    ASSERT_TRUE(core_->put(batch, CollectionCore::PutMode::kAdd).ok());
  }
  void seal() {
    core_->freeze();
    const auto sealed = core_->seal_next();
    ASSERT_TRUE(sealed.ok()) << sealed.status().to_string();
    ASSERT_TRUE(*sealed);
  }
  void add_segment(size_t rows) {
    add(rows);
    seal();
  }
  void erase(uint64_t first, size_t count) {
    std::vector<uint64_t> ids(count);
    std::iota(ids.begin(), ids.end(), first);
    ASSERT_EQ(core_->delete_ids(std::span<const uint64_t>(ids)).value(), count);
  }

  static std::vector<uint64_t> ids_in(const CollectionCore& core) {
    std::vector<uint64_t> ids;
    for (const Part& part : (*core.snapshot())->parts) {
      for (uint32_t r = 0; r < part.watermark; ++r) {
        if (segment::is_dead(part.dead, r)) continue;
        ids.push_back(std::get<uint64_t>(part.rows->id(r).value()));
      }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  /// What readers see.
  std::vector<uint64_t> visible() const { return ids_in(*core_); }
  /// What the manifest and its files hold, without the log.
  std::vector<uint64_t> on_disk() {
    const auto again = CollectionCore::open(host_, {}, host_.state());
    EXPECT_TRUE(again.ok()) << again.status().to_string();
    return ids_in(**again);
  }
  std::vector<uint64_t> segment_rows() const {
    std::vector<uint64_t> rows;
    for (const SegmentState& segment : host_.state().segments) rows.push_back(segment.rows);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  /// first, first + 1, … but those for which `gone` says so.
  static std::vector<uint64_t> ids_without(size_t count, uint64_t gone, size_t gone_count) {
    std::vector<uint64_t> ids;
    for (uint64_t id = 0; id < count; ++id) {
      if (id < gone || id >= gone + gone_count) ids.push_back(id);
    }
    return ids;
  }

  FakeHost host_;
  std::shared_ptr<CollectionCore> core_;
};

}  // namespace omendb::collection
