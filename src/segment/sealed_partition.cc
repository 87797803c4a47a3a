#include "segment/sealed_partition.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "index/partition/build.h"
#include "index/partition/partition_index.h"
#include "segment/center.h"
#include "segment/index_sections.h"
#include "segment/segment_format.h"

namespace omendb::segment {

namespace {

namespace partition = index::partition;
namespace rabitq = codec::rabitq;

/// The sections of an index file, mapped.
struct Sections {
  storage::Section points;  ///< the origin, and then the centers
  storage::Section center_codes;
  storage::Section first_block;
  storage::Section slots;
  storage::Section codes;
};

/// Cells of a mapped index file. What a search reads of a cell is checked when it is first read.
class MappedCells final : public partition::Cells {
 public:
  MappedCells(std::shared_ptr<const storage::SectionFile> file, Sections sections,
              const partition::Space& space, const partition::Frame::Parts& parts, uint32_t rows)
      : file_(std::move(file)),
        sections_(std::move(sections)),
        frame_(space, parts),
        first_block_(array_of<uint32_t>(sections_.first_block.unchecked())),
        rows_(rows),
        checked_((frame_.cells() + 63) / 64) {}

  uint32_t rows() const override { return rows_; }
  uint64_t lanes() const override { return uint64_t{first_block_.back()} * rabitq::kBlockRows; }
  const partition::Frame& frame() const override { return frame_; }
  Result<partition::CellRows> cell(uint32_t number) const override;
  uint32_t cell_of(uint32_t block) const override {
    return static_cast<uint32_t>(std::ranges::upper_bound(first_block_, block) -
                                 first_block_.begin()) -
           1;
  }
  const std::byte* block(uint32_t number) const override {
    return sections_.codes.unchecked().data() + number * frame_.encoder().block_bytes();
  }
  void prefetch(uint32_t number) const override {
    partition::prefetch_codes(block(first_block_[number]));
  }
  bool sound() const override {
    if (damaged_.load(std::memory_order_relaxed)) return false;
    if (file_->check().ok()) return true;
    damaged_.store(true, std::memory_order_relaxed);  // stays so, even if the file becomes sound
    return false;
  }

 private:
  Status check(uint32_t number) const;
  Status check_slots(uint32_t first, uint32_t blocks) const;
  const uint32_t* slots(uint32_t block) const {
    return array_of<uint32_t>(sections_.slots.unchecked()).data() + block * rabitq::kBlockRows;
  }

  const std::shared_ptr<const storage::SectionFile> file_;
  const Sections sections_;
  const partition::Frame frame_;
  const std::span<const uint32_t> first_block_;
  const uint32_t rows_;
  mutable std::vector<std::atomic<uint64_t>> checked_;  ///< a bit a cell
  mutable std::atomic<bool> damaged_{false};
};

Result<partition::CellRows> MappedCells::cell(uint32_t number) const {
  std::atomic<uint64_t>& word = checked_[number / 64];
  const uint64_t bit = uint64_t{1} << (number % 64);
  if ((word.load(std::memory_order_acquire) & bit) == 0) {
    if (Status checked = check(number); !checked.ok()) {
      damaged_.store(true, std::memory_order_relaxed);
      return checked;
    }
    word.fetch_or(bit, std::memory_order_release);
  }
  const uint32_t first = first_block_[number];
  return partition::CellRows{block(first), slots(first), first, first_block_[number + 1] - first};
}

Status MappedCells::check(uint32_t number) const {
  const uint64_t first = first_block_[number];
  const uint64_t blocks = first_block_[number + 1] - first;
  const uint64_t block_bytes = frame_.encoder().block_bytes();
  constexpr uint64_t kSlotBytes = rabitq::kBlockRows * sizeof(uint32_t);
  OMEN_RETURN_IF_ERROR(sections_.codes.verify(first * block_bytes, blocks * block_bytes));
  OMEN_RETURN_IF_ERROR(sections_.slots.verify(first * kSlotBytes, blocks * kSlotBytes));
  return check_slots(static_cast<uint32_t>(first), static_cast<uint32_t>(blocks));
}

/// A slot becomes an index into masks and rows; a lane without one must never be a hit.
Status MappedCells::check_slots(uint32_t first, uint32_t blocks) const {
  for (uint32_t b = first; b < first + blocks; ++b) {
    for (size_t lane = 0; lane < rabitq::kBlockRows; ++lane) {
      const uint32_t slot = slots(b)[lane];
      if (slot < rows_) continue;
      if (slot == partition::kNoSlot && frame_.encoder().empty_lane(block(b), lane)) continue;
      return corrupt(*file_, "block " + std::to_string(b) + " holds row " + std::to_string(slot) +
                                 " of " + std::to_string(rows_));
    }
  }
  return {};
}

class SealedPartition final : public SealedIndex {
 public:
  SealedPartition(std::shared_ptr<const storage::SectionFile> file, Sections sections,
                  const partition::Space& space, const partition::Frame::Parts& parts,
                  uint32_t rows)
      : SealedIndex(file), cells_(std::move(file), std::move(sections), space, parts, rows) {}

  const index::PartIndex& searcher() const override { return searcher_; }
  const partition::Cells* cells() const override { return &cells_; }

