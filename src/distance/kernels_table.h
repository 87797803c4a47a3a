// The kernels that each kernels_<isa>.cc gives to kernels.cc. Private to this layer.
#pragma once

#include "distance/kernels.h"
#include "distance/tile.h"

namespace omendb::distance::internal {

struct IsaTable {
  Kernels dense[3][3];  ///< [kL2, kCosine, kInnerProduct][kF32, kF16, kI8]
  Kernels hamming;
  TileKernel tile;
};

extern const IsaTable kScalarTable;
#if defined(__x86_64__)
extern const IsaTable kAvx2Table;
extern const IsaTable kAvx512Table;
#elif defined(__aarch64__)
extern const IsaTable kNeonTable;
#endif

/// The distance in double precision, saturated to the range of f32: for the rare pairs whose f32
/// sums overflow or vanish, or whose cosine is so near to 1 that f32 cannot order them. The same
/// code for every instruction set.
float wide_f32(Metric metric, const float* query, const float* row, size_t dim);
float wide_f16(Metric metric, const uint16_t* query, const uint16_t* row, size_t dim);

/// An IEEE half as f32, by its bits.
float half_to_float(uint16_t half);

}  // namespace omendb::distance::internal
