// The kernels for arm64: NEON is part of the base architecture, so no special target is needed.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "distance/kernels_isa.h"

namespace omendb::distance::internal {
namespace {

struct FloatLane {
  using Reg = float32x4_t;
  using Acc = float32x4_t;
  using Sum = float;
  static constexpr size_t kStep = 4;
  OMEN_INLINE Acc zero() { return vdupq_n_f32(0.0F); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return vsubq_f32(a, b); }
  OMEN_INLINE Reg mul(Reg a, Reg b) { return vmulq_f32(a, b); }
  OMEN_INLINE Reg fill(float value) { return vdupq_n_f32(value); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) { return vfmaq_f32(acc, a, b); }
  OMEN_INLINE Acc add(Acc a, Acc b) { return vaddq_f32(a, b); }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(acc[0], acc[1]), vpaddq_f32(acc[2], acc[3])));
  }
};

struct Float32 : FloatLane {
  using Stored = float;
  OMEN_INLINE Reg load(const float* p) { return vld1q_f32(p); }
  OMEN_INLINE Reg load_partial(const float* p, size_t n) {
    float padded[kStep] = {};
    std::memcpy(padded, p, n * sizeof(float));
    return load(padded);
  }
  OMEN_INLINE Reg broadcast(const float* p) { return vld1q_dup_f32(p); }
  OMEN_INLINE void store(Reg value, float* p) { vst1q_f32(p, value); }
  OMEN_INLINE uint32_t not_greater(Reg a, Reg b) {
    const uint32_t bits[kStep] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vmvnq_u32(vcgtq_f32(a, b)), vld1q_u32(bits)));
  }
  OMEN_INLINE float saturating_distance(Metric metric, const float* q, const float* x, size_t dim) {
    return wide_f32(metric, q, x, dim);
  }
};

struct Float16 : FloatLane {
  using Stored = uint16_t;
  OMEN_INLINE Reg load(const uint16_t* p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
  }
  OMEN_INLINE Reg load_partial(const uint16_t* p, size_t n) {
    uint16_t padded[kStep] = {};
    std::memcpy(padded, p, n * sizeof(uint16_t));
    return load(padded);
  }
  OMEN_INLINE float saturating_distance(Metric metric, const uint16_t* q, const uint16_t* x,
                                        size_t dim) {
    return wide_f16(metric, q, x, dim);
  }
};

// Lanes of i16; a sum of 65,536 squared differences stays below 2^32 and is read as unsigned.
struct Int8 {
  using Stored = int8_t;
  using Reg = int16x8_t;
  using Acc = int32x4_t;
  using Sum = uint32_t;
  static constexpr size_t kStep = 8;
  OMEN_INLINE Reg load(const int8_t* p) { return vmovl_s8(vld1_s8(p)); }
  OMEN_INLINE Reg load_partial(const int8_t* p, size_t n) {
    int8_t padded[kStep] = {};
    std::memcpy(padded, p, n);
    return load(padded);
  }
  OMEN_INLINE Acc zero() { return vdupq_n_s32(0); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return vsubq_s16(a, b); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) {
    return vmlal_high_s16(vmlal_s16(acc, vget_low_s16(a), vget_low_s16(b)), a, b);
  }
  OMEN_INLINE Acc add(Acc a, Acc b) { return vaddq_s32(a, b); }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    const int32x4_t sums = vpaddq_s32(vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3]));
    vst1q_u32(out, vreinterpretq_u32_s32(sums));
  }
};

OMEN_INLINE uint32_t popcount_xor(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint32_t count = 0;
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    count += vaddlvq_u8(vcntq_u8(veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i))));
  }
  for (; i < bytes; ++i) {
    count += static_cast<uint32_t>(__builtin_popcount(static_cast<unsigned>(a[i] ^ b[i])));
  }
  return count;
}

// 24 accumulators, 4 registers of queries, 1 broadcast: 29 of the 32 registers.
constexpr size_t kTileVectors = 4;
constexpr size_t kTileRows = 6;
constexpr bool kPrefetchScans = false;

#include "distance/kernels_generic.inl"

}  // namespace

constinit const IsaTable kNeonTable = OMEN_ISA_TABLE;

}  // namespace omendb::distance::internal
#endif
