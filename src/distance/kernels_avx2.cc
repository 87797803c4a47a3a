// The kernels for x86-64 with AVX2, FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#include "distance/kernels_isa.h"

OMEN_TARGET_BEGIN("avx2,fma,f16c,popcnt")
namespace omendb::distance::internal {
namespace {

struct FloatLane {
  using Reg = __m256;
  using Acc = __m256;
  using Sum = float;
  static constexpr size_t kStep = 8;
  OMEN_INLINE Acc zero() { return _mm256_setzero_ps(); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  OMEN_INLINE Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  OMEN_INLINE Reg fill(float value) { return _mm256_set1_ps(value); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) { return _mm256_fmadd_ps(a, b, acc); }
  OMEN_INLINE Acc add(Acc a, Acc b) { return _mm256_add_ps(a, b); }
  OMEN_INLINE __m128 fold(Acc a) {
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    const __m128 low = _mm_hadd_ps(fold(acc[0]), fold(acc[1]));
    const __m128 high = _mm_hadd_ps(fold(acc[2]), fold(acc[3]));
    _mm_storeu_ps(out, _mm_hadd_ps(low, high));
  }
};

alignas(32) constexpr int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                0,  0,  0,  0,  0,  0,  0,  0};

struct Float32 : FloatLane {
  using Stored = float;
  OMEN_INLINE Reg load(const float* p) { return _mm256_loadu_ps(p); }
  OMEN_INLINE Reg load_partial(const float* p, size_t n) {
    const void* mask = kLaneMasks + kStep - n;
    return _mm256_maskload_ps(p, _mm256_loadu_si256(static_cast<const __m256i*>(mask)));
  }
  OMEN_INLINE Reg broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  OMEN_INLINE void store(Reg value, float* p) { _mm256_storeu_ps(p, value); }
  OMEN_INLINE uint32_t not_greater(Reg a, Reg b) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NGT_UQ)));
  }
  OMEN_INLINE float saturating_distance(Metric metric, const float* q, const float* x, size_t dim) {
    return wide_f32(metric, q, x, dim);
  }
};

struct Float16 : FloatLane {
  using Stored = uint16_t;
  OMEN_INLINE Reg load(const void* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
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
  using Reg = __m256i;
  using Acc = __m256i;
  using Sum = uint32_t;
  static constexpr size_t kStep = 16;
  OMEN_INLINE Reg load(const void* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  OMEN_INLINE Reg load_partial(const int8_t* p, size_t n) {
    int8_t padded[kStep] = {};
    std::memcpy(padded, p, n);
    return load(padded);
  }
  OMEN_INLINE Acc zero() { return _mm256_setzero_si256(); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return _mm256_sub_epi16(a, b); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
  }
  OMEN_INLINE Acc add(Acc a, Acc b) { return _mm256_add_epi32(a, b); }
  OMEN_INLINE __m128i fold(Acc a) {
    return _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    const __m128i low = _mm_hadd_epi32(fold(acc[0]), fold(acc[1]));
    const __m128i high = _mm_hadd_epi32(fold(acc[2]), fold(acc[3]));
    void* sums = out;
    _mm_storeu_si128(static_cast<__m128i*>(sums), _mm_hadd_epi32(low, high));
  }
};

OMEN_INLINE uint32_t popcount_xor(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint64_t count = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t x = 0;
    uint64_t y = 0;
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    count += static_cast<uint64_t>(_mm_popcnt_u64(x ^ y));
  }
  for (; i < bytes; ++i) {
    count += static_cast<uint64_t>(_mm_popcnt_u32(static_cast<unsigned>(a[i] ^ b[i])));
  }
  return static_cast<uint32_t>(count);
}

// 12 accumulators, 2 registers of queries, 1 broadcast: 15 of the 16 registers.
constexpr size_t kTileVectors = 2;
constexpr size_t kTileRows = 6;
constexpr bool kPrefetchScans = false;

#include "distance/kernels_generic.inl"

}  // namespace
}  // namespace omendb::distance::internal
OMEN_TARGET_END

namespace omendb::distance::internal {
constinit const IsaTable kAvx2Table = OMEN_ISA_TABLE;
}  // namespace omendb::distance::internal
#endif
