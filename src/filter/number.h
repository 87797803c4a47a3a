// Comparisons of numbers as ranges of the column's own type, so that evaluation is one loop.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "omendb/filter.h"

namespace omendb::filter {

/// Values of a column that make a comparison true: inside [low, high], or outside if `outside`.
/// Without a range, none inside.
template <class T>
struct ValueRange {
  struct Bounds {
    T low;
    T high;
  };
  std::optional<Bounds> inside;
  bool outside = false;
};

/// i64 `compare` value.
inline ValueRange<int64_t> int_range(Filter::Compare compare, int64_t value) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  using Bounds = ValueRange<int64_t>::Bounds;
  switch (compare) {
    case Filter::Compare::kEq: return {Bounds{value, value}};
    case Filter::Compare::kNe: return {Bounds{value, value}, true};
    case Filter::Compare::kLt:
      return value == kMin ? ValueRange<int64_t>{} : ValueRange<int64_t>{Bounds{kMin, value - 1}};
    case Filter::Compare::kLe: return {Bounds{kMin, value}};
    case Filter::Compare::kGt:
      return value == kMax ? ValueRange<int64_t>{} : ValueRange<int64_t>{Bounds{value + 1, kMax}};
    case Filter::Compare::kGe: return {Bounds{value, kMax}};
  }
  return {};
}

/// i64 `compare` value, by the numbers' true order: nothing is rounded.
inline ValueRange<int64_t> int_range(Filter::Compare compare, double value) {
  using Compare = Filter::Compare;
  using Bounds = ValueRange<int64_t>::Bounds;
  constexpr Bounds kAll = {std::numeric_limits<int64_t>::min(),
                           std::numeric_limits<int64_t>::max()};
  const bool below = compare == Compare::kLt || compare == Compare::kLe;
  const bool above = compare == Compare::kGt || compare == Compare::kGe;
  if (std::isnan(value)) return {{}, compare == Compare::kNe};
  if (value >= 0x1p63)
    return below ? ValueRange<int64_t>{kAll} : ValueRange<int64_t>{{}, compare == Compare::kNe};
  if (value < -0x1p63)
    return above ? ValueRange<int64_t>{kAll} : ValueRange<int64_t>{{}, compare == Compare::kNe};
  const auto floor = static_cast<int64_t>(std::floor(value));
  if (std::floor(value) == value) return int_range(compare, floor);
  // Between floor and floor + 1.
  if (below) return int_range(Compare::kLe, floor);
  if (above) return int_range(Compare::kGt, floor);
  return {{}, compare == Compare::kNe};
}

/// f64 `compare` value. NaN is outside of every range.
inline ValueRange<double> double_range(Filter::Compare compare, double value) {
  using Bounds = ValueRange<double>::Bounds;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (std::isnan(value)) return {{}, compare == Filter::Compare::kNe};
  switch (compare) {
    case Filter::Compare::kEq: return {Bounds{value, value}};
    case Filter::Compare::kNe: return {Bounds{value, value}, true};
    case Filter::Compare::kLt:
      return value == -kInf ? ValueRange<double>{}
                            : ValueRange<double>{Bounds{-kInf, std::nextafter(value, -kInf)}};
    case Filter::Compare::kLe: return {Bounds{-kInf, value}};
    case Filter::Compare::kGt:
      return value == kInf ? ValueRange<double>{}
                           : ValueRange<double>{Bounds{std::nextafter(value, kInf), kInf}};
    case Filter::Compare::kGe: return {Bounds{value, kInf}};
  }
  return {};
}

/// Whether a double is exactly that integer.
inline bool is_exactly(double value, int64_t integer) {
  return value < 0x1p63 && static_cast<int64_t>(value) == integer;
}

/// f64 `compare` value, by the numbers' true order.
inline ValueRange<double> double_range(Filter::Compare compare, int64_t value) {
  using Compare = Filter::Compare;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto nearest = static_cast<double>(value);
  if (is_exactly(nearest, value)) return double_range(compare, nearest);
  // The integer lies between two doubles: no double equals it.
  const bool nearest_above = nearest >= 0x1p63 || static_cast<int64_t>(nearest) > value;
  const double below = nearest_above ? std::nextafter(nearest, -kInf) : nearest;
  switch (compare) {
    case Compare::kEq: return {};
    case Compare::kNe: return {{}, true};
    case Compare::kLt:
    case Compare::kLe: return double_range(Compare::kLe, below);
    default: return double_range(Compare::kGt, below);
  }
}

}  // namespace omendb::filter
