#include "segment/sealed_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/bitmap.h"
#include "segment/segment_indexes.h"
#include "segment/segment_store.h"
#include "segment/segment_test_util.h"
#include "storage/section_format.h"

namespace omendb::segment {
namespace {

using codec::rabitq::kBlockRows;

/// A segment, and its index in "good.idx".
class SealedIndexTest : public ::testing::Test {
 protected:
  explicit SealedIndexTest(const VectorSpec& spec = {24, Metric::kCosine, Element::kF32},
                           size_t rows = 3'001)
      : fields_{{FieldId{3}, "body", spec}} {
    segment_ = make_segment("a.seg", rows, 1);
    const auto meta = write("good.idx", *segment_);
    EXPECT_TRUE(meta.ok()) << meta.status().to_string();
    meta_ = *meta;
  }

  std::shared_ptr<const Segment> make_segment(const std::string& path, size_t rows, uint32_t seed) {
    std::mt19937 rng(seed);
    const auto ids = testing::distinct_ids(IdKind::kU64, rows, 5, rng);
    const auto vectors = testing::random_rows(fields_, rows, rng);
    const WriteSource source{testing::filled_memtable(fields_, IdKind::kU64, ids, vectors)
                                 ->view(static_cast<uint32_t>(rows)),
                             nullptr};
    const auto written =
        write_segment(env_, path, fields_, IdKind::kU64, column::Schema(), std::span(&source, 1));
    EXPECT_TRUE(written.ok()) << written.status().to_string();
    return written->segment;
  }
  IndexedRows of(const Segment& segment) const { return {segment, fields_[0], 0}; }
  Result<storage::IndexMeta> write(const std::string& path, const Segment& segment) {
    JobControl control;
    return write_index(env_, path, IndexKind::kCoded, of(segment), control);
  }
  Status open_status(const std::string& path) const {
    return SealedIndex::open(env_, path, meta_, of(*segment_)).status();
  }
  /// A copy of the good file in which one section holds other bytes, with good checksums.
  Status open_with(SectionKind kind, std::span<const std::byte> bytes) {
    const auto good = storage::SectionFile::open(env_, "good.idx", kIndexFileKind);
    auto writer = storage::SectionFileWriter::create(env_, "bad.idx", kIndexFileKind);
    for (const SectionKind each :
         {SectionKind::kIndexHeader, SectionKind::kCenter, SectionKind::kCodes}) {
      EXPECT_TRUE((*writer)->begin(key(each)).ok());
      EXPECT_TRUE((*writer)->append(each == kind ? bytes : section(each)).ok());
      EXPECT_TRUE((*writer)->end().ok());
    }
    EXPECT_TRUE((*writer)->finish().ok());
    return open_status("bad.idx");
  }
  std::vector<std::byte> section(SectionKind kind) const {
    const auto good = storage::SectionFile::open(env_, "good.idx", kIndexFileKind);
    const auto bytes = (*good)->section(key(kind))->bytes();
    return {bytes->begin(), bytes->end()};
  }
  template <class T>
  StatusCode with_value(SectionKind kind, size_t offset, T value) {
    auto bytes = section(kind);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return open_with(kind, bytes).code();
  }
  void store(const std::string& path, std::span<const std::byte> bytes) {
    const auto file = env_->create_file(path);
    ASSERT_TRUE((*file)->append(bytes).ok());
  }

  const Fields fields_;
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  std::shared_ptr<const Segment> segment_;
  storage::IndexMeta meta_;
};

TEST_F(SealedIndexTest, HoldsTheCodesOfTheSegmentsRows) {
  EXPECT_EQ(meta_.field, FieldId{3});
  EXPECT_EQ(meta_.kind, 1);
  EXPECT_EQ(meta_.version, 1);
  EXPECT_EQ(meta_.bytes, env_->read_file("good.idx")->size());
  const auto index = SealedIndex::open(env_, "good.idx", meta_, of(*segment_));
  ASSERT_TRUE(index.ok()) << index.status().to_string();
  const index::Codes& codes = *testing::codes_of(&(*index)->searcher());
  ASSERT_EQ(codes.rows(), segment_->rows());
  EXPECT_EQ(&codes.encoder(), (*index)->encoder().get());
  const size_t row_bytes = fields_[0].spec.row_bytes();
  const auto rows = segment_->field(0).vectors(0, segment_->rows());
  std::vector<std::byte> block(codes.encoder().block_bytes());
  for (uint32_t first = 0; first < segment_->rows(); first += kBlockRows) {
    codes.encoder().encode_block(rows->rows + first * row_bytes, row_bytes,
                                 std::min<size_t>(kBlockRows, segment_->rows() - first),
                                 block.data());
    const std::byte* stored = *codes.blocks() + first / kBlockRows * block.size();
    ASSERT_EQ(std::memcmp(stored, block.data(), block.size()), 0) << "block of row " << first;
  }
  EXPECT_TRUE((*index)->searcher().sound());
}

/// Of the docs, the bytes of the dump that is marked ```<mark>.
std::vector<std::byte> dump_in_docs(const std::string& mark) {
  std::ifstream docs(OMENDB_FORMAT_MD);
  EXPECT_TRUE(docs.good()) << OMENDB_FORMAT_MD;
  std::string line;
  while (std::getline(docs, line) && line != "```" + mark) continue;
  std::vector<std::byte> bytes;
  while (std::getline(docs, line) && line != "```") {
    std::istringstream in(line);
    unsigned value = 0;
    in >> std::hex >> value;  // the offset
    while (in >> value) bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

TEST_F(SealedIndexTest, HasTheHeaderThatTheDocsShow) {
  auto header = section(SectionKind::kIndexHeader);
  const uint32_t segment = segment_->checksum();
  EXPECT_EQ(std::memcmp(header.data() + 12, &segment, 4), 0);
  const uint32_t documented = 0x12345678;
  std::memcpy(header.data() + 12, &documented, 4);
  EXPECT_EQ(header, dump_in_docs("index-header"));
}

TEST_F(SealedIndexTest, IsTheSameToTheByteEachTimeItIsBuilt) {
  ASSERT_TRUE(write("again.idx", *segment_).ok());
  EXPECT_EQ(*env_->read_file("good.idx"), *env_->read_file("again.idx"));
}

TEST_F(SealedIndexTest, ABuildThatIsStoppedLeavesNoFile) {
  JobControl whole;
  whole.begin(segment_->rows(), 1);
  ASSERT_TRUE(write_index(env_, "b.idx", IndexKind::kCoded, of(*segment_), whole).ok());
  EXPECT_EQ(whole.rows_done(), segment_->rows());
  JobControl stopped;
  stopped.cancel();
  EXPECT_EQ(write_index(env_, "c.idx", IndexKind::kCoded, of(*segment_), stopped).status().code(),
            StatusCode::kCancelled);
  EXPECT_FALSE(*env_->exists("c.idx"));
}

TEST_F(SealedIndexTest, OfAnotherSegmentOfAsManyRowsIsRefused) {
  const auto other = make_segment("b.seg", segment_->rows(), 2);
  ASSERT_TRUE(write("foreign.idx", *other).ok());
  const Status status = open_status("foreign.idx");
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("another segment"), std::string::npos) << status.to_string();
}

TEST_F(SealedIndexTest, OfAKindOrVersionToComeIsUnsupportedAndNotLookedInto) {
  for (const auto& [kind, version] : {std::pair{9, 1}, {1, 2}, {0, 1}, {1, 0}}) {
    meta_.kind = static_cast<uint8_t>(kind);
    meta_.version = static_cast<uint16_t>(version);
    const Status status = open_status("no such file");
    EXPECT_EQ(status.code(), StatusCode::kUnsupportedVersion) << kind << " " << version;
    EXPECT_NE(status.message().find("kind " + std::to_string(kind)), std::string::npos);
  }
}

TEST_F(SealedIndexTest, AHeaderThatLiesIsRefused) {
  using H = IndexHeader;
  const auto header = SectionKind::kIndexHeader;
  const auto corrupt = StatusCode::kCorruption;
  EXPECT_EQ(with_value(header, offsetof(H, version), uint32_t{2}), StatusCode::kUnsupportedVersion);
  EXPECT_EQ(with_value(header, offsetof(H, version), uint32_t{0}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, kind), uint8_t{2}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, reserved), uint8_t{1}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, kind_version), uint16_t{2}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, field), uint16_t{0}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, metric), uint8_t{1}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, element), uint8_t{2}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, segment), uint32_t{1}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, rows), uint64_t{3'000}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, dim), uint64_t{25}), corrupt);
  EXPECT_EQ(with_value(header, offsetof(H, seed), uint64_t{1}), corrupt);
  EXPECT_EQ(open_with(header, {}).code(), corrupt);
}

