#include "segment/segment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "segment/center.h"
#include "segment/segment_test_util.h"
#include "storage/section_format.h"

namespace omendb::segment {
namespace {

using codec::rabitq::kBlockRows;
using testing::IdBatch;
using testing::RowText;

const column::Schema kColumns = column::testing::every_type();

struct Shape {
  Fields fields;
  IdKind id_kind;
  bool lacking = false;  ///< whether rows lack some of the fields

  const VectorSpec& spec() const { return fields[0].spec; }
};

std::vector<Shape> shapes() {
  return {{unnamed_field({1, Metric::kL2, Element::kF32}), IdKind::kU64},
          {unnamed_field({3, Metric::kCosine, Element::kF32}), IdKind::kString},
          {unnamed_field({130, Metric::kInnerProduct, Element::kF16}), IdKind::kU64},
          {unnamed_field({64, Metric::kL2, Element::kI8}), IdKind::kString},
          {unnamed_field({13, Metric::kHamming, Element::kBinary}), IdKind::kU64},
          {unnamed_field({1, Metric::kHamming, Element::kBinary}), IdKind::kString},
          {{{FieldId{1}, "title", {5, Metric::kCosine, Element::kF32}},
            {FieldId{4}, "bits", {13, Metric::kHamming, Element::kBinary}},
            {FieldId{9}, "body", {70, Metric::kInnerProduct, Element::kF16}}},
           IdKind::kU64},
          {{{FieldId{1}, "title", {5, Metric::kCosine, Element::kF32}},
            {FieldId{2}, "bits", {13, Metric::kHamming, Element::kBinary}},
            {FieldId{3}, "body", {70, Metric::kL2, Element::kI8}},
            {FieldId{4}, "all", {3, Metric::kL2, Element::kF32}}},
           IdKind::kString,
           true}};
}

/// Memtables with dead rows, and what is alive in them.
struct Sources {
  std::vector<WriteSource> sources;
  std::map<IdView, RowText> alive;
  std::vector<IdBatch> ids;  // what the views in `alive` point into
};

Sources random_sources(const Shape& shape, std::mt19937& rng) {
  Sources result;
  result.ids.reserve(3);
  for (const size_t rows : {700, 1, 0x5A5}) {
    result.ids.push_back(
        testing::distinct_ids(shape.id_kind, rows, result.alive.size() + 10'000 * rows, rng));
    const auto vectors = testing::random_rows(shape.fields, rows, rng);
    std::vector<Column> columns;
    for (size_t c = rows % 2; c < kColumns.size(); c += 2) {  // each source has half of them
      columns.push_back(column::testing::random_column(kColumns[c], rows, rng));
    }
    const IdBatch& ids = result.ids.back();
    testing::FieldPresence presence;
    for (size_t f = 0; shape.lacking && f + 1 < shape.fields.size(); ++f) {
      presence.push_back(testing::random_presence(rows, rng));
    }
    if (shape.lacking) presence.emplace_back();
    const auto memtable =
        testing::filled_memtable(shape.fields, shape.id_kind, ids, vectors, columns, {}, presence);
    std::vector<uint32_t> dead;
    for (uint32_t r = 0; r < rows; ++r) {
      if (rows > 1 && rng() % 3 == 0) dead.push_back(r);
    }
    const auto view = memtable->view(static_cast<uint32_t>(rows));
    result.sources.push_back({view, Tombstones::with(nullptr, dead)});
    for (uint32_t r = 0; r < rows; ++r) {
      if (is_dead(result.sources.back().dead, r)) continue;
      result.alive[ids.at(r)] = testing::row_of(*view, shape.fields, kColumns, r);
    }
  }
  return result;
}

Result<WrittenSegment> write(const std::shared_ptr<storage::Env>& env, const Shape& shape,
                             std::span<const WriteSource> sources, const std::string& path) {
  return write_segment(env, path, shape.fields, shape.id_kind, kColumns, sources);
}

IdView absent_id(const IdView& near) {
  if (const auto* number = std::get_if<uint64_t>(&near)) return *number + 1;
  static std::string text;
  text = std::string(std::get<std::string_view>(near)) + "\x01";
  return std::string_view(text);
}

void expect_holds(const Segment& segment, const Shape& shape,
                  const std::map<IdView, RowText>& model) {
  ASSERT_EQ(segment.rows(), model.size());
  uint32_t slot = 0;
  for (const auto& [id, row] : model) {
    ASSERT_EQ(*segment.id(slot), id);
    ASSERT_EQ(testing::row_of(segment, shape.fields, kColumns, slot), row) << describe(id);
    ASSERT_EQ(*segment.find(id), slot) << describe(id);
    ASSERT_EQ(*segment.find(absent_id(id)), std::nullopt) << describe(id);
    ++slot;
  }
  EXPECT_EQ(*segment.find(IdView(uint64_t{0})), std::nullopt);
  EXPECT_EQ(*segment.find(IdView(UINT64_MAX)), std::nullopt);
  EXPECT_EQ(*segment.find(IdView(std::string_view(""))), std::nullopt);
  EXPECT_EQ(*segment.find(IdView(std::string_view("\xF4\x8F\xBF\xBF"))), std::nullopt);
}

TEST(Segment, HoldsTheLiveRowsOfItsSourcesInTheOrderOfTheirIds) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(std::string(element_name(shape.spec().element)));
    std::mt19937 rng(7);
    const auto env = storage::Env::in_memory();
    const Sources from = random_sources(shape, rng);
    const auto written = write(env, shape, from.sources, "a.seg");
    ASSERT_TRUE(written.ok()) << written.status().to_string();
    expect_holds(*written->segment, shape, from.alive);
    for (size_t s = 0; s < from.sources.size(); ++s) {
      const auto& slots = written->new_slots[s];
      ASSERT_EQ(slots.size(), from.sources[s].rows->rows());
      for (uint32_t r = 0; r < slots.size(); ++r) {
        ASSERT_EQ(slots[r] == kDropped, is_dead(from.sources[s].dead, r));
        if (slots[r] == kDropped) continue;
        ASSERT_EQ(*written->segment->id(slots[r]), *from.sources[s].rows->id(r));
      }
    }
    const auto reopened = Segment::open(env, "a.seg", shape.fields, shape.id_kind);
    ASSERT_TRUE(reopened.ok()) << reopened.status().to_string();
    expect_holds(**reopened, shape, from.alive);
  }
}

TEST(Segment, MergedFromSegmentsAndAMemtableHoldsWhatIsAliveInEach) {
  for (const Shape& shape : shapes()) {
    std::mt19937 rng(8);
    const auto env = storage::Env::in_memory();
    Sources from = random_sources(shape, rng);
    const auto first = write(env, shape, std::span(from.sources).first(2), "a.seg");
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    std::vector<uint32_t> dead;
    for (uint32_t r = 0; r < first->segment->rows(); r += 2) dead.push_back(r);
    for (const uint32_t r : dead) from.alive.erase(*first->segment->id(r));
    const std::vector<WriteSource> sources = {{first->segment, Tombstones::with(nullptr, dead)},
                                              from.sources[2]};
    const auto merged = write(env, shape, sources, "b.seg");
    ASSERT_TRUE(merged.ok()) << merged.status().to_string();
    expect_holds(*merged->segment, shape, from.alive);
  }
}

TEST(Segment, AWriteIsStoppedBetweenAnyTwoChunksAndLeavesNoFile) {
  std::mt19937 rng(11);
  const Shape shape = shapes()[0];
  const Sources made = random_sources(shape, rng);
  const auto env = storage::Env::in_memory();
  JobControl whole;
  const auto written = write_segment(env, "s", shape.fields, shape.id_kind, kColumns, made.sources,
                                     {.control = &whole});
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(whole.rows_done(), whole.rows_total());
  EXPECT_EQ(whole.rows_total(), made.alive.size());
  JobControl stopped;
  stopped.cancel();
  EXPECT_EQ(write_segment(env, "t", shape.fields, shape.id_kind, kColumns, made.sources,
                          {.control = &stopped})
                .status()
                .code(),
            StatusCode::kCancelled);
  EXPECT_FALSE(*env->exists("t"));
}

TEST(Segment, OfOtherFieldsThanItsCollectionHasIsRefused) {
  std::mt19937 rng(10);
  const Shape shape = shapes().back();
  const auto env = storage::Env::in_memory();
  const Sources from = random_sources(shape, rng);
  ASSERT_TRUE(write(env, shape, from.sources, "a.seg").ok());
  const auto code = [&](const Fields& fields) {
    return Segment::open(env, "a.seg", fields, shape.id_kind).status().code();
  };
  const Fields& f = shape.fields;
  EXPECT_EQ(code(f), StatusCode::kOk);
  EXPECT_EQ(code({f[0], f[1]}), StatusCode::kCorruption);
  EXPECT_EQ(code({f[0], f[2], f[1]}), StatusCode::kCorruption);
  Fields renumbered = f;
  renumbered[2].id = FieldId{10};
  EXPECT_EQ(code(renumbered), StatusCode::kCorruption);
  Fields renamed = f;  // the name is the manifest's alone
  renamed[2].name = "text";
  EXPECT_EQ(code(renamed), StatusCode::kOk);
}

TEST(Segment, WithoutALiveRowThereIsNoFile) {
  std::mt19937 rng(9);
  const Shape shape = shapes()[0];
  const auto env = storage::Env::in_memory();
  const auto ids = testing::distinct_ids(shape.id_kind, 2, 0, rng);
  const auto vectors = testing::random_rows(shape.fields, 2, rng);
  const auto view = testing::filled_memtable(shape.fields, shape.id_kind, ids, vectors)->view(2);
  const std::vector<uint32_t> both = {0, 1};
  const std::vector<WriteSource> sources = {{view, Tombstones::with(nullptr, both)}};
  const auto written = write(env, shape, sources, "a.seg");
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->segment, nullptr);
  EXPECT_EQ(written->new_slots, (std::vector<std::vector<uint32_t>>{{kDropped, kDropped}}));
  EXPECT_FALSE(*env->exists("a.seg"));
}

// --- damage ------------------------------------------------------------------------------------

/// A small segment file, to be damaged.
class DamagedSegment : public ::testing::Test {
 protected:
  explicit DamagedSegment(IdKind id_kind = IdKind::kU64)
      : shape_{unnamed_field({3, Metric::kL2, Element::kF32}), id_kind} {
    std::mt19937 rng(10);
    ids_ = testing::distinct_ids(id_kind, 40, 5, rng);
    const auto vectors = testing::random_rows(shape_.fields, 40, rng);
    const Column year = column::testing::random_column(kColumns[1], 40, rng);
    const auto view =
        testing::filled_memtable(shape_.fields, id_kind, ids_, vectors, std::span(&year, 1))
            ->view(40);
    const WriteSource source{view, nullptr};
    EXPECT_TRUE(write(env_, shape_, std::span(&source, 1), "good").ok());
    answers_ = ask("good");
    EXPECT_EQ(answers_.find("corruption"), std::string::npos);
  }

