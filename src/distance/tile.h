// Many queries against many rows at once, in registers: the inner loop of the exact batch scan.
#pragma once

#include <cstddef>
#include <cstdint>

#include "distance/kernels.h"

namespace omendb::distance {

/// A (query, row) pair that passed the query's threshold.
struct TileHit {
  float key;     ///< see TileTask
  uint32_t row;  ///< index into TileTask::rows
};

/// A panel of `width` queries against `count` rows. Each pair gets a key
///   key = row_scale[r] * <q, row r> + query_scale[q] * row_offset[r]
/// and is reported unless key > threshold[q]; a NaN is reported, so what cannot be judged is kept.
/// The products are summed coordinate by coordinate; they are close to, not the bits of,
/// Kernels::pair.
struct TileTask {
  const float* panel;  ///< coordinate-major: panel[d * width + q]
  size_t width;        ///< a multiple of TileKernel::step, at most TileKernel::max_width
  size_t dim;
  const float* const* rows;
  size_t count;
  const float* row_scale;
  const float* row_offset;
  const float* query_scale;
  const float* threshold;
  TileHit* hits;  ///< query q appends from hits + q * hit_capacity; room for `count` each
  size_t hit_capacity;
  uint32_t* hit_counts;  ///< width counters; the caller sets them to 0
};

struct TileKernel {
  size_t step;       ///< queries in one register
  size_t max_width;  ///< queries in the widest panel
  void (*run)(const TileTask& task);
};

/// The tile kernel of the active instruction set, or of one that runs here.
const TileKernel& tile_kernel();
const TileKernel& tile_kernel(Isa isa);

}  // namespace omendb::distance
