// A segment file whose checksums hold and whose sections are anything: it is refused, or searched,
// looked up and gathered from without a read past its ends. Input: options, then pieces of
// [section, length u16, bytes] that are laid over the sections of a good segment, then what is left
// as ids to look for.
#include <cstring>
#include <map>

#include "base/check.h"
#include "index/exact_scan.h"
#include "segment/segment_writer.h"

namespace omendb::segment {
namespace {

constexpr uint32_t kRows = 40;
constexpr size_t kDim = 5;

struct Shape {
  Fields fields;
  IdKind id_kind;
};

Shape shape_of(uint8_t options) {
  static constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};
  static constexpr Element kElements[] = {Element::kF32, Element::kF16, Element::kI8,
                                          Element::kBinary};
  const Element element = kElements[options / 4 % 4];
  const Metric metric = element == Element::kBinary ? Metric::kHamming : kMetrics[options % 3];
  const VectorSpec spec{kDim, metric, element};
  const IdKind id_kind = (options & 16) != 0 ? IdKind::kString : IdKind::kU64;
  if ((options & 32) == 0) return {unnamed_field(spec), id_kind};
  return {{{FieldId{1}, "a", spec}, {FieldId{2}, "b", {kDim, Metric::kL2, Element::kF32}}},
          id_kind};
}

using Sections = std::map<storage::SectionKey, std::vector<std::byte>>;

/// The sections of a segment as the writer would have written them, of zeros for vectors.
Sections good_sections(const Shape& shape) {
  SegmentHeader header{};
  header.version = kSegmentVersion;
  header.id_kind = static_cast<uint8_t>(shape.id_kind);
  header.fields = static_cast<uint16_t>(shape.fields.size());
  header.rows = kRows;
  header.max_id = UINT64_MAX;
  std::vector<uint64_t> numbers(kRows + (shape.id_kind == IdKind::kString ? 1 : 0));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  const auto copy = [](auto bytes) { return std::vector<std::byte>(bytes.begin(), bytes.end()); };
  Sections sections;
  const auto section = [&](SectionKind kind, FieldId field = kUnnamedField) -> auto& {
    return sections[key(kind, field)];
  };
  section(SectionKind::kHeader) = copy(std::as_bytes(std::span(&header, 1)));
  const bool strings = shape.id_kind == IdKind::kString;
  section(strings ? SectionKind::kIdOffsets : SectionKind::kIds) =
      copy(std::as_bytes(std::span(numbers)));
  if (strings) section(SectionKind::kIdBytes).assign(kRows, std::byte{'a'});
  for (const auto& [id, name, spec] : shape.fields) {
    const SegmentField field{
        to_int(id),  static_cast<uint8_t>(spec.metric),      static_cast<uint8_t>(spec.element),
        kDenseField, static_cast<uint8_t>(Presence::kEvery), {},
        kDim};
    const auto bytes = copy(std::as_bytes(std::span(&field, 1)));
    auto& whole = section(SectionKind::kHeader);
    whole.insert(whole.end(), bytes.begin(), bytes.end());
    section(SectionKind::kVectors, id).resize(kRows * spec.row_bytes());
  }
  return sections;
}

/// Lays pieces of the input over the sections. @return what is left of it.
std::span<const uint8_t> overlay(Sections& sections, std::span<const uint8_t> input) {
  static constexpr storage::SectionKey kKeys[] = {
      {1, 0},  {2, 0},  {3, 0},  {4, 0},  {10, 0}, {11, 0}, {12, 0}, {100, 0},
      {10, 1}, {11, 1}, {12, 1}, {10, 2}, {11, 2}, {12, 2}, {13, 1}, {13, 2}};
  while (input.size() >= 4 && (input[0] & 128) == 0) {
    std::vector<std::byte>& section = sections[kKeys[input[0] % 16]];
    const bool resize = (input[0] & 64) != 0;
    const size_t offset = input[1] * size_t{4};
    const size_t wanted = input[2] + size_t{256} * (input[3] % 4);
    input = input.subspan(4);
    const auto bytes = std::as_bytes(input.first(std::min(wanted, input.size())));
    input = input.subspan(bytes.size());
    if (resize) section.resize(offset + bytes.size());
    for (size_t i = 0; i < bytes.size() && offset + i < section.size(); ++i) {
      section[offset + i] = bytes[i];
    }
  }
  return input;
}

bool write_file(const std::shared_ptr<storage::Env>& env, const Sections& sections) {
  auto writer = storage::SectionFileWriter::create(env, "f", kSegmentFileKind);
  for (const auto& [section, bytes] : sections) {
    OMEN_CHECK((*writer)->begin(section).ok() && (*writer)->append(bytes).ok() &&
               (*writer)->end().ok());
  }
  return (*writer)->finish().ok();
}

void read_rows(const Segment& segment, const Fields& fields) {
  uint32_t sum = 0;
  for (uint32_t slot = 0; slot < segment.rows(); ++slot) {
    const auto id = segment.id(slot);
    if (id.ok()) sum += static_cast<uint32_t>(describe(*id).size());
    for (size_t f = 0; f < fields.size(); ++f) {
      const std::byte* row = nullptr;
      const auto has = segment.field(f).has(slot);
      if (!has.ok() || !*has) continue;
      if (!segment.field(f).locate(std::span(&slot, 1), &row).ok()) continue;
      for (size_t i = 0; i < fields[f].spec.row_bytes(); ++i) {
        sum += std::to_integer<uint32_t>(row[i]);
      }
    }
  }
  asm volatile("" : : "r"(sum));  // the reads above happen
}

void search(const Segment& segment, const index::Rows& vectors, const VectorSpec& spec) {
  Bitmap mask(segment.rows(), true);
  if (!vectors.clear_absent(mask.words()).ok() || !mask.any()) return;
  const auto rows = vectors.vectors(0, segment.rows());
  OMEN_CHECK(rows.ok());
  std::vector<std::byte> same(rows->rows, rows->rows + spec.row_bytes());
  index::TopK top(7, std::numeric_limits<float>::infinity(), &vectors);
  index::exact_scan(distance::kernels(spec.metric, spec.element), same.data(), kDim,
                    {rows->rows, spec.row_bytes(), rows->count, 0, mask.words().data()}, top);
  OMEN_CHECK(std::move(top).sorted().size() <= 7);
}

void look_up(const Segment& segment, IdKind kind, std::span<const uint8_t> wanted) {
  const std::string text(wanted.begin(), wanted.end());
  uint64_t number = 0;
  std::memcpy(&number, wanted.data(), std::min<size_t>(wanted.size(), 8));
  const IdView id = kind == IdKind::kU64 ? IdView(number) : IdView(std::string_view(text));
  const auto found = segment.find(id);
  if (found.ok() && *found) OMEN_CHECK(*segment.id(**found) == id);
}

/// Writes what can be read of the segment into a new one, which must then open.
void merge(const std::shared_ptr<storage::Env>& env, const Shape& shape,
           const std::shared_ptr<const Segment>& segment) {
  const WriteSource source{segment, nullptr};
  const auto written =
      write_segment(env, "g", shape.fields, shape.id_kind, column::Schema(), std::span(&source, 1));
  if (written.ok()) OMEN_CHECK(written->segment->rows() == segment->rows());
}

}  // namespace
}  // namespace omendb::segment

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb;
  if (size == 0) return 0;
  const segment::Shape shape = segment::shape_of(data[0]);
  segment::Sections sections = segment::good_sections(shape);
  const auto rest = segment::overlay(sections, {data + 1, size - 1});
  const auto env = storage::Env::in_memory();
  if (!segment::write_file(env, sections)) return 0;
  const auto opened = segment::Segment::open(env, "f", shape.fields, shape.id_kind);
  if (!opened.ok()) return 0;
  segment::read_rows(**opened, shape.fields);
  for (size_t f = 0; f < shape.fields.size(); ++f) {
    segment::search(**opened, (*opened)->field(f), shape.fields[f].spec);
  }
  segment::look_up(**opened, shape.id_kind, rest);
  segment::merge(env, shape, *opened);
  return 0;
}
