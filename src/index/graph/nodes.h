// What a graph index is made of, whether it lies in memory or in a mapped file.
//
// A node is a row. It has up to 32 edges, to rows that lie near it in different directions. One
// record holds all that a search reads of a node, so that a visit is one access to memory far away:
//
//   the row in 8 bits   (sq8.h) the search measures with it
//   the row's slot      u32; then zeros up to a multiple of 64 bytes
//   the edges           32 x u32: nodes; kNoNode after the last
//   codes of the edges  one block of 1-bit codes (cell_codes.h): of the rows that the edges lead
//   to,
//                       relative to this row. A search estimates all their distances at once
//
// (SymphonyQG: arXiv 2411.12229.) Nodes are numbered so that near rows lie near each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/cell_codes.h"
#include "codec/rabitq.h"
#include "codec/sq8.h"
#include "index/calibration.h"
#include "index/partition/space.h"
#include "omendb/status.h"

namespace omendb::index::graph {

inline constexpr uint32_t kNoNode = UINT32_MAX;
/// Edges of a node: as many as one block of codes holds.
inline constexpr size_t kDegree = codec::rabitq::kBlockRows;

/// Where the parts of a record are, in bytes from its beginning.
struct RecordLayout {
  size_t slot = 0;
  size_t edges = 0;
  size_t codes = 0;
  size_t bytes = 0;  ///< of a record, a multiple of 64

  explicit RecordLayout(size_t dim);
};

/// One node's record.
class NodeView {
 public:
  NodeView(const std::byte* at, const RecordLayout& layout) : at_(at), layout_(layout) {}

  const std::byte* row() const { return at_; }
  uint32_t slot() const { return *numbers(layout_.slot); }
  const uint32_t* edges() const { return numbers(layout_.edges); }
  const std::byte* codes() const { return at_ + layout_.codes; }

 private:
  const uint32_t* numbers(size_t offset) const {
    const void* const at = at_ + offset;  // records begin on cache lines
    return static_cast<const uint32_t*>(at);
  }

  const std::byte* at_;
  const RecordLayout& layout_;
};

/// For each of Calibration::kNearest: the square of a row's distance to its k-th nearest, which is
/// less for nine rows in ten.
using TypicalSquares = std::array<float, Calibration::kNearest.size()>;

/// What is the same for all searches. The arrays are borrowed.
class Frame {
 public:
  struct Parts {
    std::span<const float> origin;           ///< space.dim(): what codes are relative to
    std::span<const uint32_t> entries;       ///< nodes at which searches begin, at least 1
    const std::byte* entry_codes = nullptr;  ///< of encode_entries()
    uint64_t seed = 0;                       ///< of the rotation
    Calibration calibration;
    TypicalSquares typical_squares = {};
  };
  Frame(const partition::Space& space, const Parts& parts);

  const partition::Space& space() const { return space_; }
  const RecordLayout& layout() const { return layout_; }
  std::span<const float> origin() const { return origin_; }
  std::span<const uint32_t> entries() const { return entries_; }
  const std::byte* entry_codes() const { return entry_codes_; }
  /// Of the rows that edges lead to.
  const codec::CellEncoder& edge_encoder() const { return edge_encoder_; }
  /// Of the rows at which searches begin.
  const codec::rabitq::Encoder& entry_encoder() const { return entry_encoder_; }
  /// Of a row in its own record.
  const codec::sq8::Encoder& row_encoder() const { return row_encoder_; }
  const Calibration& calibration() const { return calibration_; }
  const TypicalSquares& typical_squares() const { return typical_squares_; }
  /// The same for any k; interpolated. 0 if it is not known.
  float typical_square(double k) const;

  /// @param points  entries().size() x space().dim()
  std::vector<std::byte> encode_entries(const float* points) const;

 private:
  partition::Space space_;
  RecordLayout layout_;
  std::span<const float> origin_;
  std::span<const uint32_t> entries_;
  const std::byte* entry_codes_;
  codec::CellEncoder edge_encoder_;
  codec::rabitq::Encoder entry_encoder_;
  codec::sq8::Encoder row_encoder_;
  Calibration calibration_;
  TypicalSquares typical_squares_;
};

/// Immutable and thread-safe.
class Nodes {
 public:
  virtual ~Nodes() = default;

  virtual uint32_t rows() const = 0;   ///< of the part
  virtual uint32_t count() const = 0;  ///< of nodes: the rows that have a vector
  virtual const Frame& frame() const = 0;
  /// A record, checked against its checksum; null if it is damaged. It stays valid while this
  /// lives.
  virtual const std::byte* node(uint32_t number) const = 0;
  /// Where a record will be, for a prefetch.
  virtual const std::byte* place(uint32_t number) const = 0;
  /// See PartIndex::sound().
  virtual bool sound() const = 0;
};

}  // namespace omendb::index::graph
