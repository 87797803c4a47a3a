// The codec kernels for x86-64 with AVX-512 F, BW, VL and DQ.
#if defined(__x86_64__)
#include <immintrin.h>

#include "codec/table.h"
#include "distance/kernels_isa.h"

#if !defined(__clang__)
// GCC 12's own headers leave the ignored source of unmasked intrinsics uninitialised (PR 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

OMEN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,popcnt")
namespace omendb::codec::internal {
namespace {

struct Lane {
  using Reg = __m512;
  static constexpr size_t kLanes = 16;
  OMEN_INLINE Reg load(const float* p) { return _mm512_load_ps(p); }
  OMEN_INLINE void store(Reg r, float* p) { _mm512_store_ps(p, r); }
  OMEN_INLINE Reg broadcast(float x) { return _mm512_set1_ps(x); }
  OMEN_INLINE Reg flip(Reg r, const uint32_t* signs) {
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(r), _mm512_loadu_si512(signs)));
  }
  template <size_t h>
  OMEN_INLINE Reg swap(Reg r) {
    if constexpr (h == 1) return _mm512_permute_ps(r, 0xB1);
    if constexpr (h == 2) return _mm512_permute_ps(r, 0x4E);
    if constexpr (h == 4) return _mm512_shuffle_f32x4(r, r, 0xB1);
    if constexpr (h == 8) return _mm512_shuffle_f32x4(r, r, 0x4E);
  }
  template <size_t h>
  OMEN_INLINE Reg alternate(Reg r) {
    constexpr __mmask16 kLanesOfH = h == 1 ? 0xAAAA : h == 2 ? 0xCCCC : h == 4 ? 0xF0F0 : 0xFF00;
    const __m512i sign = _mm512_maskz_set1_epi32(kLanesOfH, INT32_MIN);
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(r), sign));
  }
  OMEN_INLINE Reg absolute(Reg r) { return _mm512_abs_ps(r); }
  OMEN_INLINE uint32_t positive_bits(Reg r) {
    return ~static_cast<uint32_t>(_mm512_movepi32_mask(_mm512_castps_si512(r))) & 0xffffU;
  }
};

#include "codec/generic.inl"

/// Sixteen-bit sums of up to 4096 coordinates (1024 bytes of at most 63), by position.
OMEN_INLINE __m512i sums16(const uint8_t* tables, const std::byte* codes, size_t dims) {
  const __m512i nibble = _mm512_set1_epi8(15);
  // Pairs of bytes are added as 16-bit words; `high` holds the upper byte's sum, and the word sum
  // less that, shifted back, is the lower byte's (all modulo 2^16).
  __m512i low_words = _mm512_setzero_si512();
  __m512i low_high = _mm512_setzero_si512();
  __m512i high_words = _mm512_setzero_si512();
  __m512i high_high = _mm512_setzero_si512();
  for (size_t d = 0; d < dims; d += 64, codes += 256, tables += 256) {
    __m512i low = _mm512_setzero_si512();
    __m512i high = _mm512_setzero_si512();
    OMEN_UNROLL
    for (size_t i = 0; i < 4; ++i) {
      const __m512i code = _mm512_loadu_si512(codes + i * 64);
      const __m512i table = _mm512_load_si512(tables + i * 64);
      const __m512i upper = _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble);
      low = _mm512_add_epi8(low, _mm512_shuffle_epi8(table, _mm512_and_si512(code, nibble)));
      high = _mm512_add_epi8(high, _mm512_shuffle_epi8(table, upper));
    }
    low_words = _mm512_add_epi16(low_words, low);
    low_high = _mm512_add_epi16(low_high, _mm512_srli_epi16(low, 8));
    high_words = _mm512_add_epi16(high_words, high);
    high_high = _mm512_add_epi16(high_high, _mm512_srli_epi16(high, 8));
  }
  low_words = _mm512_sub_epi16(low_words, _mm512_slli_epi16(low_high, 8));
  high_words = _mm512_sub_epi16(high_words, _mm512_slli_epi16(high_high, 8));
  // Each of the four holds one quarter of its total in each 128-bit lane.
  const __m512i a = _mm512_add_epi16(_mm512_shuffle_i64x2(low_words, low_high, 0x44),
                                     _mm512_shuffle_i64x2(low_words, low_high, 0xEE));
  const __m512i b = _mm512_add_epi16(_mm512_shuffle_i64x2(high_words, high_high, 0x44),
                                     _mm512_shuffle_i64x2(high_words, high_high, 0xEE));
  return _mm512_add_epi16(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD));
}

struct Sums {
  __m512i lanes[2];  ///< 32-bit sums of lanes 0..15 and 16..31
};

/// Words at even positions belong to lanes 0..15, those at odd positions to lanes 16..31.
OMEN_INLINE __m512i even_words(__m512i words) {
  return _mm512_and_si512(words, _mm512_set1_epi32(0xffff));
}
OMEN_INLINE __m512i odd_words(__m512i words) {
  return _mm512_srli_epi32(words, 16);
}

