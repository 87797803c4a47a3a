// The codec kernels for arm64: NEON is part of the base architecture, so no special target is
// needed.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "codec/table.h"
#include "distance/kernels_isa.h"

namespace omendb::codec::internal {
namespace {

struct Lane {
  using Reg = float32x4_t;
  static constexpr size_t kLanes = 4;
  OMEN_INLINE Reg load(const float* p) { return vld1q_f32(p); }
  OMEN_INLINE void store(Reg r, float* p) { vst1q_f32(p, r); }
  OMEN_INLINE Reg broadcast(float x) { return vdupq_n_f32(x); }
  OMEN_INLINE Reg flip_bits(Reg r, uint32x4_t signs) {
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(r), signs));
  }
  OMEN_INLINE Reg flip(Reg r, const uint32_t* signs) { return flip_bits(r, vld1q_u32(signs)); }
  template <size_t h>
  OMEN_INLINE Reg swap(Reg r) {
    if constexpr (h == 1) return vrev64q_f32(r);
    return vextq_f32(r, r, 2);
  }
  template <size_t h>
  OMEN_INLINE Reg alternate(Reg r) {
    constexpr uint32_t kSign = 0x80000000U;
    static constexpr uint32_t kSigns[4] = {0, h == 1 ? kSign : 0, h == 2 ? kSign : 0, kSign};
    return flip_bits(r, vld1q_u32(kSigns));
  }
  OMEN_INLINE Reg absolute(Reg r) { return vabsq_f32(r); }
  OMEN_INLINE uint32_t positive_bits(Reg r) {
    static constexpr uint32_t kWeights[4] = {1, 2, 4, 8};
    const uint32x4_t positive = vshrq_n_u32(vmvnq_u32(vreinterpretq_u32_f32(r)), 31);
    return vaddvq_u32(vmulq_u32(positive, vld1q_u32(kWeights)));
  }
};

#include "codec/generic.inl"

struct Sums {
  uint32x4_t lanes[8];  ///< four lanes each, in order
};

OMEN_INLINE uint8x16_t load_bytes(const void* p) {
  return vld1q_u8(static_cast<const uint8_t*>(p));
}

/// Adds the sums of up to 4096 coordinates, which fit sixteen bits (1024 bytes of at most 63).
OMEN_INLINE void add_chunk(const uint8_t* tables, const std::byte* codes, size_t dims, Sums& out) {
  const uint8x16_t nibble = vdupq_n_u8(15);
  // Pairs of bytes are added as 16-bit words; `high` holds the upper byte's sum, and the word sum
  // less that, shifted back, is the lower byte's (all modulo 2^16).
  uint16x8_t words[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};
  for (size_t d = 0; d < dims; d += 16, codes += 64, tables += 64) {
    uint8x16_t low = vdupq_n_u8(0);
    uint8x16_t high = vdupq_n_u8(0);
    OMEN_UNROLL
    for (size_t i = 0; i < 4; ++i) {
      const uint8x16_t code = load_bytes(codes + i * 16);
      const uint8x16_t table = load_bytes(tables + i * 16);
      low = vaddq_u8(low, vqtbl1q_u8(table, vandq_u8(code, nibble)));
      high = vaddq_u8(high, vqtbl1q_u8(table, vshrq_n_u8(code, 4)));
    }
    words[0] = vaddq_u16(words[0], vreinterpretq_u16_u8(low));
    words[1] = vsraq_n_u16(words[1], vreinterpretq_u16_u8(low), 8);
    words[2] = vaddq_u16(words[2], vreinterpretq_u16_u8(high));
    words[3] = vsraq_n_u16(words[3], vreinterpretq_u16_u8(high), 8);
  }
  words[0] = vsubq_u16(words[0], vshlq_n_u16(words[1], 8));
  words[2] = vsubq_u16(words[2], vshlq_n_u16(words[3], 8));
  OMEN_UNROLL
  for (size_t i = 0; i < 4; ++i) {
    // Words at even positions belong to lanes 0..15, those at odd positions to lanes 16..31.
    const uint32x4_t pairs = vreinterpretq_u32_u16(words[i]);
    out.lanes[i] = vaddq_u32(out.lanes[i], vandq_u32(pairs, vdupq_n_u32(0xffff)));
    out.lanes[i + 4] = vsraq_n_u32(out.lanes[i + 4], pairs, 16);
  }
}

OMEN_INLINE Sums sums32(const uint8_t* tables, const std::byte* codes, size_t dims) {
  constexpr size_t kChunk = 4096;
  Sums out;
  OMEN_UNROLL
  for (size_t i = 0; i < 8; ++i) out.lanes[i] = vdupq_n_u32(0);
  for (size_t d = 0; d < dims; d += kChunk) {
    const size_t n = dims - d < kChunk ? dims - d : kChunk;
    add_chunk(tables + d * 4, codes + d * 4, n, out);
  }
  return out;
}

