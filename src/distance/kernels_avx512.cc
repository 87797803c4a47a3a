// The kernels for x86-64 with AVX-512 F, BW, VL and DQ.
#if defined(__x86_64__)
#if !defined(__clang__)
// GCC 12 warns about the deliberately undefined registers inside its own header (PR 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "distance/kernels_isa.h"

OMEN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,popcnt")
namespace omendb::distance::internal {
namespace {

struct FloatLane {
  using Reg = __m512;
  using Acc = __m512;
  using Sum = float;
  static constexpr size_t kStep = 16;
  OMEN_INLINE Acc zero() { return _mm512_setzero_ps(); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  OMEN_INLINE Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  OMEN_INLINE Reg fill(float value) { return _mm512_set1_ps(value); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) { return _mm512_fmadd_ps(a, b, acc); }
  OMEN_INLINE Acc add(Acc a, Acc b) { return _mm512_add_ps(a, b); }
  OMEN_INLINE __m128 fold(Acc a) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    const __m128 low = _mm_hadd_ps(fold(acc[0]), fold(acc[1]));
    const __m128 high = _mm_hadd_ps(fold(acc[2]), fold(acc[3]));
    _mm_storeu_ps(out, _mm_hadd_ps(low, high));
  }
};

struct Float32 : FloatLane {
  using Stored = float;
  OMEN_INLINE Reg load(const float* p) { return _mm512_loadu_ps(p); }
  OMEN_INLINE Reg load_partial(const float* p, size_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), p);
  }
  OMEN_INLINE Reg broadcast(const float* p) { return _mm512_set1_ps(*p); }
  OMEN_INLINE void store(Reg value, float* p) { _mm512_storeu_ps(p, value); }
  OMEN_INLINE uint32_t not_greater(Reg a, Reg b) { return _mm512_cmp_ps_mask(a, b, _CMP_NGT_UQ); }
  OMEN_INLINE float saturating_distance(Metric metric, const float* q, const float* x, size_t dim) {
    return wide_f32(metric, q, x, dim);
  }
};

struct Float16 : FloatLane {
  using Stored = uint16_t;
  OMEN_INLINE Reg load(const uint16_t* p) {
    const void* bytes = p;
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(bytes)));
  }
  OMEN_INLINE Reg load_partial(const uint16_t* p, size_t n) {
    const __mmask16 mask = static_cast<__mmask16>((1U << n) - 1);
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
  }
  OMEN_INLINE float saturating_distance(Metric metric, const uint16_t* q, const uint16_t* x,
                                        size_t dim) {
    return wide_f16(metric, q, x, dim);
  }
};

// Lanes of i16; a sum of 65,536 squared differences stays below 2^32 and is read as unsigned.
struct Int8 {
  using Stored = int8_t;
  using Reg = __m512i;
  using Acc = __m512i;
  using Sum = uint32_t;
  static constexpr size_t kStep = 32;
  OMEN_INLINE Reg load(const int8_t* p) {
    const void* bytes = p;
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(bytes)));
  }
  OMEN_INLINE Reg load_partial(const int8_t* p, size_t n) {
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8((1U << n) - 1, p));
  }
  OMEN_INLINE Acc zero() { return _mm512_setzero_si512(); }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return _mm512_sub_epi16(a, b); }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
  }
  OMEN_INLINE Acc add(Acc a, Acc b) { return _mm512_add_epi32(a, b); }
  OMEN_INLINE __m128i fold(Acc a) {
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti32x8_epi32(a, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
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

// 24 accumulators, 2 registers of queries, 1 broadcast: 27 of the 32 registers.
constexpr size_t kTileVectors = 2;
constexpr size_t kTileRows = 12;

// BM_Scan over 10,000 rows of 128 f32 in L3: 75 us with, 89 us without; AVX2 is the faster without.
constexpr bool kPrefetchScans = true;

#include "distance/kernels_generic.inl"

}  // namespace
}  // namespace omendb::distance::internal
OMEN_TARGET_END

namespace omendb::distance::internal {
constinit const IsaTable kAvx512Table = OMEN_ISA_TABLE;
}  // namespace omendb::distance::internal
#endif
