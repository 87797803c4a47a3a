// How far estimates from 1-bit codes are off. Private to this layer.
#pragma once

#include <cmath>
#include <cstddef>

namespace omendb::codec::internal {

/// The largest relative error of a stored factor: bf16 has eight significant bits.
inline constexpr float kFactorRounding = 0x1p-8F;

/// a = |r|_1 / (sqrt(D) |r|) is close to this: sqrt(2 / pi).
inline constexpr double kMeanAlignment = 0.79788456;

/// An upper bound of 1 - a^2: the standard deviation of a over rotations is 0.212 / sqrt(D), and
/// this allows for four of those.
inline double largest_miss(double padded) {
  const double a = kMeanAlignment - 0.85 / std::sqrt(padded);
  return 1 - a * a;
}

/// The variance of S for a query of unit length: one bit a coordinate (arXiv 2405.12497, theorem
/// 3.2). @param padded  the dimensions of the code.
inline double code_variance(size_t padded) {
  const auto dims = static_cast<double>(padded);
  return dims * largest_miss(dims) / (dims - 1);
}
/// What the rounding of padded / 4 table entries adds. @param step  between entries.
inline double table_variance(size_t padded, double step) {
  return static_cast<double>(padded) / 4 * step * step / 12;
}

}  // namespace omendb::codec::internal
