// What a partition index is made of, whether it lies in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/cell_codes.h"
#include "codec/rabitq.h"
#include "index/calibration.h"
#include "index/partition/centroids.h"
#include "index/partition/space.h"
#include "omendb/status.h"

namespace omendb::index::partition {

/// In a cell's slots: a lane that holds no row.
inline constexpr uint32_t kNoSlot = UINT32_MAX;

/// The rows of one cell, in blocks of 32.
struct CellRows {
  const std::byte* codes = nullptr;  ///< blocks x CellEncoder::block_bytes()
  const uint32_t* slots = nullptr;   ///< blocks x 32
  uint32_t first_block = 0;          ///< of the cell, counted over all cells
  uint32_t blocks = 0;
};

/// Asks for the first lines of a cell's codes; the processor sees by itself that more follow.
inline void prefetch_codes(const std::byte* codes) {
  for (size_t i = 0; i < 1'024; i += 64) __builtin_prefetch(codes + i);
}

/// What is the same for all searches. The arrays are borrowed.
class Frame {
 public:
  struct Parts {
    PointsView centers;                       ///< in the space
    const std::byte* center_codes = nullptr;  ///< of encode_centers()
    std::span<const float> origin;            ///< space.dim(): what codes are relative to
    uint64_t seed = 0;                        ///< of the rotation
    Calibration calibration;
  };
  Frame(const Space& space, const Parts& parts);

  const Space& space() const { return space_; }
  const PointsView& centers() const { return centers_; }
  size_t cells() const { return centers_.count(); }
  const codec::CellEncoder& encoder() const { return encoder_; }
  const codec::rabitq::Encoder& center_encoder() const { return center_encoder_; }
  const std::byte* center_codes() const { return center_codes_; }
  const Calibration& calibration() const { return calibration_; }

  /// Codes of the centers themselves.
  std::vector<std::byte> encode_centers() const;
  /// What a query's codes are to be aimed at in a cell.
  /// @param unit     of the placed query
  /// @param squared  of its point's distance to the center
  codec::CellQuery::Aim aim(float unit, uint32_t cell, float squared) const;

 private:
  Space space_;
  PointsView centers_;
  codec::CellEncoder encoder_;
  codec::rabitq::Encoder center_encoder_;
  const std::byte* center_codes_;
  std::vector<float> center_squares_;  ///< inner products: |c|^2
  Calibration calibration_;
};

/// Immutable and thread-safe.
class Cells {
 public:
  virtual ~Cells() = default;

  virtual uint32_t rows() const = 0;
  /// Of all blocks.
  virtual uint64_t lanes() const = 0;
  virtual const Frame& frame() const = 0;
  /// The rows of a cell, checked against their checksums. They stay valid while the cells live.
  virtual Result<CellRows> cell(uint32_t number) const = 0;
  /// The cell that has a block; blocks are counted over all cells.
  virtual uint32_t cell_of(uint32_t block) const = 0;
  /// Where the codes of a block are. @pre cell() has returned it.
  virtual const std::byte* block(uint32_t number) const = 0;
  /// Hints that a cell will be asked for soon.
  virtual void prefetch(uint32_t number) const = 0;
  /// See PartIndex::sound().
  virtual bool sound() const = 0;
};

}  // namespace omendb::index::partition
