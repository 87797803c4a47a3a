// The codec kernels in plain C++: the oracle, and the fallback.
#include "codec/bf16.h"
#include "codec/table.h"
#include "distance/kernels_isa.h"

namespace omendb::codec::internal {
namespace {

struct Lane {
  typedef float Reg __attribute__((vector_size(16)));
  typedef uint32_t Bits __attribute__((vector_size(16)));
  static constexpr size_t kLanes = 4;
  OMEN_INLINE Reg load(const float* p) {
    Reg r;
    std::memcpy(&r, p, sizeof(r));
    return r;
  }
  OMEN_INLINE void store(Reg r, float* p) { std::memcpy(p, &r, sizeof(r)); }
  OMEN_INLINE Reg broadcast(float x) { return Reg{x, x, x, x}; }
  OMEN_INLINE Reg flip(Reg r, const uint32_t* signs) {
    Bits s;
    std::memcpy(&s, signs, sizeof(s));
    return reinterpret_cast<Reg>(reinterpret_cast<Bits>(r) ^ s);
  }
  template <size_t h>
  OMEN_INLINE Reg swap(Reg r) {
    if constexpr (h == 1) return Reg{r[1], r[0], r[3], r[2]};
    return Reg{r[2], r[3], r[0], r[1]};
  }
  template <size_t h>
  OMEN_INLINE Reg alternate(Reg r) {
    constexpr uint32_t kSign = 0x80000000U;
    const Bits signs = h == 1 ? Bits{0, kSign, 0, kSign} : Bits{0, 0, kSign, kSign};
    return reinterpret_cast<Reg>(reinterpret_cast<Bits>(r) ^ signs);
  }
  OMEN_INLINE Reg absolute(Reg r) {
    constexpr uint32_t kMask = 0x7fffffffU;
    return reinterpret_cast<Reg>(reinterpret_cast<Bits>(r) & Bits{kMask, kMask, kMask, kMask});
  }
  OMEN_INLINE uint32_t positive_bits(Reg r) {
    const Bits b = ~reinterpret_cast<Bits>(r) >> 31;
    return b[0] | b[1] << 1 | b[2] << 2 | b[3] << 3;
  }
};

#include "codec/generic.inl"

void block_sums(const uint8_t* tables, size_t padded_dim, const std::byte* block, uint32_t* sums) {
  std::memset(sums, 0, rabitq::kBlockRows * sizeof(uint32_t));
  for (size_t g = 0; g < padded_dim / 4; ++g) {
    const uint8_t* table = tables + g * 16;
    const std::byte* codes = block + g * 16;
    for (size_t k = 0; k < 8; ++k) {
      const uint32_t even = std::to_integer<uint32_t>(codes[2 * k]);
      const uint32_t odd = std::to_integer<uint32_t>(codes[2 * k + 1]);
      sums[lane_at(k)] += table[even & 15U];
      sums[lane_at(k + 8)] += table[odd & 15U];
      sums[lane_at(k + 16)] += table[even >> 4];
      sums[lane_at(k + 24)] += table[odd >> 4];
    }
  }
}

void block_scan(const rabitq::PreparedQuery& query, const std::byte* blocks, size_t n_blocks,
                float threshold, float* estimates, uint32_t* hits) {
  const size_t block_bytes = rabitq::block_bytes(query.padded_dim);
  for (size_t b = 0; b < n_blocks; ++b) {
    const std::byte* block = blocks + b * block_bytes;
    uint32_t sums[rabitq::kBlockRows];
    block_sums(query.tables(), query.padded_dim, block, sums);
    uint16_t factors[2 * rabitq::kBlockRows];
    std::memcpy(factors, block + query.padded_dim * 4, sizeof(factors));
    uint32_t mask = 0;
    for (size_t v = 0; v < rabitq::kBlockRows; ++v) {
      const size_t at = position_of(v);
      const float sum = static_cast<float>(sums[v]) * query.step + query.bias;
      const float add = from_bf16(factors[at]) * query.add_scale + query.add;
      const float estimate = add + from_bf16(factors[at + rabitq::kBlockRows]) * sum;
      estimates[b * rabitq::kBlockRows + v] = estimate;
      mask |= static_cast<uint32_t>(estimate <= threshold) << v;
    }
    hits[b] = mask;
  }
}

OMEN_INLINE Ints4 code_sums(const int16_t* weights, const CodeRows& rows, size_t padded) {
  uint32_t sums[4] = {};
  for (size_t r = 0; r < 4; ++r) {
    const auto* codes = reinterpret_cast<const uint8_t*>(rows.codes(r));
    for (size_t i = 0; i < padded; ++i) {
      const int32_t weight = weights[i / 64 * 64 + i % 2 * 32 + i % 64 / 2];
      sums[r] += static_cast<uint32_t>(weight * codes[i]);
    }
  }
  Ints4 out;
  std::memcpy(&out, sums, sizeof(out));
  return out;
}

OMEN_INLINE Floats4 square_root(Floats4 x) {
  return Floats4{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]), std::sqrt(x[3])};
}

OMEN_INLINE void store_codes(const IntReg (&codes)[kSums], std::byte* out) {
  for (size_t i = 0; i < 16; ++i) {
    out[i] = static_cast<std::byte>(codes[i / kLanes][i % kLanes]);
  }
}

constexpr size_t kCodeGroups = 1;

#include "codec/sq8_generic.inl"

}  // namespace

const CodecTable kScalarCodec = {rotate,     residual,   sign_bits,   signed_sum,
                                 block_sums, block_scan, kSq8Kernels, kSq8Coding};

}  // namespace omendb::codec::internal
