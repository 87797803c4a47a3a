// Partitions in a file: they answer as those that were built, and a file that is damaged, or made
// to harm, is refused or set aside.
#include "segment/sealed_partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "index/partition/build.h"
#include "index/partition/partition_index.h"
#include "segment/center.h"
#include "segment/index_file_test_util.h"

namespace omendb::segment {
namespace {

constexpr SectionKind kSections[] = {
    SectionKind::kIndexHeader,         SectionKind::kPartition,
    SectionKind::kPartitionPoints,     SectionKind::kPartitionCenterCodes,
    SectionKind::kPartitionFirstBlock, SectionKind::kPartitionSlots,
    SectionKind::kPartitionCodes};

class SealedPartitionTest : public testing::IndexFileTest {
 protected:
  SealedPartitionTest() : IndexFileTest(IndexKind::kPartition, kSections) {}
};

TEST_F(SealedPartitionTest, AnswersAsThePartitionsThatWereBuilt) {
  JobControl control;
  const auto built = index::partition::build(
      segment_->field(0), {.metric = Metric::kL2, .dim = kDim, .seed = kRotationSeed}, control);
  ASSERT_TRUE(built.ok());
  const index::partition::PartitionIndex in_memory(**built);
  const auto opened = open("good.idx");
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  EXPECT_EQ(meta_.kind, 2);
  EXPECT_EQ(meta_.version, 1);
  for (const double reach : {0.5, 0.95, 1.0}) {
    const auto [status, found] = search((*opened)->searcher(), reach);
    EXPECT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(found, search(in_memory, reach).second) << reach;
    EXPECT_GT(found.size(), 10U);
  }
}

TEST_F(SealedPartitionTest, AFlippedBitAnywhereIsReportedAndTheIndexSetAside) {
  flip_bits();
}

TEST_F(SealedPartitionTest, SectionsOfAnotherSizeAreRefused) {
  resize_sections();
}

TEST_F(SealedPartitionTest, HeadersThatMakeNoSenseAreRefused) {
  const auto code = [&](SectionKind kind, size_t offset, auto value) {
    return with_value(kind, offset, value).status().code();
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(SectionKind::kPartition, 0, uint32_t{0}), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 0, UINT32_MAX), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 4, UINT32_MAX), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 8, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 12, uint32_t{1}), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 16, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartition, 20, -1.0F), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartitionPoints, 4, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartitionFirstBlock, 0, uint32_t{1}), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kPartitionFirstBlock, 4, uint32_t{1'000'000}),
            StatusCode::kCorruption);
}

TEST_F(SealedPartitionTest, ARowThatIsNotThereIsReportedBeforeItIsUsed) {
  for (const uint32_t slot : {kRows, UINT32_MAX - 1, UINT32_MAX}) {
    const auto opened = with_value(SectionKind::kPartitionSlots, 0, slot);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const index::PartIndex& searcher = (*opened)->searcher();
    EXPECT_TRUE(searcher.sound());
    const Status status = search(searcher, 1).first;
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << slot;
    EXPECT_FALSE(searcher.sound());
  }
}

TEST_F(SealedPartitionTest, CodesAndCentersOfAnyValueLeadNowhereElse) {
  std::mt19937 rng(73);
  for (const SectionKind kind :
       {SectionKind::kPartitionCodes, SectionKind::kPartitionCenterCodes}) {
    auto bytes = section(kind);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng());
    const auto opened = open_with(kind, bytes);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const auto [status, found] = search((*opened)->searcher(), 0.9);
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kCorruption) << status.to_string();
    for (const index::Candidate& candidate : found) EXPECT_LT(candidate.slot, kRows);
  }
  auto points = section(SectionKind::kPartitionPoints);
  for (size_t i = 0; i < points.size(); i += 4) {
    const float value = i % 8 == 0 ? 3e38F : -3e38F;
    std::memcpy(points.data() + i, &value, sizeof value);
  }
  const auto opened = open_with(SectionKind::kPartitionPoints, points);
  ASSERT_TRUE(opened.ok());
  for (const index::Candidate& c : search((*opened)->searcher(), 0.9).second) {
    EXPECT_LT(c.slot, kRows);
  }
}

}  // namespace
}  // namespace omendb::segment
