// Compaction where there are more rows than one segment may hold.
#include "collection/tend/tend_test_util.h"

namespace omendb::collection {
namespace {

class CompactTest : public TendTest {
 protected:
  CompactTest() : TendTest({.max_segment_rows = 130}) {}
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

TEST_F(CompactTest, RewritesASegmentOnlyIfThatRemovesSomething) {
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

class BuildMemoryTest : public TendTest {
 protected:
  BuildMemoryTest() : TendTest({.max_build_bytes = 2 * 12 * 100}) {}  // 12 bytes a row of a merge
};

TEST_F(BuildMemoryTest, AMergeTakesNoMoreRowsThanItsShareOfMemoryHolds) {
  for (int i = 0; i < 5; ++i) add_segment(40);
  ASSERT_TRUE(core_->compact().ok());
  EXPECT_EQ(segment_rows(), (Rows{40, 80, 80}));
  EXPECT_EQ(on_disk(), ids_without(200, 0, 0));
  for (int i = 0; i < 3; ++i) add_segment(40);
  while (core_->merge_next(MergeLane::kEither).value()) {
  }
  for (const uint64_t rows : segment_rows()) EXPECT_LE(rows, 100U);
  EXPECT_EQ(on_disk(), ids_without(320, 0, 0));
}

TEST_F(BuildMemoryTest, ASegmentThatIsTooLargeToRewriteStaysAndTheErrorSaysSo) {
  add_segment(150);
  erase(0, 10);
  const Status refused = core_->compact();
  EXPECT_EQ(refused.code(), StatusCode::kLimitExceeded) << refused.to_string();
  EXPECT_NE(refused.message().find("max_build_bytes"), std::string::npos);
  EXPECT_EQ(visible(), ids_without(150, 0, 10));
}

}  // namespace
}  // namespace omendb::collection
