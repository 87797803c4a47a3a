#include "segment/sealed_graph.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "index/graph/build.h"
#include "index/graph/graph_index.h"
#include "index/partition/build.h"
#include "segment/center.h"
#include "segment/index_sections.h"
#include "segment/segment_format.h"

namespace omendb::segment {

namespace {

namespace graph = index::graph;
namespace partition = index::partition;
namespace rabitq = codec::rabitq;
namespace sq8 = codec::sq8;

/// The sections of an index file, mapped.
struct Sections {
  storage::Section origin;
  storage::Section entries;
  storage::Section entry_codes;
  storage::Section nodes;
};

/// Nodes of a mapped index file. A record is checked when it is first visited.
class MappedNodes final : public graph::Nodes {
 public:
  struct Size {
    uint32_t rows = 0;
    uint32_t nodes = 0;
  };
  MappedNodes(std::shared_ptr<const storage::SectionFile> file, Sections sections,
              const partition::Space& space, const graph::Frame::Parts& parts, const Size& size)
      : file_(std::move(file)),
        sections_(std::move(sections)),
        frame_(space, parts),
        first_(sections_.nodes.unchecked().data()),
        size_(size),
        checked_((size.nodes + 63) / 64) {}

  uint32_t rows() const override { return size_.rows; }
  uint32_t count() const override { return size_.nodes; }
  const graph::Frame& frame() const override { return frame_; }
  const std::byte* node(uint32_t number) const override {
    std::atomic<uint64_t>& word = checked_[number / 64];
    const uint64_t bit = uint64_t{1} << (number % 64);
    if ((word.load(std::memory_order_acquire) & bit) == 0) {
      if (!check(number)) {
        damaged_.store(true, std::memory_order_relaxed);
        return nullptr;
      }
      word.fetch_or(bit, std::memory_order_release);
    }
    return place(number);
  }
  const std::byte* place(uint32_t number) const override {
    return first_ + number * frame_.layout().bytes;
  }
  bool sound() const override {
    if (damaged_.load(std::memory_order_relaxed)) return false;
    if (file_->check().ok()) return true;
    damaged_.store(true, std::memory_order_relaxed);  // stays so, even if the file becomes sound
    return false;
  }

 private:
  /// A slot becomes an index into masks and rows. Walks check the edges themselves.
  bool check(uint32_t number) const {
    const uint64_t bytes = frame_.layout().bytes;
    if (!sections_.nodes.verify(number * bytes, bytes).ok()) return false;
    return graph::NodeView(place(number), frame_.layout()).slot() < size_.rows;
  }

  const std::shared_ptr<const storage::SectionFile> file_;
  const Sections sections_;
  const graph::Frame frame_;
  const std::byte* const first_;
  const Size size_;
  mutable std::vector<std::atomic<uint64_t>> checked_;  ///< a bit a node
  mutable std::atomic<bool> damaged_{false};
};

class SealedGraph final : public SealedIndex {
 public:
  SealedGraph(std::shared_ptr<const storage::SectionFile> file, Sections sections,
              const partition::Space& space, const graph::Frame::Parts& parts,
              const MappedNodes::Size& size)
      : SealedIndex(file), nodes_(std::move(file), std::move(sections), space, parts, size) {}

  const index::PartIndex& searcher() const override { return searcher_; }

