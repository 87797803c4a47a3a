// bfloat16: the upper half of an f32.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace omendb::codec {

inline constexpr uint16_t kBf16Nan = 0x7fc0;

/// Rounds to nearest, ties to even. NaN stays NaN; what rounds past the range becomes infinite.
inline uint16_t to_bf16(float value) {
  if (std::isnan(value)) return kBf16Nan;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

inline float from_bf16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

}  // namespace omendb::codec
