// Seals and merges beside each other, and merges that are stopped. What counts is what an opening
// finds in the manifest and its files: the state at CollectionState::flushed, no less and no more.
#include "collection/tend/tend_test_util.h"

namespace omendb::collection {
namespace {

using Rows = std::vector<uint64_t>;

class MergeTest : public TendTest {
 protected:
  MergeTest() {
    for (int i = 0; i < 4; ++i) add_segment(50);
  }
  void merge() {
    const auto merged = core_->merge_next(MergeLane::kEither);
    ASSERT_TRUE(merged.ok()) << merged.status().to_string();
    ASSERT_TRUE(*merged);
  }
};

TEST_F(MergeTest, ADeleteThatIsSealedWhileAMergeRunsStaysDeletedOnTheDisk) {
  host_.meanwhile([&] {
    erase(60, 20);
    seal();  // its record may be trimmed from the log now
    EXPECT_EQ(on_disk(), ids_without(200, 60, 20));
  });
  merge();
  EXPECT_EQ(segment_rows(), (Rows{200}));
  EXPECT_EQ(visible(), ids_without(200, 60, 20));
  EXPECT_EQ(on_disk(), ids_without(200, 60, 20));
}

TEST_F(MergeTest, ADeleteThatIsInTheLogAloneWhileAMergeRunsIsLostNeitherInMemoryNorWhenSealed) {
  host_.meanwhile([&] { erase(60, 20); });
  merge();
  EXPECT_EQ(visible(), ids_without(200, 60, 20));
  EXPECT_EQ(on_disk(), ids_without(200, 0, 0));  // the log has the delete
  seal();
  EXPECT_EQ(visible(), ids_without(200, 60, 20));
  EXPECT_EQ(on_disk(), ids_without(200, 60, 20));
}

TEST_F(MergeTest, AFrozenStateThatIsOlderThanDeletesInMemoryIsSealedAsItWasWhenFrozen) {
  erase(10, 5);
  add(10);
  core_->freeze();
  erase(60, 20);
  merge();
  ASSERT_TRUE(*core_->seal_next());
  EXPECT_EQ(on_disk(), ids_without(210, 10, 5));
  seal();
  auto expected = ids_without(210, 10, 5);
  std::erase_if(expected, [](uint64_t id) { return id >= 60 && id < 80; });
  EXPECT_EQ(on_disk(), expected);
  EXPECT_EQ(visible(), expected);
}

TEST_F(MergeTest, ASealFindsTheDeadOfASegmentThatAMergeMadeWhileItWrote) {
  erase(60, 20);
  add(10);
  core_->freeze();
  host_.meanwhile([&] { merge(); });
  ASSERT_TRUE(*core_->seal_next());
  EXPECT_EQ(segment_rows(), (Rows{10, 200}));
  EXPECT_EQ(on_disk(), ids_without(210, 60, 20));
  EXPECT_EQ(visible(), ids_without(210, 60, 20));
}

TEST_F(MergeTest, AReplacedPointDiesOnceHoweverSealsAndMergesFall) {
  const std::vector<uint64_t> ids = {3, 70, 199};
  const std::vector<float> vectors(ids.size() * kDim, 2.0F);
  const auto upsert = [&] {
    const WriteBatch batch{.vectors = {vectors.data(), ids.size(), kDim},
                           .ids = std::span<const uint64_t>(ids)};
    ASSERT_TRUE(core_->put(batch, CollectionCore::PutMode::kUpsert).ok());
  };
  host_.meanwhile([&] {
    upsert();
    seal();
    upsert();
  });
  merge();
  EXPECT_EQ(visible(), ids_without(200, 0, 0));
  EXPECT_EQ(on_disk(), ids_without(200, 0, 0));
  seal();
  EXPECT_EQ(visible(), ids_without(200, 0, 0));
  EXPECT_EQ(on_disk(), ids_without(200, 0, 0));
  EXPECT_EQ((*core_->snapshot())->live, 200U);
}

// The rows that died in a segment are looked up under the name that the manifest has for it.
TEST_F(MergeTest, ALogThatFailsWhileAMergeIsPublishedBringsNoDeletedPointBack) {
  erase(60, 20);
  add(10);
  core_->freeze();
  const Lsn flushed = host_.state().flushed;
  host_.meanwhile([&] {  // the seal of the ten has seen that their records are durable
    host_.while_publishing([&] {
      host_.fail_log({StatusCode::kIoError, "the disk is away"});
      const std::vector<uint64_t> ids = {0};
      EXPECT_FALSE(core_->delete_ids(std::span<const uint64_t>(ids)).ok());
    });
    merge();
  });
  EXPECT_FALSE(core_->seal_next().ok());
  EXPECT_EQ(visible(), ids_without(210, 60, 20));
  EXPECT_EQ(host_.state().flushed, flushed) << "the log has the delete and the ten";
  EXPECT_EQ(segment_rows(), (Rows{200}));
}

TEST_F(MergeTest, AWriteThatWaitsForTheLogDoesNotKeepAMergeFromReaders) {
  erase(60, 20);
  bool done = false;
  const std::vector<uint64_t> ids = {0};
  const auto deleted = [&](const Result<uint64_t>& result) { done = result.ok(); };
  ASSERT_TRUE(core_->delete_ids_later(std::span<const uint64_t>(ids), deleted).ok());
  merge();
  EXPECT_EQ(visible(), ids_without(200, 60, 20));
  EXPECT_EQ((*core_->snapshot())->parts.size(), 1U);
  EXPECT_FALSE(done);
  core_->logged(Lsn{UINT64_MAX}, {});
  EXPECT_TRUE(done);
  auto expected = ids_without(200, 60, 20);
  expected.erase(expected.begin());
  EXPECT_EQ(visible(), expected);
  EXPECT_EQ((*core_->snapshot())->parts.size(), 1U) << "the one that was merged";
}

TEST_F(MergeTest, AMergeThatIsStoppedLeavesNoFileAndChangesNothing) {
  const auto before = host_.state().segments;
  host_.meanwhile([&] {
    EXPECT_EQ(core_->jobs().size(), 1U);
    core_->stop_merging();
  });
  EXPECT_FALSE(core_->merge_next(MergeLane::kEither).value());
  ASSERT_EQ(host_.state().segments.size(), before.size());
  EXPECT_EQ(host_.orphans(), std::vector<std::string>());
  EXPECT_EQ(visible(), ids_without(200, 0, 0));
  EXPECT_EQ(core_->compact().code(), StatusCode::kClosed);
  EXPECT_TRUE(core_->close().ok());
  EXPECT_EQ(on_disk(), ids_without(200, 0, 0));
}

TEST_F(MergeTest, ADropWhileAMergeRunsLeavesNoFileOfIt) {
  host_.meanwhile([&] {
    ASSERT_TRUE(core_->drop().ok());
    host_.fail_to_publish({StatusCode::kNotFound, "dropped"});
  });
  EXPECT_FALSE(core_->merge_next(MergeLane::kEither).value());
  core_->remove_new_files();
  EXPECT_EQ(host_.orphans(), std::vector<std::string>());
}

TEST_F(MergeTest, ADropWhileAMergeIsCommittedLeavesNoFileOfIt) {
  host_.fail_to_publish({StatusCode::kNotFound, "dropped"});
  EXPECT_EQ(core_->merge_next(MergeLane::kEither).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(core_->drop().ok());
  core_->remove_new_files();
  EXPECT_EQ(host_.orphans(), std::vector<std::string>());
}

TEST_F(MergeTest, MergesOfDifferentSegmentsRunBesideEachOther) {
  bool second = false;
  host_.meanwhile([&] {
    for (int i = 0; i < 3; ++i) add_segment(50);
    EXPECT_FALSE(*core_->merge_next(MergeLane::kEither));  // three are too few, the rest is taken
    add_segment(50);
    second = *core_->merge_next(MergeLane::kEither);
  });
  merge();
  EXPECT_TRUE(second);
  EXPECT_EQ(segment_rows(), (Rows{200, 200}));
  EXPECT_EQ(on_disk(), ids_without(400, 0, 0));
}

TEST_F(MergeTest, OptimizeSaysWhenItsTimeIsUpAndReturnsOnceNothingIsDue) {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  EXPECT_EQ(core_->optimize(soon).code(), StatusCode::kDeadlineExceeded);
  merge();
  EXPECT_TRUE(core_->optimize({}).ok());
}

}  // namespace
}  // namespace omendb::collection
