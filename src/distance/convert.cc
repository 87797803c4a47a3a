#include "distance/convert.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "distance/kernels_table.h"

namespace omendb::distance {

namespace {

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude >= 0x47800000U) {  // 65,536 and up, Inf, NaN
    return static_cast<uint16_t>(sign | (magnitude > 0x7f800000U ? 0x7e00U : 0x7c00U));
  }
  if (magnitude < 0x38800000U) {  // below the smallest normal half
    // Adding 0.5 lines the value's bits up with the half's, and rounds them.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3f000000U));
  }
  const uint32_t odd = magnitude >> 13 & 1U;  // ties go to the even neighbour
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000U + 0xfffU + odd) >> 13));
}

}  // namespace

void to_f32(Element element, const void* row, size_t dim, float* out) {
  OMEN_CHECK(element != Element::kBinary);
  if (dim == 0) return;  // memcpy takes no null
  const auto* bytes = static_cast<const std::byte*>(row);
  if (element == Element::kF32) {
    std::memcpy(out, bytes, dim * sizeof(float));
  } else if (element == Element::kF16) {
    for (size_t i = 0; i < dim; ++i) {
      uint16_t half = 0;
      std::memcpy(&half, bytes + 2 * i, sizeof half);
      out[i] = internal::half_to_float(half);
    }
  } else {
    for (size_t i = 0; i < dim; ++i) out[i] = static_cast<int8_t>(bytes[i]);
  }
}

void from_f32(Element element, const float* values, size_t dim, std::byte* out) {
  OMEN_CHECK(element != Element::kBinary);
  if (dim == 0) return;
  if (element == Element::kF32) {
    std::memcpy(out, values, dim * sizeof(float));
  } else if (element == Element::kF16) {
    for (size_t i = 0; i < dim; ++i) {
      const uint16_t half = float_to_half(values[i]);
      std::memcpy(out + 2 * i, &half, sizeof half);
    }
  } else {
    for (size_t i = 0; i < dim; ++i) {
      out[i] = static_cast<std::byte>(static_cast<int8_t>(std::nearbyint(values[i])));
    }
  }
}

}  // namespace omendb::distance
