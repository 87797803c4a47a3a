// Builds a partition index in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/job_control.h"
#include "index/partition/assign.h"
#include "index/partition/cells.h"
#include "index/rows.h"
#include "omendb/types.h"

namespace omendb::index::partition {

/// A new index and what it is made of. Immutable once built.
class BuiltCells final : public Cells {
 public:
  struct Arrays {
    Points centers;
    std::vector<float> origin;
    std::vector<std::byte> center_codes;
    std::vector<uint32_t> first_block;  ///< cells + 1
    std::vector<uint32_t> slots;        ///< blocks x 32
    std::vector<std::byte> codes;       ///< blocks x block_bytes
  };

  BuiltCells(uint32_t rows, std::unique_ptr<const Arrays> arrays, const Space& space, uint64_t seed,
             const Calibration& calibration);

  const Arrays& arrays() const { return *arrays_; }
  uint64_t seed() const { return seed_; }
  /// The same cells, calibrated. Leaves nothing here.
  std::unique_ptr<BuiltCells> calibrated(const Calibration& calibration) &&;

  uint32_t rows() const override { return rows_; }
  uint64_t lanes() const override { return arrays_->slots.size(); }
  const Frame& frame() const override { return frame_; }
  Result<CellRows> cell(uint32_t number) const override;
  uint32_t cell_of(uint32_t block) const override;
  const std::byte* block(uint32_t number) const override;
  void prefetch(uint32_t number) const override;
  bool sound() const override { return true; }

 private:
  uint32_t rows_;
  std::unique_ptr<const Arrays> arrays_;
  uint64_t seed_;
  Frame frame_;
};

struct BuildOptions {
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  size_t dim = 0;
  uint64_t seed = 0;                        ///< of all random choices
  size_t cells = 0;                         ///< 0: as suits the number of rows
  bool spill = true;                        ///< every row lies in two cells
  size_t sample_bytes = size_t{256} << 20;  ///< memory that the sample may take
};

/// Fewest rows with a vector of which an index can be built.
inline constexpr uint64_t kLeastRows = 64;
/// Cells for a number of rows: four times its square root.
size_t cells_for(uint64_t rows);
/// Memory that build() takes at most.
uint64_t build_bytes(const BuildOptions& options, uint64_t rows);

/// Trains, files, encodes and calibrates. Reads the rows twice in order, and once cell by cell.
/// @param control  gets the rows that were filed as progress; may stop the work every few
///                 milliseconds.
/// @error kInvalidArgument if fewer than kLeastRows rows have a vector, or one is longer than
///        CellEncoder::kMostLength; kCorruption, kCancelled.
Result<std::unique_ptr<BuiltCells>> build(const Rows& rows, const BuildOptions& options,
                                          JobControl& control);

}  // namespace omendb::index::partition
