// Rows without a vector in a field, in a segment.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/bitmap.h"
#include "segment/sealed_index.h"
#include "segment/segment_test_util.h"

namespace omendb::segment {
namespace {

using codec::rabitq::kBlockRows;

/// Rows that have no vector are zeros in the file, which must not draw the center to them.
TEST(Segment, RowsWithoutAVectorAreNoCandidatesAndDoNotMoveTheCenter) {
  const VectorSpec spec{64, Metric::kL2, Element::kF32};
  const Fields fields = {{FieldId{1}, "some", spec},
                         {FieldId{2}, "all", {1, Metric::kL2, Element::kF32}},
                         {FieldId{3}, "unknown", {0, Metric::kL2, Element::kF32}}};
  constexpr uint32_t kRows = 5'000;
  std::mt19937 rng(11);
  const auto ids = testing::distinct_ids(IdKind::kU64, kRows, 0, rng);
  testing::FieldRows vectors = testing::random_rows(fields, kRows, rng);
  auto every_fourth = std::make_shared<Bitmap>(kRows);
  std::vector<double> mean(spec.dim);
  for (uint32_t r = 0; r < kRows; ++r) {
    auto* row = reinterpret_cast<float*>(vectors[0].data() + r * spec.row_bytes());
    for (size_t i = 0; i < spec.dim; ++i) row[i] += 1'000;
    if (r % 4 != 0) continue;
    every_fourth->set(r);
    for (size_t i = 0; i < spec.dim; ++i) mean[i] += row[i] / (kRows / 4.0);
  }
  auto memtable = std::make_shared<Memtable>(fields, IdKind::kU64, kRows, Encoders{});
  memtable->reserve(ids.view(), {}, {}, kRows);
  memtable->reserve_vectors(0, kRows, 0, every_fourth.get());
  memtable->reserve_no_vectors(0, 2);
  bool encoded = memtable->fill(0, 0, testing::rows_view(spec, vectors[0]));
  encoded &= memtable->fill(0, 1, testing::rows_view(fields[1].spec, vectors[1]));
  encoded &= memtable->fill_none(0, kRows, 2);
  memtable->publish(0, kRows, encoded);
  const auto view = memtable->view(kRows);
  EXPECT_EQ(view->index(0), nullptr) << "1,250 vectors are too few for codes";
  EXPECT_FALSE(view->field(2).complete());

  const auto env = storage::Env::in_memory();
  const WriteSource source{view, nullptr};
  const auto written =
      write_segment(env, "a.seg", fields, IdKind::kU64, column::Schema(), std::span(&source, 1));
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  const auto file = storage::SectionFile::open(env, "a.seg", kSegmentFileKind);
  EXPECT_FALSE((*file)->section(key(SectionKind::kVectors, FieldId{3})).ok());
  EXPECT_FALSE((*file)->section(key(SectionKind::kPresent, FieldId{2})).ok());
  EXPECT_EQ((*file)->section(key(SectionKind::kPresent, FieldId{1}))->size(), kRows / 8);
  const index::Rows& some = written->segment->field(0);
  JobControl control;
  const IndexedRows of{*written->segment, fields[0], 0};
  const auto meta = write_index(env, "a.idx", IndexKind::kCoded, of, control);
  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  const auto index = SealedIndex::open(env, "a.idx", *meta, of);
  ASSERT_TRUE(index.ok()) << index.status().to_string();
  const index::Codes& codes = *testing::codes_of(&(*index)->searcher());
  std::vector<float> query(spec.dim, 0.0F);  // what a row without a vector has in the file
  const auto prepared = codes.encoder().prepare(query.data());
  std::vector<float> estimates(kBlockRows);
  uint32_t hits = 0;
  uint32_t present = 0;
  for (uint32_t block = 0; (block + 1) * kBlockRows <= kRows; ++block) {
    codec::rabitq::block_scan()(prepared, *codes.blocks() + block * codes.encoder().block_bytes(),
                                1, std::numeric_limits<float>::infinity(), estimates.data(), &hits);
    for (uint32_t v = 0; v < kBlockRows; ++v) {
      const bool has = *some.has(static_cast<uint32_t>(block * kBlockRows + v));
      present += has ? 1 : 0;
      ASSERT_EQ(std::isnan(estimates[v]), !has) << block * kBlockRows + v;
      ASSERT_EQ((hits >> v & 1) != 0, has);
    }
  }
  EXPECT_GT(present, kRows / 5);
  const auto index_file = storage::SectionFile::open(env, "a.idx", kIndexFileKind);
  const auto center = (*index_file)->section(key(SectionKind::kCenter))->bytes();
  for (size_t i = 0; i < spec.dim; ++i) {
    float value = 0;
    std::memcpy(&value, center->data() + i * sizeof(float), sizeof value);
    ASSERT_NEAR(value, mean[i], 1e-2);
  }
}

}  // namespace
}  // namespace omendb::segment
