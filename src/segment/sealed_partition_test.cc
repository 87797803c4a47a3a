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
#include "segment/segment_store.h"
#include "segment/segment_test_util.h"

namespace omendb::segment {
namespace {

using index::Gathered;

constexpr SectionKind kSections[] = {
    SectionKind::kIndexHeader,         SectionKind::kPartition,
    SectionKind::kPartitionPoints,     SectionKind::kPartitionCenterCodes,
    SectionKind::kPartitionFirstBlock, SectionKind::kPartitionSlots,
    SectionKind::kPartitionCodes};

/// A segment, and its partitions in "good.idx".
class SealedPartitionTest : public ::testing::Test {
 protected:
  SealedPartitionTest() {
    std::mt19937 rng(71);
    const auto ids = testing::distinct_ids(IdKind::kU64, kRows, 5, rng);
    const auto vectors = testing::random_rows(fields_, kRows, rng);
    const WriteSource source{
        testing::filled_memtable(fields_, IdKind::kU64, ids, vectors)->view(kRows), nullptr};
    const auto written = write_segment(env_, "a.seg", fields_, IdKind::kU64, column::Schema(),
                                       std::span(&source, 1));
    EXPECT_TRUE(written.ok()) << written.status().to_string();
    segment_ = written->segment;
    JobControl control;
    const auto meta = write_index(env_, "good.idx", IndexKind::kPartition, of(), control);
    EXPECT_TRUE(meta.ok()) << meta.status().to_string();
    meta_ = *meta;
  }

  IndexedRows of() const { return {*segment_, fields_[0], 0}; }
  Result<std::shared_ptr<const SealedIndex>> open(const std::string& path) const {
    return SealedIndex::open(env_, path, meta_, of());
  }
  std::vector<std::byte> section(SectionKind kind) const {
    const auto good = storage::SectionFile::open(env_, "good.idx", kIndexFileKind);
    const auto bytes = (*good)->section(key(kind))->bytes();
    return {bytes->begin(), bytes->end()};
  }
  /// A copy of the good file in which one section holds other bytes, with good checksums.
  Result<std::shared_ptr<const SealedIndex>> open_with(SectionKind kind,
                                                       std::span<const std::byte> bytes) {
    auto writer = storage::SectionFileWriter::create(env_, "bad.idx", kIndexFileKind);
    for (const SectionKind each : kSections) {
      EXPECT_TRUE((*writer)->begin(key(each)).ok());
      EXPECT_TRUE((*writer)->append(each == kind ? bytes : section(each)).ok());
      EXPECT_TRUE((*writer)->end().ok());
    }
    EXPECT_TRUE((*writer)->finish().ok());
    return open("bad.idx");
  }
  template <class T>
  Result<std::shared_ptr<const SealedIndex>> with_value(SectionKind kind, size_t offset, T value) {
    auto bytes = section(kind);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return open_with(kind, bytes);
  }
  /// Every row, through the index. @return what the search says, and the candidates.
  static std::pair<Status, std::vector<index::Candidate>> search(const index::PartIndex& index,
                                                                 double reach) {
    const std::vector<float> query(kDim, 20.0F);
    const Stop never;
    index::PreparedQueries prepared(Metric::kL2, {query.data(), 1, kDim}, never);
    Gathered gathered(10, std::numeric_limits<float>::infinity());
    gathered.open({.candidates = 2 * kRows, .reach = reach});
    Gathered* const out[] = {&gathered};
    Status status = index.search(prepared, {0, 0, kRows, nullptr, kRows}, out);
    const auto kept = gathered.candidates().sorted();
    return {std::move(status), {kept.begin(), kept.end()}};
  }

  static constexpr uint32_t kRows = 2'000;
  static constexpr size_t kDim = 24;
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  const Fields fields_{{FieldId{3}, "body", {kDim, Metric::kL2, Element::kF32}}};
  std::shared_ptr<const Segment> segment_;
  storage::IndexMeta meta_;
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
  const auto bytes = env_->read_file("good.idx");
  ASSERT_TRUE(bytes.ok());
  std::mt19937 rng(72);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> damaged = *bytes;
    const size_t at = rng() % damaged.size();
    damaged[at] ^= static_cast<std::byte>(1U << (rng() % 8));
    const auto file = env_->create_file("damaged.idx");
    ASSERT_TRUE((*file)->append(damaged).ok());
    ASSERT_TRUE((*file)->sync().ok());
    const auto opened = open("damaged.idx");
    if (!opened.ok()) continue;
    const auto [status, found] = search((*opened)->searcher(), 1);
    EXPECT_EQ((*opened)->searcher().sound(), status.ok()) << "byte " << at;
    if (status.ok()) {  // a byte that is not of any section
      EXPECT_EQ(found, search(open("good.idx").value()->searcher(), 1).second) << "byte " << at;
    }
  }
}

TEST_F(SealedPartitionTest, SectionsOfAnotherSizeAreRefused) {
  for (const SectionKind kind : kSections) {
    auto shorter = section(kind);
    auto longer = shorter;
    shorter.pop_back();
    longer.insert(longer.end(), 128, std::byte{0});
    EXPECT_EQ(open_with(kind, shorter).status().code(), StatusCode::kCorruption);
    EXPECT_EQ(open_with(kind, longer).status().code(), StatusCode::kCorruption);
  }
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
