// A random orthogonal transform in O(D log D): random sign flips and fast Hadamard transforms.
//
// Codes on disk are made of the signs of rotated vectors, so every machine that opens a file must
// rotate to the same bits. All arithmetic is therefore elementwise add, subtract and multiply in a
// fixed order; nothing is contracted to FMA (see -ffp-contract in CMakeLists.txt), and every
// instruction set yields the bits of the scalar code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "distance/kernels.h"

namespace omendb::codec {

/// What the kernels need to know about a rotation. Borrowed from its Rotation.
struct RotationPlan {
  size_t padded = 0;  ///< D, a multiple of 64
  size_t window = 0;  ///< the largest power of two <= D
  size_t rounds = 0;
  float scale = 0;                  ///< 1 / sqrt(window)
  const uint32_t* signs = nullptr;  ///< rounds x D sign bits, 0 or 0x80000000 each
};

/// A rotation of `dim` coordinates, zero-padded to a multiple of 64, given by its seed. Immutable;
/// any thread may use it.
///
/// A round flips random signs and transforms a window of 2^k coordinates. Where D is no power of
/// two, rounds take the first and the last window in turn, and a butterfly between the two halves
/// of the vector (a Kac step) spreads what one window alone would keep.
/// Hadamard rotations: Ailon & Chazelle 2009; for RaBitQ: arXiv 2409.09913.
class Rotation {
 public:
  Rotation(size_t dim, uint64_t seed);

  size_t dim() const { return dim_; }
  size_t padded_dim() const { return padded_; }
  RotationPlan plan() const;

  /// Rotates in place. `values` holds padded_dim() floats on a 64-byte boundary, zeros past dim().
  /// Norms are kept up to rounding; magnitudes must stay below 2^100.
  void apply(float* values) const { apply(distance::active_isa(), values); }
  /// The same on a given instruction set, with the same bits.
  void apply(distance::Isa isa, float* values) const;

 private:
  size_t dim_;
  size_t padded_;
  std::vector<uint32_t> signs_;
};

}  // namespace omendb::codec
