#include "collection/read/recall_limit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace omendb::collection {

namespace {

// The upper tail of the normal distribution, tabulated: it is looked up some hundred times a query.
constexpr double kReach = 8;  // standard deviations; the tail beyond is 6e-16
constexpr size_t kPerUnit = 32;
constexpr size_t kEntries = 2 * static_cast<size_t>(kReach) * kPerUnit + 1;

using TailTable = std::array<float, kEntries>;

TailTable tabulate() {
  TailTable table{};
  for (size_t i = 0; i < kEntries; ++i) {
    const double x = static_cast<double>(i) / kPerUnit - kReach;
    table[i] = static_cast<float>(0.5 * std::erfc(x / std::sqrt(2.0)));
  }
  return table;
}

/// The probability that a standard normal variable exceeds x.
double upper_tail(const TailTable& table, double x) {
  if (x >= kReach) return 0;
  if (x <= -kReach) return 1;
  const double at = (x + kReach) * kPerUnit;
  const auto entry = static_cast<size_t>(at);
  const double part = at - static_cast<double>(entry);
  return (1 - part) * double{table[entry]} + part * double{table[entry + 1]};
}

}  // namespace

float recall_limit(std::span<const float> distances, float error, double recall) {
  if (recall >= 1) return std::numeric_limits<float>::infinity();
  static const TailTable table = tabulate();
  const auto [least, most] = std::minmax_element(distances.begin(), distances.end());
  if (error <= 0) return *most;
  const auto wanted = (1 - recall) * static_cast<double>(distances.size());
  const auto missed = [&](double limit) {
    double sum = 0;
    for (const float d : distances) sum += upper_tail(table, (limit - double{d}) / double{error});
    return sum;
  };
  double low = double{*least} - kReach * double{error};  // misses all
  double high = double{*most} + kReach * double{error};  // misses none
  constexpr int kHalvings = 16;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = low + (high - low) / 2;
    (missed(middle) > wanted ? low : high) = middle;
  }
  return static_cast<float>(high);
}

}  // namespace omendb::collection
