// 8-bit codes for ranking without the vectors: an affine code a vector, compared with an f32 query.
//
// A vector x is decoded to x'[i] = offset + scale * code[i], where the 256 levels span x's own
// range. Under cosine, x is brought to unit length first. There is no center: a code depends on its
// vector alone, so it can move between segments unchanged, and eight bits a coordinate need none.
//
// The query becomes q'[i] = mean + step * k[i], with 16-bit integers k that sum to 0. Then
//   l2        |q' - x'|^2 = dim (mean(q') - mean(x'))^2 + |q' - mean|^2 + |x' - mean|^2 - 2 <.,.>
//   cosine    half of that, which for unit vectors is 1 - cos
//   ip        -(dim mean(q') mean(x') + <.,.>)
// where <.,.> = step * scale * (sum of k[i] code[i]) is one sum of integers: the same on every
// instruction set, and so is the distance, to the bit. Between decoded vectors, errors of l2 and
// cosine shrink with the distance, and near neighbours are told apart best; a term common to all
// coordinates costs nothing.
//
// The query has 16 bits because its rounding error is then 1/256 of the code's, which is
// negligible. With eight bits it would be as large as the code's. A scan of 10,000 codes of 128
// dimensions takes 34 us with AVX2 and with AVX-512, their bounds 40 and 39 us; of 768 dimensions
// 215 to 240 and 160 to 190 us, either way; encoding a vector 0.065 and 0.21 us (best of many
// rounds on one core of a Zen 4 at 3.7 GHz; sq8_bench, which averages, measures the same calls).
//
// Bytes of a code; no alignment is needed, little-endian:
//
//   offset  bytes  what
//   0       4      scale, f32
//   4       4      mean of x', f32
//   8       4      |x' - mean|^2, f32 (cosine: half of it; ip: |x'|, rounded up)
//   12      4      |x - x'|, f32, rounded up: what coding moved the vector by, at most; infinity
//                  where the vector's range exceeds 2^40 or its mean 2^50
//   16      P      codes, P = dim rounded up to a multiple of 16; padding is 0
//
// Error, if no squared length exceeds 2^100, and without the rounding of a few f32 operations:
//   l2, cosine   |sqrt(d') - sqrt(d)| <= |x - x'| + |q - q'|, cosine with 2 d and 2 d' for d and d'
//   ip           |d' - d| <= |q| |x - x'| + |x'| |q - q'|
// Kernels::bounds subtracts that and the rounding from d', so that an exact search need not read
// the vector of a row whose bound exceeds its threshold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "distance/kernels.h"
#include "omendb/types.h"

namespace omendb::codec::sq8 {

/// What precedes the codes of one vector.
struct Factors {
  float scale;
  float mean;
  float square;
  float error;
};
static_assert(sizeof(Factors) == 16);

constexpr size_t padded_dim(size_t dim) {
  return (dim + 15) / 16 * 16;
}
/// Bytes of one vector's code, whatever the metric and the element: 144 at 128 dimensions.
constexpr size_t code_bytes(size_t dim) {
  return sizeof(Factors) + padded_dim(dim);
}

/// Where a bound of ip would exceed this, none is given.
constexpr float kMaxBound = 0x1p100F;

/// The query's terms of a distance.
struct DistanceTerms {
  float mean_scale = 0;  ///< dim (cosine: half of it; ip: -dim * mean)
  float add = 0;         ///< the query's own part of the distance
  float sum_scale = 0;   ///< 2 * step (cosine, ip: step)
};

/// The query's terms of a lower bound; they include all slack (see sq8.cc).
///   l2, cosine  max(0, root_scale * sqrt(d' by `terms`) - (|x - x'| + error))^2 * square_scale
///               - offset
///   ip          d' - (|x - x'| * error_scale + |x'| * error) - offset
struct BoundTerms {
  DistanceTerms terms;     ///< not ip
  float root_scale = 0;    ///< not ip
  float square_scale = 0;  ///< not ip
  float error_scale = 0;   ///< ip
  float error = 0;         ///< infinity: there is no bound for this query
  float offset = 0;
};

/// A query in the form that the kernels take. Owns all its data; may outlive its Encoder.
/// Immutable once made.
struct PreparedQuery {
  size_t padded_dim = 0;
  bool inner_product = false;
  float mean = 0;
  DistanceTerms terms;
  float smallest = 0;  ///< the range of distances
  float largest = 0;
  float error = 0;  ///< |q - q'|, rounded up
  BoundTerms bound;
  /// The integers k, zero past the query's end; in groups of 64: the 32 at even places, then the 32
  /// at odd ones.
  struct alignas(64) Line {
    int16_t values[32];
  };
  std::vector<Line> weight_lines;

  const int16_t* weights() const { return weight_lines.front().values; }
};

/// The kernels of one instruction set. Distances are finite and in their metric's range; what
/// overflows f32 saturates. Pure; any thread.
struct Kernels {
  /// One query against the codes at codes + i * stride, i < n.
  void (*scan)(const PreparedQuery& query, const std::byte* codes, size_t stride, size_t n,
               float* out);
  /// One query against the codes at base + slots[i] * stride, i < n; prefetches ahead.
  void (*gather)(const PreparedQuery& query, const std::byte* base, size_t stride,
                 const uint32_t* slots, size_t n, float* out);
  /// Like scan and gather, but out[i] is at most what distance::kernels(metric, element).pair()
  /// returns for the query and row i, on any instruction set. Never NaN or +infinity. Where nothing
  /// is known (coordinates that range over more than 2^40, means over 2^50, a query's range under
  /// 2^-85) ip is -infinity and l2 is 0; cosine is then, as for rows that may be equal, a little
  /// less than 0.
  void (*bounds)(const PreparedQuery& query, const std::byte* codes, size_t stride, size_t n,
                 float* out);
  void (*gather_bounds)(const PreparedQuery& query, const std::byte* base, size_t stride,
                        const uint32_t* slots, size_t n, float* out);
};

/// The kernels of the active instruction set. Fetch once, outside the loop.
const Kernels& kernels();
const Kernels& kernels(distance::Isa isa);

/// Turns vectors into codes and queries into integers. Immutable: share it between threads. Codes
/// are a function of the metric and the vector: the same bits on every machine.
class Encoder {
 public:
  struct Options {
    Metric metric = Metric::kL2;      ///< not kHamming
    Element element = Element::kF32;  ///< of the rows that encode() reads; not kBinary
    size_t dim = 0;                   ///< 1..kMaxDimension
  };

  explicit Encoder(const Options& options);

  const Options& options() const { return options_; }
  size_t code_bytes() const { return sq8::code_bytes(options_.dim); }

  /// Encodes n rows, `stride` bytes apart, into n codes of code_bytes(), one after the other.
  /// Rows are finite; neither side needs alignment.
  void encode(const void* rows, size_t stride, size_t n, std::byte* out) const {
    encode(distance::active_isa(), rows, stride, n, out);
  }
  void encode(distance::Isa isa, const void* rows, size_t stride, size_t n, std::byte* out) const;

  /// @param query  options.dim finite floats, whatever the rows' element.
  PreparedQuery prepare(const float* query) const;

 private:
  Options options_;
};

/// Codes of consecutive rows, one after the other, and what made them. Borrowed; null: none.
struct Codes {
  const Encoder* encoder = nullptr;
  const std::byte* bytes = nullptr;
};

}  // namespace omendb::codec::sq8