 private:
  const MappedCells cells_;
  const partition::PartitionIndex searcher_{cells_};
};

struct Head {
  PartitionHeader header;
  index::Calibration calibration;
};

Result<Head> read_head(const storage::SectionFile& file) {
  OMEN_ASSIGN_OR_RETURN(
      const auto section,
      section_of(file, SectionKind::kPartition, sizeof(PartitionHeader) + kCalibrationBytes));
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  Head head;
  std::memcpy(&head.header, bytes.data(), sizeof head.header);
  const PartitionHeader& h = head.header;
  if (h.cells == 0 || h.blocks >= UINT32_MAX / rabitq::kBlockRows || h.reserved != 0 ||
      !(h.longest >= 0 && h.longest <= codec::CellEncoder::kMostLength)) {
    return corrupt(file, "the header of the partitions makes no sense");
  }
  OMEN_ASSIGN_OR_RETURN(head.calibration,
                        read_calibration(file, bytes.subspan(sizeof head.header)));
  return head;
}

Status check_first_block(const storage::SectionFile& file, const storage::Section& section,
                         uint32_t blocks) {
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  const auto first_block = array_of<uint32_t>(bytes);
  if (first_block.front() == 0 && first_block.back() == blocks &&
      std::ranges::is_sorted(first_block)) {
    return {};
  }
  return corrupt(file, "the cells do not follow each other");
}

}  // namespace

Result<std::shared_ptr<const SealedIndex>> open_partition(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of) {
  const VectorSpec& spec = of.field.spec;
  OMEN_ASSIGN_OR_RETURN(const Head head, read_head(*file));
  const PartitionHeader& header = head.header;
  const partition::Space space(spec.metric, spec.element, spec.dim, header.longest);
  const uint64_t cells = header.cells;
  const uint64_t blocks = header.blocks;
  Sections sections;
  OMEN_ASSIGN_OR_RETURN(sections.points, section_of(*file, SectionKind::kPartitionPoints,
                                                    (cells + 1) * space.dim() * sizeof(float)));
  OMEN_ASSIGN_OR_RETURN(sections.center_codes, section_of(*file, SectionKind::kPartitionCenterCodes,
                                                          rabitq::coded_bytes(space.dim(), cells)));
  OMEN_ASSIGN_OR_RETURN(sections.first_block, section_of(*file, SectionKind::kPartitionFirstBlock,
                                                         (cells + 1) * sizeof(uint32_t)));
  OMEN_ASSIGN_OR_RETURN(sections.slots, section_of(*file, SectionKind::kPartitionSlots,
                                                   blocks * rabitq::kBlockRows * sizeof(uint32_t)));
  OMEN_ASSIGN_OR_RETURN(sections.codes, section_of(*file, SectionKind::kPartitionCodes,
                                                   blocks * rabitq::block_bytes(spec.dim)));
  OMEN_RETURN_IF_ERROR(check_first_block(*file, sections.first_block, header.blocks));
  OMEN_ASSIGN_OR_RETURN(const auto point_bytes, sections.points.bytes());
  const auto points = array_of<float>(point_bytes);
  if (!all_finite(points)) return corrupt(*file, "a center holds a number that is not finite");
  OMEN_ASSIGN_OR_RETURN(const auto center_codes, sections.center_codes.bytes());
  const partition::Frame::Parts parts{.centers = {space.dim(), points.subspan(space.dim())},
                                      .center_codes = center_codes.data(),
                                      .origin = points.first(space.dim()),
                                      .seed = kRotationSeed,
                                      .calibration = head.calibration};
  return std::shared_ptr<const SealedIndex>(std::make_shared<SealedPartition>(
      std::move(file), std::move(sections), space, parts, of.segment.rows()));
}

Status write_partition(storage::SectionFileWriter& out, const IndexedRows& of,
                       JobControl& control) {
  const VectorSpec& spec = of.field.spec;
  OMEN_ASSIGN_OR_RETURN(
      const auto built,
      partition::build(
          of.rows(),
          {.metric = spec.metric, .element = spec.element, .dim = spec.dim, .seed = kRotationSeed},
          control));
  const partition::BuiltCells::Arrays& arrays = built->arrays();
  const partition::Frame& frame = built->frame();
  const PartitionHeader header{static_cast<uint32_t>(frame.cells()), arrays.first_block.back(),
                               frame.space().longest(), 0};
  const index::Calibration::Table& table = frame.calibration().table();
  OMEN_RETURN_IF_ERROR(
      append(out, SectionKind::kPartition,
             {std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(&table, 1))}));
  OMEN_RETURN_IF_ERROR(append(
      out, SectionKind::kPartitionPoints,
      {std::as_bytes(std::span(arrays.origin)), std::as_bytes(std::span(arrays.centers.values))}));
  OMEN_RETURN_IF_ERROR(append(out, SectionKind::kPartitionCenterCodes, {arrays.center_codes}));
  OMEN_RETURN_IF_ERROR(append(out, SectionKind::kPartitionFirstBlock,
                              {std::as_bytes(std::span(arrays.first_block))}));
  OMEN_RETURN_IF_ERROR(
      append(out, SectionKind::kPartitionSlots, {std::as_bytes(std::span(arrays.slots))}));
  OMEN_RETURN_IF_ERROR(control.proceed(0));
  return append(out, SectionKind::kPartitionCodes, {arrays.codes});
}

}  // namespace omendb::segment