TEST_F(SealedIndexTest, ACenterThatIsNotOfFiniteNumbersIsRefused) {
  for (const float x : {NAN, INFINITY, -INFINITY}) {
    EXPECT_EQ(with_value(SectionKind::kCenter, 8, x), StatusCode::kCorruption) << x;
  }
}

TEST_F(SealedIndexTest, SectionsOfTheWrongSizeAreRefused) {
  for (const SectionKind kind : {SectionKind::kCenter, SectionKind::kCodes}) {
    auto bytes = section(kind);
    bytes.push_back(std::byte{0});
    EXPECT_EQ(open_with(kind, bytes).code(), StatusCode::kCorruption);
    bytes.resize(bytes.size() - 2);
    EXPECT_EQ(open_with(kind, bytes).code(), StatusCode::kCorruption);
    EXPECT_EQ(open_with(kind, {}).code(), StatusCode::kCorruption);
  }
}

TEST_F(SealedIndexTest, AFlippedByteIsReportedAndTheIndexIsSoundNoMore) {
  const auto good = *env_->read_file("good.idx");
  size_t reported = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    const size_t in_page = at % storage::kPageBytes;
    if (in_page >= 100 && in_page % 97 != 0 && at + 300 < good.size()) continue;
    auto bytes = good;
    bytes[at] ^= static_cast<std::byte>(1 + at % 255);
    store("flipped.idx", bytes);
    const auto index = SealedIndex::open(env_, "flipped.idx", meta_, of(*segment_));
    if (!index.ok()) {
      ASSERT_TRUE(index.status().code() == StatusCode::kCorruption ||
                  index.status().code() == StatusCode::kUnsupportedVersion)
          << index.status().to_string();
      ++reported;
      continue;
    }
    const auto blocks = testing::codes_of(&(*index)->searcher())->blocks();
    ASSERT_EQ((*index)->searcher().sound(), blocks.ok()) << "byte " << at;
    reported += blocks.ok() ? 0 : 1;
  }
  EXPECT_GT(reported, 1'000U);
}