  /// Asks for everything that a segment can say. Errors other than damage fail the test.
  std::string ask(const std::string& path) const {
    std::string answers;
    const auto note = [&](const Status& status) {
      if (!status.ok()) answers += status_code_name(status.code());
      EXPECT_TRUE(status.ok() || status.code() == StatusCode::kCorruption ||
                  status.code() == StatusCode::kUnsupportedVersion)
          << status.to_string();
      return status.ok();
    };
    const auto segment = Segment::open(env_, path, shape_.fields, shape_.id_kind);
    if (!note(segment.status())) return answers;
    for (uint32_t slot = 0; slot < (*segment)->rows(); ++slot) {
      const auto id = (*segment)->id(slot);
      if (note(id.status())) answers += describe(*id) + " ";
      const std::byte* place = nullptr;
      if (note((*segment)->field(0).locate(std::span(&slot, 1), &place))) {
        answers.append(reinterpret_cast<const char*>(place), shape_.spec().row_bytes());
      }
    }
    for (size_t i = 0; i < ids_.size(); ++i) {
      const auto found = (*segment)->find(ids_.at(i));
      if (note(found.status())) answers += std::to_string(found->value_or(999)) + " ";
    }
    if (const column::ColumnReader* year = (*segment)->columns().find(kColumns[1].id)) {
      for (uint32_t slot = 0; slot < (*segment)->rows(); ++slot) {
        Column out{.name = "year", .type = ColumnType::kI64};
        if (note(year->gather(std::span(&slot, 1), out)))
          answers += column::testing::row_text(out, 0);
      }
    }
    return answers;
  }

