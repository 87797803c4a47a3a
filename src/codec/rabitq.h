// 1-bit codes with an unbiased distance estimate and an error bound: RaBitQ, Gao & Long 2024
// (arXiv 2405.12497), in blocks of 32 that a byte shuffle scans.
//
// A vector x is coded relative to a center c: o = x - c (cosine: x is normalised first) is rotated
// to r, and code bit i says whether r[i] >= 0. For a query q the inner product <o, q> is estimated
// by |o|^2 / |r|_1 * S, where S = sum of +-q[i], the sign being the code's and q rotated alike.
//
// Bytes of a block of 32 vectors; D = dim rounded up to a multiple of 64; all little-endian. Vector
// v has position 2 (v mod 16) + v div 16, so that the two halves of each 32-bit word of sums and
// factors belong to vectors 16 apart:
//
//   offset   bytes  what
//   0        4 D    D / 4 groups of 16 bytes; group g holds coordinates 4g .. 4g + 3 as one nibble
//                   a vector, coordinate 4g in its lowest bit. Byte 2k of a group (k = 0..7) has
//                   position k in its low nibble and position k + 16 in its high one; byte 2k + 1
//                   has positions k + 8 and k + 24
//   4 D      64     f_add, 32 x bfloat16 by position: |o|^2 under l2; under ip and cosine
//                   -<o, c> / |c|, or 0 where c is 0
//   4 D + 64 64     f_rescale, likewise: -t |o|^2 / |r|_1, where t = 2 under l2, else 1
//
// The estimate of lane v is f_add * query.add_scale + query.add + f_rescale * S. A lane that holds
// no vector has NaN factors, so it is never a hit. bfloat16 keeps the range of f32, and its
// rounding (2^-8) is far below the error of one bit a coordinate (about 0.75 / sqrt(D)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/rotation.h"
#include "distance/kernels.h"
#include "omendb/types.h"

namespace omendb::codec::rabitq {

inline constexpr size_t kBlockRows = 32;
/// Estimation errors are near Gaussian; the bound is this many standard deviations by default, and
/// about one vector in 500 exceeds it on one side.
inline constexpr float kDefaultEpsilon = 3.0F;

constexpr size_t padded_dim(size_t dim) {
  return (dim + 63) / 64 * 64;
}
/// Bytes of one block, whatever the metric and the element: 20 a vector at 128 dimensions.
constexpr size_t block_bytes(size_t dim) {
  return padded_dim(dim) * 4 + kBlockRows * 4;
}
/// Bytes that the codes of n vectors take: whole blocks.
constexpr size_t coded_bytes(size_t dim, size_t n) {
  return (n + kBlockRows - 1) / kBlockRows * block_bytes(dim);
}

/// A query in the form that the block scan takes. Owns all its data; may outlive its Encoder.
/// Immutable once made.
struct PreparedQuery {
  size_t padded_dim = 0;
  float add_scale = 0;  ///< an estimate is f_add * add_scale + add + f_rescale * S
  float add = 0;
  float step = 0;  ///< S = sum of looked-up bytes * step + bias
  float bias = 0;
  float error_scale = 0;  ///< |f_rescale| * error_scale is one standard deviation of the estimate
  float reach_scale = 0;  ///< |f_rescale| * reach_scale is about t |o| |q|
  /// padded_dim / 4 tables of 16 bytes, each 0..63, on a 64-byte boundary (see tables()).
  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  std::vector<Line> table_lines;

  const uint8_t* tables() const { return table_lines.front().bytes; }
};

/// Estimates n_blocks * 32 distances, and notes which are at most `threshold`.
/// @param estimates  n_blocks * 32 floats; NaN for lanes that hold no vector.
/// @param hits       n_blocks words; bit v of word b = estimate of lane v of block b <= threshold.
using BlockScan = void (*)(const PreparedQuery& query, const std::byte* blocks, size_t n_blocks,
                           float threshold, float* estimates, uint32_t* hits);

/// The scan of the active instruction set. Fetch once, outside the loop.
BlockScan block_scan();
BlockScan block_scan(distance::Isa isa);

/// Turns vectors into codes, and queries into tables. Immutable: share it between threads.
/// Codes are a function of (metric, element, dim, seed, center) and the vector: the same bits on
/// every machine. Lengths beyond 2^53 saturate.
class Encoder {
 public:
  struct Options {
    Metric metric = Metric::kL2;      ///< not kHamming
    Element element = Element::kF32;  ///< of the rows that encode_block() reads; not kBinary
    size_t dim = 0;                   ///< 1..kMaxDimension
    uint64_t seed = 0;
  };

  /// @param center  options.dim finite floats near the middle of the data (under cosine: of the
  ///                normalised data); zeros are right, but estimates are better around the mean.
  Encoder(const Options& options, const float* center);

  const Options& options() const { return options_; }
  size_t block_bytes() const { return rabitq::block_bytes(options_.dim); }

  /// Encodes n rows, 1..32, `stride` bytes apart, into one block of block_bytes() bytes. Lanes past
  /// n are marked empty. Rows are finite; out needs no alignment.
  void encode_block(const void* rows, size_t stride, size_t n, std::byte* out) const {
    encode_block(distance::active_isa(), rows, stride, n, out);
  }
  void encode_block(distance::Isa isa, const void* rows, size_t stride, size_t n,
                    std::byte* out) const;

  /// Marks a lane of a block as one that holds no vector.
  void clear_lane(std::byte* block, size_t lane) const;

  /// @param query  options.dim finite floats, whatever the rows' element.
  PreparedQuery prepare(const float* query) const;

 private:
  void load_row(const void* row, float* values) const;

  Options options_;
  Rotation rotation_;
  std::vector<float> padded_center_;
  double center_norm_ = 0;
};

/// A value that the exact distance undercuts with the probability of a Gaussian's tail past
/// epsilon standard deviations.
/// @param block, lane  where the candidate's code is; estimate is its estimated distance.
float lower_bound(const PreparedQuery& query, const std::byte* block, size_t lane, float estimate,
                  float epsilon = kDefaultEpsilon);

/// One standard deviation of the estimate's error for this very candidate: only the part of the
/// query across the vector's direction is estimated, so the error shrinks with the sine of the
/// angle between the two, and near neighbours are known better than lower_bound() allows for.
float standard_error(const PreparedQuery& query, const std::byte* block, size_t lane,
                     float estimate);

}  // namespace omendb::codec::rabitq