 private:
  const MappedNodes nodes_;
  const graph::GraphIndex searcher_{nodes_};
};

struct Head {
  GraphHeader header;
  index::Calibration calibration;
};

Result<Head> read_head(const storage::SectionFile& file, uint32_t rows) {
  OMEN_ASSIGN_OR_RETURN(const auto section, section_of(file, SectionKind::kGraph,
                                                       sizeof(GraphHeader) + kCalibrationBytes));
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  Head head;
  std::memcpy(&head.header, bytes.data(), sizeof head.header);
  const GraphHeader& h = head.header;
  if (h.nodes == 0 || h.nodes > rows || h.entries == 0 || h.entries > h.nodes ||
      !std::ranges::all_of(h.typical_squares, [](float x) { return x >= 0; }) ||
      !(h.longest >= 0 && h.longest <= codec::CellEncoder::kMostLength)) {
    return corrupt(file, "the header of the graph makes no sense");
  }
  OMEN_ASSIGN_OR_RETURN(head.calibration,
                        read_calibration(file, bytes.subspan(sizeof head.header)));
  return head;
}

}  // namespace

Result<std::shared_ptr<const SealedIndex>> open_graph(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of) {
  const VectorSpec& spec = of.field.spec;
  const uint32_t rows = of.segment.rows();
  OMEN_ASSIGN_OR_RETURN(const Head head, read_head(*file, rows));
  const uint64_t nodes = head.header.nodes;
  const uint64_t entries = head.header.entries;
  const partition::Space space(spec.metric, spec.element, spec.dim, head.header.longest);
  const graph::RecordLayout layout(spec.dim);
  Sections sections;
  OMEN_ASSIGN_OR_RETURN(sections.origin,
                        section_of(*file, SectionKind::kGraphOrigin, space.dim() * sizeof(float)));
  OMEN_ASSIGN_OR_RETURN(sections.entries,
                        section_of(*file, SectionKind::kGraphEntries, entries * sizeof(uint32_t)));
  OMEN_ASSIGN_OR_RETURN(
      sections.entry_codes,
      section_of(*file, SectionKind::kGraphEntryCodes, rabitq::coded_bytes(space.dim(), entries)));
  OMEN_ASSIGN_OR_RETURN(sections.nodes,
                        section_of(*file, SectionKind::kGraphNodes, nodes * layout.bytes));
  OMEN_ASSIGN_OR_RETURN(const auto origin_bytes, sections.origin.bytes());
  const auto origin = array_of<float>(origin_bytes);
  if (!all_finite(origin)) return corrupt(*file, "the origin holds a number that is not finite");
  OMEN_ASSIGN_OR_RETURN(const auto entry_bytes, sections.entries.bytes());
  const auto entry_nodes = array_of<uint32_t>(entry_bytes);
  if (std::ranges::any_of(entry_nodes, [&](uint32_t node) { return node >= nodes; })) {
    return corrupt(*file, "searches would begin at a node that is not there");
  }
  OMEN_ASSIGN_OR_RETURN(const auto entry_codes, sections.entry_codes.bytes());
  const graph::Frame::Parts parts{.origin = origin,
                                  .entries = entry_nodes,
                                  .entry_codes = entry_codes.data(),
                                  .seed = kRotationSeed,
                                  .calibration = head.calibration,
                                  .typical_squares = std::to_array(head.header.typical_squares)};
  return std::shared_ptr<const SealedIndex>(
      std::make_shared<SealedGraph>(std::move(file), std::move(sections), space, parts,
                                    MappedNodes::Size{rows, head.header.nodes}));
}

Status write_graph(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control) {
  const VectorSpec& spec = of.field.spec;
  std::unique_ptr<const partition::Cells> own;
  if (of.cells == nullptr) {
    OMEN_ASSIGN_OR_RETURN(own, partition::build(of.rows(),
                                                {.metric = spec.metric,
                                                 .element = spec.element,
                                                 .dim = spec.dim,
                                                 .seed = kRotationSeed},
                                                control));
  }
  OMEN_ASSIGN_OR_RETURN(
      const auto built,
      graph::build(
          of.rows(), of.cells != nullptr ? *of.cells : *own,
          {.metric = spec.metric, .element = spec.element, .dim = spec.dim, .seed = kRotationSeed},
          control));
  const graph::BuiltNodes::Arrays& arrays = built->arrays();
  const graph::Frame& frame = built->frame();
  const GraphHeader header{
      built->count(),
      static_cast<uint32_t>(frame.entries().size()),
      frame.space().longest(),
      {frame.typical_squares()[0], frame.typical_squares()[1], frame.typical_squares()[2]}};
  const index::Calibration::Table& table = frame.calibration().table();
  OMEN_RETURN_IF_ERROR(
      append(out, SectionKind::kGraph,
             {std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(&table, 1))}));
  OMEN_RETURN_IF_ERROR(
      append(out, SectionKind::kGraphOrigin, {std::as_bytes(std::span(arrays.origin))}));
  OMEN_RETURN_IF_ERROR(
      append(out, SectionKind::kGraphEntries, {std::as_bytes(std::span(arrays.entries))}));
  OMEN_RETURN_IF_ERROR(append(out, SectionKind::kGraphEntryCodes, {arrays.entry_codes}));
  OMEN_RETURN_IF_ERROR(control.proceed(0));
  return append(out, SectionKind::kGraphNodes, {std::as_bytes(std::span(arrays.records))});
}

}  // namespace omendb::segment