  /// A copy of the good file in which one section holds other bytes, with good checksums.
  std::string replace(storage::SectionKey key, std::span<const std::byte> bytes) {
    const auto good = storage::SectionFile::open(env_, "good", kSegmentFileKind);
    auto writer = storage::SectionFileWriter::create(env_, "bad", kSegmentFileKind);
    for (uint32_t kind = 0; kind < 110; ++kind) {
      if (!(*good)->has({kind, 0})) continue;
      const auto old = (*good)->section({kind, 0});
      EXPECT_TRUE((*writer)->begin({kind, 0}).ok());
      EXPECT_TRUE((*writer)->append(kind == key.kind ? bytes : *old->bytes()).ok());
      EXPECT_TRUE((*writer)->end().ok());
    }
    EXPECT_TRUE((*writer)->finish().ok());
    return "bad";
  }
  std::vector<std::byte> section(SectionKind kind) const {
    const auto good = storage::SectionFile::open(env_, "good", kSegmentFileKind);
    const auto bytes = (*good)->section(key(kind))->bytes();
    return {bytes->begin(), bytes->end()};
  }
  template <class T>
  std::string with_value(SectionKind kind, size_t offset, T value) {
    auto bytes = section(kind);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return replace(key(kind), bytes);
  }
  StatusCode open_code(const std::string& path) const {
    return Segment::open(env_, path, shape_.fields, shape_.id_kind).status().code();
  }