OMEN_INLINE Sums sums32(const uint8_t* tables, const std::byte* codes, size_t dims) {
  constexpr size_t kChunk = 4096;
  Sums out = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
  for (size_t d = 0; d < dims; d += kChunk) {
    const size_t n = dims - d < kChunk ? dims - d : kChunk;
    const __m512i words = sums16(tables + d * 4, codes + d * 4, n);
    out.lanes[0] = _mm512_add_epi32(out.lanes[0], even_words(words));
    out.lanes[1] = _mm512_add_epi32(out.lanes[1], odd_words(words));
  }
  return out;
}

void block_sums(const uint8_t* tables, size_t padded_dim, const std::byte* block, uint32_t* sums) {
  const Sums all = sums32(tables, block, padded_dim);
  _mm512_storeu_si512(sums, all.lanes[0]);
  _mm512_storeu_si512(sums + 16, all.lanes[1]);
}

struct Factors {
  __m512 lanes[2];
};

OMEN_INLINE Factors load_factors(const std::byte* p) {
  const __m512i words = _mm512_loadu_si512(p);
  const __m512i odd = _mm512_and_si512(words, _mm512_set1_epi32(INT32_MIN >> 15));
  return {{_mm512_castsi512_ps(_mm512_slli_epi32(words, 16)), _mm512_castsi512_ps(odd)}};
}

void block_scan(const rabitq::PreparedQuery& query, const std::byte* blocks, size_t n_blocks,
                float threshold, float* estimates, uint32_t* hits) {
  const size_t dims = query.padded_dim;
  const uint8_t* const tables = query.tables();
  const __m512 add_scale = _mm512_set1_ps(query.add_scale);
  const __m512 add = _mm512_set1_ps(query.add);
  const __m512 step = _mm512_set1_ps(query.step);
  const __m512 bias = _mm512_set1_ps(query.bias);
  const __m512 limit = _mm512_set1_ps(threshold);
  for (size_t b = 0; b < n_blocks; ++b) {
    const std::byte* const factors = blocks + dims * 4;
    const Sums sums = sums32(tables, blocks, dims);
    const Factors adds = load_factors(factors);
    const Factors rescales = load_factors(factors + 64);
    uint32_t mask = 0;
    OMEN_UNROLL
    for (size_t half = 0; half < 2; ++half) {
      const __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums.lanes[half]), step, bias);
      const __m512 base = _mm512_fmadd_ps(adds.lanes[half], add_scale, add);
      const __m512 estimate = _mm512_fmadd_ps(rescales.lanes[half], sum, base);
      _mm512_storeu_ps(estimates + half * 16, estimate);
      const uint32_t within = _mm512_cmp_ps_mask(estimate, limit, _CMP_LE_OQ);
      mask |= within << (half * 16);
    }
    hits[b] = mask;
    estimates += rabitq::kBlockRows;
    blocks = factors + 128;
  }
}

OMEN_INLINE __m512i code_products(__m512i codes, __m512i even, __m512i odd) {
  const __m512i low = _mm512_and_si512(codes, _mm512_set1_epi16(0xff));
  return _mm512_add_epi32(_mm512_madd_epi16(low, even),
                          _mm512_madd_epi16(_mm512_srli_epi16(codes, 8), odd));
}

OMEN_INLINE Ints4 code_sums(const int16_t* weights, const CodeRows& rows, size_t padded) {
  __m512i acc[4];
  OMEN_UNROLL
  for (size_t r = 0; r < 4; ++r) acc[r] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= padded; i += 64) {
    const __m512i even = _mm512_load_si512(weights + i);
    const __m512i odd = _mm512_load_si512(weights + i + 32);
    OMEN_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const __m512i codes = _mm512_loadu_si512(rows.codes(r) + i);
      acc[r] = _mm512_add_epi32(acc[r], code_products(codes, even, odd));
    }
  }
  if (i < padded) {
    const __mmask64 rest = (1ULL << (padded - i)) - 1;
    const __m512i even = _mm512_load_si512(weights + i);
    const __m512i odd = _mm512_load_si512(weights + i + 32);
    OMEN_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const __m512i codes = _mm512_maskz_loadu_epi8(rest, rows.codes(r) + i);
      acc[r] = _mm512_add_epi32(acc[r], code_products(codes, even, odd));
    }
  }
  __m256i halves[4];
  OMEN_UNROLL
  for (size_t r = 0; r < 4; ++r) {
    halves[r] =
        _mm256_add_epi32(_mm512_castsi512_si256(acc[r]), _mm512_extracti64x4_epi64(acc[r], 1));
  }
  const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(halves[0], halves[1]),
                                          _mm256_hadd_epi32(halves[2], halves[3]));
  const __m128i sums =
      _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  return reinterpret_cast<Ints4>(sums);
}

OMEN_INLINE Floats4 square_root(Floats4 x) {
  return _mm_sqrt_ps(x);
}

OMEN_INLINE void store_codes(const IntReg (&codes)[kSums], std::byte* out) {
  void* const to = out;
  _mm_storeu_si128(static_cast<__m128i*>(to),
                   _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(codes[0])));
}

// Bounds of 10,000 rows of 128-d: 39 us, with 4 groups 46.
constexpr size_t kCodeGroups = 1;

#include "codec/sq8_generic.inl"

}  // namespace

const CodecTable kAvx512Codec = {rotate,     residual,   sign_bits,   signed_sum,
                                 block_sums, block_scan, kSq8Kernels, kSq8Coding};

}  // namespace omendb::codec::internal
OMEN_TARGET_END
#endif
