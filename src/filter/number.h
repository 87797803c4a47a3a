// Comparisons of numbers as ranges of the column's own type, so that evaluation is one loop.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <variant>

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

/// Unsigned numbers as signed ones of the same order.
inline int64_t shifted(uint64_t value) {
  return static_cast<int64_t>(value ^ (uint64_t{1} << 63));
}
inline uint64_t unshifted(int64_t value) {
  return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63);
}

/// The numbers of 64 bits that compare so with one that is below or above them all.
inline ValueRange<int64_t> range_beyond(Filter::Compare compare, bool value_is_above) {
  using Compare = Filter::Compare;
  const bool all = value_is_above ? compare == Compare::kLt || compare == Compare::kLe
                                  : compare == Compare::kGt || compare == Compare::kGe;
  if (!all) return {{}, compare == Compare::kNe};
  return {ValueRange<int64_t>::Bounds{std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()}};
}

/// i64 `compare` value, by the numbers' true order: nothing is rounded.
inline ValueRange<int64_t> int_range(Filter::Compare compare, double value) {
  using Compare = Filter::Compare;
  const bool below = compare == Compare::kLt || compare == Compare::kLe;
  const bool above = compare == Compare::kGt || compare == Compare::kGe;
  if (std::isnan(value)) return {{}, compare == Compare::kNe};
  if (value >= 0x1p63) return range_beyond(compare, true);
  if (value < -0x1p63) return range_beyond(compare, false);
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

/// f64 `compare` value, by the numbers' true order.
template <class Integer>
ValueRange<double> double_range_of_integer(Filter::Compare compare, Integer value) {
  using Compare = Filter::Compare;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kLimit = std::is_signed_v<Integer> ? 0x1p63 : 0x1p64;
  const auto nearest = static_cast<double>(value);
  const bool fits = nearest < kLimit;
  if (fits && static_cast<Integer>(nearest) == value) return double_range(compare, nearest);
  // The integer lies between two doubles: no double equals it.
  const bool nearest_above = !fits || static_cast<Integer>(nearest) > value;
  const double below = nearest_above ? std::nextafter(nearest, -kInf) : nearest;
  switch (compare) {
    case Compare::kEq: return {};
    case Compare::kNe: return {{}, true};
    case Compare::kLt:
    case Compare::kLe: return double_range(Compare::kLe, below);
    default: return double_range(Compare::kGt, below);
  }
}

/// shifted(u64) `compare` value, by the numbers' true order.
struct CompareShifted {
  Filter::Compare compare;
  ValueRange<int64_t> operator()(int64_t value) const {
    if (value < 0) return range_beyond(compare, false);
    return int_range(compare, shifted(static_cast<uint64_t>(value)));
  }
  ValueRange<int64_t> operator()(uint64_t value) const {
    return int_range(compare, shifted(value));
  }
  ValueRange<int64_t> operator()(double value) const {
    using Compare = Filter::Compare;
    if (std::isnan(value)) return {{}, compare == Compare::kNe};
    if (value < 0) return range_beyond(compare, false);
    if (value >= 0x1p64) return range_beyond(compare, true);
    const int64_t floor = shifted(static_cast<uint64_t>(value));
    if (std::floor(value) == value) return int_range(compare, floor);
    // Between floor and the number after it.
    if (compare == Compare::kLt || compare == Compare::kLe) return int_range(Compare::kLe, floor);
    if (compare == Compare::kGt || compare == Compare::kGe) return int_range(Compare::kGt, floor);
    return {{}, compare == Compare::kNe};
  }
};

/// i64 `compare` value.
struct CompareInts {
  Filter::Compare compare;
  ValueRange<int64_t> operator()(int64_t value) const { return int_range(compare, value); }
  ValueRange<int64_t> operator()(double value) const { return int_range(compare, value); }
  ValueRange<int64_t> operator()(uint64_t) const { return range_beyond(compare, true); }
};

/// f64 `compare` value.
struct CompareDoubles {
  Filter::Compare compare;
  ValueRange<double> operator()(int64_t v) const { return double_range_of_integer(compare, v); }
  ValueRange<double> operator()(double v) const { return double_range(compare, v); }
  ValueRange<double> operator()(uint64_t v) const { return double_range_of_integer(compare, v); }
};

/// The compare's range for the value. @pre `value` holds a number.
template <class Compare>
auto range_for(const Compare& compare, const FilterValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return compare(*integer);
  if (const auto* natural = std::get_if<uint64_t>(&value)) return compare(*natural);
  return compare(std::get<double>(value));
}

}  // namespace omendb::filter