  const Shape shape_;
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  IdBatch ids_;
  std::string answers_;
};

class DamagedStringSegment : public DamagedSegment {
 protected:
  DamagedStringSegment() : DamagedSegment(IdKind::kString) {}
};

TEST_F(DamagedSegment, AFlippedByteIsReportedOrChangesNoAnswer) {
  const auto good = *env_->read_file("good");
  size_t reported = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    // Sections are short here: most bytes of a page are the zeros that fill it.
    const size_t in_page = at % storage::kPageBytes;
    if (in_page >= 320 && in_page % 97 != 0 && at + 400 < good.size()) continue;
    auto bytes = good;
    bytes[at] ^= static_cast<std::byte>(1 + at % 255);
    auto file = env_->create_file("flipped");
    ASSERT_TRUE((*file)->append(bytes).ok());
    const std::string answers = ask("flipped");
    const bool damage = answers.find("corruption") != std::string::npos ||
                        answers.find("unsupported_version") != std::string::npos;
    ASSERT_TRUE(damage || answers == answers_) << "byte " << at;
    reported += damage;
  }
  EXPECT_GT(reported, 1'000U);
}

TEST(Segment, DamageInRowsThatTheMaskLeavesOutIsNotReported) {
  constexpr uint32_t kRows = 200;
  const Shape shape{unnamed_field({1'024, Metric::kL2, Element::kF32}),
                    IdKind::kU64};  // a page a row
  const auto env = storage::Env::in_memory();
  std::mt19937 rng(11);
  const auto ids = testing::distinct_ids(shape.id_kind, kRows, 5, rng);
  const auto vectors = testing::random_rows(shape.fields, kRows, rng);
  const WriteSource source{
      testing::filled_memtable(shape.fields, shape.id_kind, ids, vectors)->view(kRows), nullptr};
  const auto written = write(env, shape, std::span(&source, 1), "good");
  ASSERT_TRUE(written.ok());
  constexpr uint32_t kDamaged = 130;
  const std::byte* row = written->segment->field(0).vectors(kDamaged, 1)->rows;
  auto bytes = *env->read_file("good");
  const auto place = std::search(bytes.begin(), bytes.end(), row, row + shape.spec().row_bytes());
  ASSERT_NE(place, bytes.end());
  *place ^= std::byte{1};
  auto file = env->create_file("flipped");
  ASSERT_TRUE((*file)->append(bytes).ok());
  const auto segment = *Segment::open(env, "flipped", shape.fields, shape.id_kind);

  const auto masked = [&](uint32_t first, std::initializer_list<uint32_t> wanted) {
    Bitmap mask(kRows - first);
    for (const uint32_t slot : wanted) mask.set(slot - first);
    return segment->field(0).vectors(first, kRows - first, mask.words().data()).status().code();
  };
  EXPECT_EQ(masked(0, {}), StatusCode::kOk);
  EXPECT_EQ(masked(0, {0, 1, 63, 64, 65, 127, 129, 131, 199}), StatusCode::kOk);
  EXPECT_EQ(masked(64, {64, 127, 128, 131, 191}), StatusCode::kOk);
  EXPECT_EQ(masked(0, {129, 130, 131}), StatusCode::kCorruption);
  EXPECT_EQ(masked(64, {kDamaged}), StatusCode::kCorruption);
  EXPECT_EQ(segment->field(0).vectors(0, kRows).status().code(), StatusCode::kCorruption);
  const auto whole = segment->field(0).vectors(0, kDamaged, nullptr);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(
      std::memcmp(whole->rows, written->segment->field(0).vectors(0, 1)->rows, kDamaged * 4'096),
      0);
}

TEST_F(DamagedSegment, AHeaderThatLiesIsRefused) {
  using H = SegmentHeader;
  using F = SegmentField;
  const auto code = [this](auto path) { return open_code(path); };
  const auto header = SectionKind::kHeader;
  const auto corrupt = StatusCode::kCorruption;
  EXPECT_EQ(code(with_value(header, offsetof(H, version), uint32_t{2})),
            StatusCode::kUnsupportedVersion);
  EXPECT_EQ(code(with_value(header, offsetof(H, version), uint32_t{0})), corrupt);
  const auto of_field = [](size_t offset) { return sizeof(H) + offset; };
  EXPECT_EQ(code(with_value(header, of_field(offsetof(F, id)), uint16_t{1})), corrupt);
  EXPECT_EQ(code(with_value(header, of_field(offsetof(F, metric)), uint8_t{2})), corrupt);
  EXPECT_EQ(code(with_value(header, of_field(offsetof(F, element)), uint8_t{4})), corrupt);
  EXPECT_EQ(code(with_value(header, offsetof(H, id_kind), uint8_t{2})), corrupt);
  EXPECT_EQ(code(with_value(header, of_field(offsetof(F, reserved)), uint8_t{1})), corrupt);
  EXPECT_EQ(code(with_value(header, offsetof(H, reserved), uint8_t{1})), corrupt);
  for (const uint16_t fields : {uint16_t{0}, uint16_t{2}, uint16_t{65'535}}) {
    EXPECT_EQ(code(with_value(header, offsetof(H, fields), fields)), corrupt) << fields;
  }
  for (const uint64_t dim : {uint64_t{0}, uint64_t{4}, uint64_t{3} << 32 | 3, UINT64_MAX}) {
    EXPECT_EQ(code(with_value(header, of_field(offsetof(F, dim)), dim)), corrupt) << dim;
  }
  for (const uint64_t rows : {uint64_t{0}, uint64_t{39}, uint64_t{41}, uint64_t{1} << 31,
                              (uint64_t{1} << 32) + 40, UINT64_MAX}) {
    EXPECT_EQ(code(with_value(header, offsetof(H, rows), rows)), corrupt) << rows;
  }
  EXPECT_EQ(code(replace(key(header), {})), corrupt);
}

TEST_F(DamagedSegment, SectionsOfTheWrongSizeAreRefused) {
  for (const SectionKind kind : {SectionKind::kHeader, SectionKind::kIds, SectionKind::kVectors}) {
    auto bytes = section(kind);
    bytes.push_back(std::byte{0});
    EXPECT_EQ(open_code(replace(key(kind), bytes)), StatusCode::kCorruption);
    bytes.resize(bytes.size() - 2);
    EXPECT_EQ(open_code(replace(key(kind), bytes)), StatusCode::kCorruption);
    EXPECT_EQ(open_code(replace(key(kind), {})), StatusCode::kCorruption);
  }
}

TEST_F(DamagedStringSegment, AFlippedByteOfTheIdsIsReported) {
  const auto good = *env_->read_file("good");
  const auto offsets = section(SectionKind::kIdOffsets);
  const auto text = section(SectionKind::kIdBytes);
  for (const auto& part : {offsets, text}) {
    const auto at = std::search(good.begin(), good.end(), part.begin(), part.end());
    ASSERT_NE(at, good.end());
    for (size_t i = 0; i < part.size(); ++i) {
      auto bytes = good;
      bytes[static_cast<size_t>(at - good.begin()) + i] ^= std::byte{0x10};
      auto file = env_->create_file("flipped");
      ASSERT_TRUE((*file)->append(bytes).ok());
      ASSERT_NE(ask("flipped").find("corruption"), std::string::npos) << i;
    }
  }
}

TEST_F(DamagedStringSegment, OffsetsThatLieReachNoFurtherThanTheIds) {
  for (const uint64_t offset : {uint64_t{1} << 20, uint64_t{1} << 63, UINT64_MAX}) {
    for (const size_t i : {0, 7, 40}) {
      const std::string answers = ask(with_value(SectionKind::kIdOffsets, i * 8, offset));
      EXPECT_NE(answers.find("corruption"), std::string::npos) << i << " " << offset;
    }
  }
}

// --- tombstone files ---------------------------------------------------------------------------

std::shared_ptr<storage::Env> env_with_tombstones(std::span<const uint32_t> slots) {
  auto env = storage::Env::in_memory();
  EXPECT_TRUE(write_tombstones(env, "a.del", *Tombstones::with(nullptr, slots)).ok());
  return env;
}

TEST(TombstoneFile, HoldsTheDeadRows) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 3; slot < 60'000; slot += 1 + slot % 11) slots.push_back(slot);
  const auto env = env_with_tombstones(slots);
  const auto read = read_tombstones(env, "a.del", slots.back() + 1);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ((*read)->slots(), slots);
}

TEST(TombstoneFile, ARowThatTheSegmentLacksIsDamage) {
  const std::vector<uint32_t> slots = {1, 99};
  const auto env = env_with_tombstones(slots);
  EXPECT_EQ(read_tombstones(env, "a.del", 99).status().code(), StatusCode::kCorruption);
}

TEST(TombstoneFile, EveryFlippedByteOfTheListIsReported) {
  const std::vector<uint32_t> slots = {1, 5, 4'097};
  const auto env = env_with_tombstones(slots);
  const auto good = *env->read_file("a.del");
  for (size_t at = storage::kPageBytes; at < 2 * storage::kPageBytes; ++at) {
    auto bytes = good;
    bytes[at] ^= std::byte{0x04};
    auto file = env->create_file("b.del");
    ASSERT_TRUE((*file)->append(bytes).ok());
    ASSERT_EQ(read_tombstones(env, "b.del", 10'000).status().code(), StatusCode::kCorruption) << at;
  }
}

TEST(TombstoneFile, AListCutInsideANumberIsDamage) {
  const auto env = storage::Env::in_memory();
  auto writer = storage::SectionFileWriter::create(env, "a.del", kTombstoneFileKind);
  ASSERT_TRUE((*writer)->begin(key(SectionKind::kTombstones)).ok());
  ASSERT_TRUE((*writer)->append(as_bytes(std::string_view("\x01\0\0\0\x02", 5))).ok());
  ASSERT_TRUE((*writer)->end().ok());
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_EQ(read_tombstones(env, "a.del", 10).status().code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace omendb::segment