void block_sums(const uint8_t* tables, size_t padded_dim, const std::byte* block, uint32_t* sums) {
  const Sums all = sums32(tables, block, padded_dim);
  OMEN_UNROLL
  for (size_t i = 0; i < 8; ++i) vst1q_u32(sums + 4 * i, all.lanes[i]);
}

struct Factors {
  float32x4_t lanes[8];  ///< four lanes each, in order
};

OMEN_INLINE Factors load_factors(const std::byte* p) {
  Factors out;
  OMEN_UNROLL
  for (size_t i = 0; i < 4; ++i) {
    const uint32x4_t words = vreinterpretq_u32_u8(load_bytes(p + i * 16));
    out.lanes[i] = vreinterpretq_f32_u32(vshlq_n_u32(words, 16));
    out.lanes[i + 4] = vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000U)));
  }
  return out;
}

void block_scan(const rabitq::PreparedQuery& query, const std::byte* blocks, size_t n_blocks,
                float threshold, float* estimates, uint32_t* hits) {
  static constexpr uint32_t kWeights[4] = {1, 2, 4, 8};
  const size_t dims = query.padded_dim;
  const uint8_t* const tables = query.tables();
  const uint32x4_t weights = vld1q_u32(kWeights);
  const float32x4_t add = vdupq_n_f32(query.add);
  const float32x4_t bias = vdupq_n_f32(query.bias);
  const float32x4_t limit = vdupq_n_f32(threshold);
  for (size_t b = 0; b < n_blocks; ++b) {
    const std::byte* const factors = blocks + dims * 4;
    const Sums sums = sums32(tables, blocks, dims);
    const Factors adds = load_factors(factors);
    const Factors rescales = load_factors(factors + 64);
    uint32_t mask = 0;
    OMEN_UNROLL
    for (size_t i = 0; i < 8; ++i) {
      const float32x4_t sum = vfmaq_n_f32(bias, vcvtq_f32_u32(sums.lanes[i]), query.step);
      const float32x4_t base = vfmaq_n_f32(add, adds.lanes[i], query.add_scale);
      const float32x4_t estimate = vfmaq_f32(base, rescales.lanes[i], sum);
      vst1q_f32(estimates + i * 4, estimate);
      mask |= vaddvq_u32(vandq_u32(vcleq_f32(estimate, limit), weights)) << (i * 4);
    }
    hits[b] = mask;
    estimates += rabitq::kBlockRows;
    blocks = factors + 128;
  }
}

OMEN_INLINE int32x4_t code_products(int32x4_t acc, int16x8_t codes, int16x8_t weights) {
  return vmlal_high_s16(vmlal_s16(acc, vget_low_s16(codes), vget_low_s16(weights)), codes, weights);
}

OMEN_INLINE Ints4 code_sums(const int16_t* weights, const CodeRows& rows, size_t padded) {
  int32x4_t acc[4];
  OMEN_UNROLL
  for (size_t r = 0; r < 4; ++r) acc[r] = vdupq_n_s32(0);
  for (size_t i = 0; i < padded; i += 16) {
    const int16_t* at = weights + i / 64 * 64 + i % 64 / 2;
    const int16x8_t even = vld1q_s16(at);
    const int16x8_t odd = vld1q_s16(at + 32);
    OMEN_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const void* sixteen = rows.codes(r) + i;
      const uint16x8_t codes = vreinterpretq_u16_u8(vld1q_u8(static_cast<const uint8_t*>(sixteen)));
      const uint16x8_t low = vandq_u16(codes, vdupq_n_u16(0xff));
      acc[r] = code_products(acc[r], vreinterpretq_s16_u16(low), even);
      acc[r] = code_products(acc[r], vreinterpretq_s16_u16(vshrq_n_u16(codes, 8)), odd);
    }
  }
  return reinterpret_cast<Ints4>(
      vpaddq_s32(vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3])));
}

OMEN_INLINE Floats4 square_root(Floats4 x) {
  return reinterpret_cast<Floats4>(vsqrtq_f32(reinterpret_cast<float32x4_t>(x)));
}

OMEN_INLINE uint16x8_t narrow(IntReg a, IntReg b) {
  return vcombine_u16(vmovn_u32(reinterpret_cast<uint32x4_t>(a)),
                      vmovn_u32(reinterpret_cast<uint32x4_t>(b)));
}

OMEN_INLINE void store_codes(const IntReg (&codes)[kSums], std::byte* out) {
  void* const to = out;
  vst1q_u8(static_cast<uint8_t*>(to), vcombine_u8(vmovn_u16(narrow(codes[0], codes[1])),
                                                  vmovn_u16(narrow(codes[2], codes[3]))));
}

constexpr size_t kCodeGroups = 1;

#include "codec/sq8_generic.inl"

}  // namespace

const CodecTable kNeonCodec = {rotate,     residual,   sign_bits,   signed_sum,
                               block_sums, block_scan, kSq8Kernels, kSq8Coding};

}  // namespace omendb::codec::internal
#endif
