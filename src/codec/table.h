// The kernels that each <isa>.cc gives to the codecs. Private to this layer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/rabitq.h"
#include "codec/rotation.h"
#include "codec/sq8.h"
#include "distance/kernels.h"

namespace omendb::codec::internal {

/// Buffers whose length is a multiple of this many floats, on a 64-byte boundary.
struct alignas(64) FloatLine {
  float values[16];
};

struct RowSums {
  float squares;  ///< sum of v[i]^2
  float dot;      ///< sum of v[i] * other[i]
};

struct CodeRange {
  float low;
  float high;
};
/// The 256 levels low + code * scale.
struct CodeLevels {
  float low;
  float scale;
  float inverse;  ///< 1 / scale; 0 where scale is
};
/// Of one row's codes and what they miss: at most 255^2 * kMaxDimension, which fits.
struct CodeSums {
  uint32_t codes;
  uint32_t squares;
  double misses;  ///< sum of (value - level)^2
};
/// The steps of 8-bit coding, over rows whose length is a multiple of 16.
struct Sq8Coding {
  double (*square_sum)(const float* values, size_t n);
  void (*multiply)(float* values, float factor, size_t n);
  CodeRange (*range)(const float* values, size_t n);
  /// Values lie between the first and the last level, up to rounding, and all squares are in range.
  CodeSums (*quantize)(const float* values, size_t n, const CodeLevels& levels, std::byte* codes);
};

/// Kernels of the codecs. Those over padded rows: n is a multiple of 64, pointers are on 64-byte
/// boundaries. All but block_scan return the same bits on every instruction set: what the others
/// compute is stored, and sums are integers. Estimates may differ in the last place.
struct CodecTable {
  void (*rotate)(const RotationPlan& plan, float* values);
  /// values[i] = values[i] * scale - center[i]; the sums are over the new values.
  RowSums (*residual)(float* values, const float* center, float scale, size_t n);
  /// bit i of `bits` = values[i] has no sign bit; returns the sum of |values[i]|.
  float (*sign_bits)(const float* values, size_t n, uint8_t* bits);
  /// The sum of values[i], negated where signs[i] has a sign bit.
  float (*signed_sum)(const float* values, const float* signs, size_t n);
  /// The sums of one block's 32 look-ups.
  void (*block_sums)(const uint8_t* tables, size_t padded_dim, const std::byte* block,
                     uint32_t* sums);
  rabitq::BlockScan block_scan;
  sq8::Kernels sq8;
  Sq8Coding sq8_coding;
};

const CodecTable& codec_table(distance::Isa isa);

extern const CodecTable kScalarCodec;
#if defined(__x86_64__)
extern const CodecTable kAvx2Codec;
extern const CodecTable kAvx512Codec;
#elif defined(__aarch64__)
extern const CodecTable kNeonCodec;
#endif

/// Four codes to be compared at once, and a sum for each.
struct CodeRows {
  const std::byte* at[4];

  const std::byte* codes(size_t r) const { return at[r] + sizeof(sq8::Factors); }
};
typedef int32_t Ints4 __attribute__((vector_size(16)));

/// Where lane v's nibbles and factors are in a block (see rabitq.h), and the way back.
constexpr size_t position_of(size_t lane) {
  return 2 * (lane % 16) + lane / 16;
}
constexpr size_t lane_at(size_t position) {
  return position / 2 + 16 * (position % 2);
}

/// Adds sixteen partial sums in a fixed order.
inline float sum16(const float* partial) {
  float s[8];
  for (int i = 0; i < 8; ++i) s[i] = partial[i] + partial[i + 8];
  for (int i = 0; i < 4; ++i) s[i] += s[i + 4];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

}  // namespace omendb::codec::internal
