// The codec kernels for x86-64 with AVX2 and FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#include "codec/table.h"
#include "distance/kernels_isa.h"

OMEN_TARGET_BEGIN("avx2,fma,f16c,popcnt")
namespace omendb::codec::internal {
namespace {

struct Lane {
  using Reg = __m256;
  static constexpr size_t kLanes = 8;
  OMEN_INLINE Reg load(const float* p) { return _mm256_load_ps(p); }
  OMEN_INLINE void store(Reg r, float* p) { _mm256_store_ps(p, r); }
  OMEN_INLINE Reg broadcast(float x) { return _mm256_set1_ps(x); }
  OMEN_INLINE Reg flip(Reg r, const uint32_t* signs) {
    const void* bytes = signs;
    return _mm256_xor_ps(
        r, _mm256_castsi256_ps(_mm256_loadu_si256(static_cast<const __m256i*>(bytes))));
  }
  template <size_t h>
  OMEN_INLINE Reg swap(Reg r) {
    if constexpr (h == 1) return _mm256_permute_ps(r, 0xB1);
    if constexpr (h == 2) return _mm256_permute_ps(r, 0x4E);
    if constexpr (h == 4) return _mm256_permute2f128_ps(r, r, 0x01);
  }
  template <size_t h>
  OMEN_INLINE Reg alternate(Reg r) {
    constexpr float kMinus = -0.0F;
    const __m256 signs = h == 1   ? _mm256_setr_ps(0, kMinus, 0, kMinus, 0, kMinus, 0, kMinus)
                         : h == 2 ? _mm256_setr_ps(0, 0, kMinus, kMinus, 0, 0, kMinus, kMinus)
                                  : _mm256_setr_ps(0, 0, 0, 0, kMinus, kMinus, kMinus, kMinus);
    return _mm256_xor_ps(r, signs);
  }
  OMEN_INLINE Reg absolute(Reg r) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), r); }
  OMEN_INLINE uint32_t positive_bits(Reg r) {
    return ~static_cast<uint32_t>(_mm256_movemask_ps(r)) & 0xffU;
  }
};

#include "codec/generic.inl"

OMEN_INLINE __m256i load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
OMEN_INLINE void store_bytes(__m256i value, void* p) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), value);
}

struct Words {
  __m256i lanes[2];  ///< 16-bit sums of positions 0..15 and 16..31
};

/// The two 128-bit lanes of each hold parts of one total: the totals of `even`, then of `odd`.
OMEN_INLINE __m256i join(__m256i even, __m256i odd) {
  return _mm256_add_epi16(_mm256_permute2x128_si256(even, odd, 0x20),
                          _mm256_permute2x128_si256(even, odd, 0x31));
}

/// Sums of up to 4096 coordinates (1024 bytes of at most 63) fit sixteen bits.
OMEN_INLINE Words sums16(const uint8_t* tables, const std::byte* codes, size_t dims) {
  const __m256i nibble = _mm256_set1_epi8(15);
  // Pairs of bytes are added as 16-bit words; `high` holds the upper byte's sum, and the word sum
  // less that, shifted back, is the lower byte's (all modulo 2^16).
  __m256i low_words = _mm256_setzero_si256();
  __m256i low_high = _mm256_setzero_si256();
  __m256i high_words = _mm256_setzero_si256();
  __m256i high_high = _mm256_setzero_si256();
  for (size_t d = 0; d < dims; d += 32, codes += 128, tables += 128) {
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    OMEN_UNROLL
    for (size_t i = 0; i < 4; ++i) {
      const __m256i code = load_bytes(codes + i * 32);
      const __m256i table = load_bytes(tables + i * 32);
      const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
      low = _mm256_add_epi8(low, _mm256_shuffle_epi8(table, _mm256_and_si256(code, nibble)));
      high = _mm256_add_epi8(high, _mm256_shuffle_epi8(table, upper));
    }
    low_words = _mm256_add_epi16(low_words, low);
    low_high = _mm256_add_epi16(low_high, _mm256_srli_epi16(low, 8));
    high_words = _mm256_add_epi16(high_words, high);
    high_high = _mm256_add_epi16(high_high, _mm256_srli_epi16(high, 8));
  }
  low_words = _mm256_sub_epi16(low_words, _mm256_slli_epi16(low_high, 8));
  high_words = _mm256_sub_epi16(high_words, _mm256_slli_epi16(high_high, 8));
  return {{join(low_words, low_high), join(high_words, high_high)}};
}

/// Words at even positions belong to lanes 0..15, those at odd positions to lanes 16..31.
OMEN_INLINE __m256i even_words(__m256i words) {
  return _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
}
OMEN_INLINE __m256i odd_words(__m256i words) {
  return _mm256_srli_epi32(words, 16);
}

struct Sums {
  __m256i lanes[4];  ///< 32-bit sums, eight lanes each, in order
};

OMEN_INLINE Sums sums32(const uint8_t* tables, const std::byte* codes, size_t dims) {
  constexpr size_t kChunk = 4096;
  Sums out;
  OMEN_UNROLL
  for (size_t i = 0; i < 4; ++i) out.lanes[i] = _mm256_setzero_si256();
  for (size_t d = 0; d < dims; d += kChunk) {
    const size_t n = dims - d < kChunk ? dims - d : kChunk;
    const Words words = sums16(tables + d * 4, codes + d * 4, n);
    OMEN_UNROLL
    for (size_t i = 0; i < 2; ++i) {
      out.lanes[i] = _mm256_add_epi32(out.lanes[i], even_words(words.lanes[i]));
      out.lanes[i + 2] = _mm256_add_epi32(out.lanes[i + 2], odd_words(words.lanes[i]));
    }
  }
  return out;
}