TEST_F(SealedIndexTest, AnIndexThatCannotBeOpenedIsListedWithItsReasonAndNotSearched) {
  ASSERT_TRUE(env_->make_directory("d").ok());
  SegmentStore files(env_, "d");
  JobControl control;
  const auto written = files.write_index("1", IndexKind::kCoded, of(*segment_), control);
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  std::vector<storage::IndexMeta> named(4, written->meta);
  named[0].name = "missing";
  named[0].version = 1;
  named[1].kind = 9;
  named[2].field = FieldId{8};
  const auto indexes = files.open_indexes(named, *segment_, fields_);
  ASSERT_EQ(indexes->all().size(), 4U);
  EXPECT_EQ(indexes->all()[0].problem.code(), StatusCode::kNotFound);
  EXPECT_EQ(indexes->all()[1].problem.code(), StatusCode::kUnsupportedVersion);
  EXPECT_EQ(indexes->all()[2].problem.code(), StatusCode::kCorruption);
  EXPECT_TRUE(indexes->all()[3].problem.ok());
  ASSERT_EQ(indexes->searchers(0).size(), 1U);
  EXPECT_EQ(indexes->searchers(0)[0], &indexes->all()[3].opened->searcher());
  EXPECT_TRUE(indexes->searchers(1).empty());
  const auto again =
      files.open_indexes(std::span(named).last(1), *segment_, fields_, indexes.get());
  EXPECT_EQ(again->all()[0].opened, indexes->all()[3].opened) << "the same index, opened once";
}

}  // namespace
}  // namespace omendb::segment
