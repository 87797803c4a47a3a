// How 32 codes and their factors lie in a block: the byte table in rabitq.h. Private to this layer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/bf16.h"
#include "codec/table.h"

namespace omendb::codec::internal {

/// Moves the nibbles of 32 rows of bits into the order of the scan.
inline void pack(const uint8_t* bits, size_t row_bytes, std::byte* out) {
  for (size_t b = 0; b < row_bytes; ++b) {
    for (size_t k = 0; k < 8; ++k) {
      const auto row = [&](size_t v) -> uint32_t { return bits[v * row_bytes + b]; };
      const uint32_t even_low = row(lane_at(k));
      const uint32_t even_high = row(lane_at(k + 16));
      const uint32_t odd_low = row(lane_at(k + 8));
      const uint32_t odd_high = row(lane_at(k + 24));
      std::byte* group = out + b * 32 + 2 * k;  // a byte of bits is two groups of 16 bytes
      group[0] = static_cast<std::byte>((even_low & 15U) | (even_high & 15U) << 4);
      group[1] = static_cast<std::byte>((odd_low & 15U) | (odd_high & 15U) << 4);
      group[16] = static_cast<std::byte>(even_low >> 4 | (even_high & 0xf0U));
      group[17] = static_cast<std::byte>(odd_low >> 4 | (odd_high & 0xf0U));
    }
  }
}

inline void store_factor(std::byte* factors, size_t lane, uint16_t value) {
  std::byte* at = factors + 2 * position_of(lane);
  at[0] = static_cast<std::byte>(value & 0xffU);
  at[1] = static_cast<std::byte>(value >> 8);
}

inline float load_factor(const std::byte* factors, size_t lane) {
  const std::byte* at = factors + 2 * position_of(lane);
  const uint32_t bits = std::to_integer<uint32_t>(at[0]) | std::to_integer<uint32_t>(at[1]) << 8;
  return from_bf16(static_cast<uint16_t>(bits));
}

}  // namespace omendb::codec::internal
