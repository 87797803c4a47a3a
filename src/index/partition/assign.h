// Which cells a row is filed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/partition/centroids.h"

namespace omendb::index::partition {

/// The cells of rows [0, n): that of the nearest center, and another one.
struct Homes {
  std::vector<uint32_t> first;
  std::vector<uint32_t> second;  ///< empty: every row is filed once
};

/// Files `count` points. Exact: a row in a wrong cell would be missed however many are visited.
///
/// The second cell is the one of small loss |x - c'|^2 + 1.5 <r, x - c'>^2 / |r|^2 among the 16
/// nearest, r being what is left of x by the first: a query for which r points away from the first
/// center then finds the row by the second. SOAR: arXiv 2404.00774.
/// @param first   count
/// @param second  count, or null; the only cell there is, if there is one
void assign(const PointsView& centers, const float* points, size_t count, uint32_t* first,
            uint32_t* second);

/// Rows by cell.
class Layout {
 public:
  /// @param homes  of all rows; rows whose first cell is kNoCell have no vector and are left out.
  Layout(const Homes& homes, size_t cells);
  static constexpr uint32_t kNoCell = UINT32_MAX;

  size_t cells() const { return first_block_.size() - 1; }
  /// Slots of a cell, ascending.
  std::span<const uint32_t> slots(size_t cell) const {
    return std::span(slots_).subspan(starts_[cell], starts_[cell + 1] - starts_[cell]);
  }
  /// cells() + 1 numbers: the blocks of 32 rows before each cell, and all of them.
  std::span<const uint32_t> first_block() const { return first_block_; }

 private:
  std::vector<uint64_t> starts_;  // cells + 1
  std::vector<uint32_t> slots_;
  std::vector<uint32_t> first_block_;
};

}  // namespace omendb::index::partition