void block_sums(const uint8_t* tables, size_t padded_dim, const std::byte* block, uint32_t* sums) {
  const Sums all = sums32(tables, block, padded_dim);
  OMEN_UNROLL
  for (size_t i = 0; i < 4; ++i) store_bytes(all.lanes[i], sums + 8 * i);
}

struct Factors {
  __m256 lanes[4];  ///< eight lanes each, in order
};

OMEN_INLINE Factors load_factors(const std::byte* p) {
  const __m256i upper = _mm256_set1_epi32(INT32_MIN >> 15);
  Factors out;
  OMEN_UNROLL
  for (size_t i = 0; i < 2; ++i) {
    const __m256i words = load_bytes(p + i * 32);
    out.lanes[i] = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
    out.lanes[i + 2] = _mm256_castsi256_ps(_mm256_and_si256(words, upper));
  }
  return out;
}

void block_scan(const rabitq::PreparedQuery& query, const std::byte* blocks, size_t n_blocks,
                float threshold, float* estimates, uint32_t* hits) {
  const size_t dims = query.padded_dim;
  const uint8_t* const tables = query.tables();
  const __m256 add_scale = _mm256_set1_ps(query.add_scale);
  const __m256 add = _mm256_set1_ps(query.add);
  const __m256 step = _mm256_set1_ps(query.step);
  const __m256 bias = _mm256_set1_ps(query.bias);
  const __m256 limit = _mm256_set1_ps(threshold);
  for (size_t b = 0; b < n_blocks; ++b) {
    const std::byte* const factors = blocks + dims * 4;
    const Sums sums = sums32(tables, blocks, dims);
    const Factors adds = load_factors(factors);
    const Factors rescales = load_factors(factors + 64);
    uint32_t mask = 0;
    OMEN_UNROLL
    for (size_t i = 0; i < 4; ++i) {
      const __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums.lanes[i]), step, bias);
      const __m256 base = _mm256_fmadd_ps(adds.lanes[i], add_scale, add);
      const __m256 estimate = _mm256_fmadd_ps(rescales.lanes[i], sum, base);
      _mm256_storeu_ps(estimates + i * 8, estimate);
      const int within = _mm256_movemask_ps(_mm256_cmp_ps(estimate, limit, _CMP_LE_OQ));
      mask |= static_cast<uint32_t>(within) << (i * 8);
    }
    hits[b] = mask;
    estimates += rabitq::kBlockRows;
    blocks = factors + 128;
  }
}

OMEN_INLINE __m256i code_products(__m256i codes, __m256i even, __m256i odd) {
  const __m256i low = _mm256_and_si256(codes, _mm256_set1_epi16(0xff));
  return _mm256_add_epi32(_mm256_madd_epi16(low, even),
                          _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), odd));
}

OMEN_INLINE Ints4 code_sums(const int16_t* weights, const CodeRows& rows, size_t padded) {
  __m256i acc[4];
  OMEN_UNROLL
  for (size_t r = 0; r < 4; ++r) acc[r] = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= padded; i += 32) {
    const int16_t* at = weights + i / 64 * 64 + i % 64 / 2;
    const __m256i even = load_bytes(at);
    const __m256i odd = load_bytes(at + 32);
    OMEN_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const __m256i codes = load_bytes(rows.codes(r) + i);
      acc[r] = _mm256_add_epi32(acc[r], code_products(codes, even, odd));
    }
  }
  if (i < padded) {  // sixteen more
    const int16_t* at = weights + i / 64 * 64 + i % 64 / 2;
    const __m256i even = load_bytes(at);
    const __m256i odd = load_bytes(at + 32);
    OMEN_UNROLL
    for (size_t r = 0; r < 4; ++r) {
      const void* half = rows.codes(r) + i;
      const __m128i codes = _mm_loadu_si128(static_cast<const __m128i*>(half));
      acc[r] = _mm256_add_epi32(acc[r], code_products(_mm256_zextsi128_si256(codes), even, odd));
    }
  }
  const __m256i pairs =
      _mm256_hadd_epi32(_mm256_hadd_epi32(acc[0], acc[1]), _mm256_hadd_epi32(acc[2], acc[3]));
  const __m128i sums =
      _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  return reinterpret_cast<Ints4>(sums);
}

OMEN_INLINE Floats4 square_root(Floats4 x) {
  return _mm_sqrt_ps(x);
}

OMEN_INLINE void store_codes(const IntReg (&codes)[kSums], std::byte* out) {
  const __m256i words =
      _mm256_packus_epi32(reinterpret_cast<__m256i>(codes[0]), reinterpret_cast<__m256i>(codes[1]));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
  void* const to = out;
  _mm_storeu_si128(
      static_cast<__m128i*>(to),
      _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}

// What follows the sums of a group has a long latency. Bounds of 10,000 rows of 128-d: 40 us, with
// 1 group 46.
constexpr size_t kCodeGroups = 4;

#include "codec/sq8_generic.inl"

}  // namespace

const CodecTable kAvx2Codec = {rotate,     residual,   sign_bits,   signed_sum,
                               block_sums, block_scan, kSq8Kernels, kSq8Coding};

}  // namespace omendb::codec::internal
OMEN_TARGET_END
#endif
