#include "distance/convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace omendb::distance {
namespace {

/// What the bits of a half stand for, by the definition of IEEE 754 binary16.
double value_of(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1'023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1'024 + fraction, exponent - 25);
}

uint16_t to_half(float value) {
  uint16_t half = 0;
  std::byte out[2];
  from_f32(Element::kF16, &value, 1, out);
  std::memcpy(&half, out, sizeof half);
  return half;
}

/// The nearest half, ties to the even one, found by search among the non-negative halves.
uint16_t nearest_half(float value) {
  const double magnitude = std::fabs(static_cast<double>(value));
  uint16_t low = 0;
  uint16_t high = 0x7c00;  // infinity counts as 65,536 here
  const auto at = [](uint16_t half) { return half == 0x7c00 ? 65'536.0 : value_of(half); };
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (at(middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - at(low);
  const double above = at(high) - magnitude;
  const bool up = above < below || (above == below && (low & 1) != 0);
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  return static_cast<uint16_t>((up ? high : low) | sign);
}

TEST(Convert, EveryHalfIsWidenedExactlyAndComesBackAsItself) {
  std::vector<uint16_t> halves(65'536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> wide(halves.size());
  to_f32(Element::kF16, halves.data(), halves.size(), wide.data());
  for (size_t i = 0; i < halves.size(); ++i) {
    const double expected = value_of(halves[i]);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(wide[i])) << i;
      ASSERT_TRUE(std::isnan(value_of(to_half(wide[i])))) << i;
      continue;
    }
    ASSERT_EQ(static_cast<double>(wide[i]), expected) << i;
    ASSERT_EQ(std::signbit(wide[i]), (i & 0x8000) != 0) << i;
    ASSERT_EQ(to_half(wide[i]), i);
  }
}

TEST(Convert, FloatsRoundToTheNearestHalfTiesToEven) {
  std::vector<float> values = {
      0x1p-25F,    0x1.000002p-25F, 0x1p-149F, 65'504.0F,
      65'519.996F, 65'520.0F,       65'536.0F, std::numeric_limits<float>::max()};
  for (uint16_t half = 0; half < 0x7bff; ++half) {  // every tie, and the floats beside it
    const auto next = static_cast<uint16_t>(half + 1);
    const auto tie = static_cast<float>((value_of(half) + value_of(next)) / 2);
    values.insert(values.end(), {tie, std::nextafterf(tie, 0), std::nextafterf(tie, INFINITY)});
  }
  std::mt19937 rng(11);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(rng()));
    if (std::isfinite(value)) values.push_back(value);
  }
  for (const float value : values) {
    for (const float x : {value, -value}) {
      const uint16_t expected = std::fabs(x) >= 65'536.0F
                                    ? static_cast<uint16_t>(std::signbit(x) ? 0xfc00 : 0x7c00)
                                    : nearest_half(x);
      ASSERT_EQ(to_half(x), expected) << x;
    }
  }
}

TEST(Convert, I8RoundsTiesToEvenOverItsWholeRange) {
  for (int i = -128 * 16; i <= 127 * 16; ++i) {
    const float value = static_cast<float>(i) / 16;
    std::byte out{};
    from_f32(Element::kI8, &value, 1, &out);
    const double down = std::floor(static_cast<double>(value));
    const double rest = static_cast<double>(value) - down;
    const bool odd = std::fmod(std::fabs(down), 2) == 1;
    const double expected = rest > 0.5 || (rest == 0.5 && odd) ? down + 1 : down;
    ASSERT_EQ(static_cast<double>(static_cast<int8_t>(out)), expected) << value;
    float back = 0;
    to_f32(Element::kI8, &out, 1, &back);
    ASSERT_EQ(static_cast<double>(back), expected);
  }
}

TEST(Convert, RowsNeedNoAlignment) {
  std::byte bytes[1 + 4 * sizeof(float)];
  const float values[4] = {1.5F, -2.0F, 0.25F, 3.0F};
  from_f32(Element::kF32, values, 4, bytes + 1);
  float back[4];
  to_f32(Element::kF32, bytes + 1, 4, back);
  EXPECT_EQ(std::memcmp(values, back, sizeof values), 0);
  from_f32(Element::kF16, values, 4, bytes + 1);
  to_f32(Element::kF16, bytes + 1, 4, back);
  EXPECT_EQ(std::memcmp(values, back, sizeof values), 0);
}

}  // namespace
}  // namespace omendb::distance
