#include "index/calibration.h"

#include <algorithm>
#include <cmath>

namespace omendb::index {

namespace {

Calibration::Entry mix(const Calibration::Entry& a, const Calibration::Entry& b, double part) {
  const auto between = [part](float x, float y) {
    return static_cast<float>((1 - part) * static_cast<double>(x) + part * static_cast<double>(y));
  };
  return {between(a.slack, b.slack), between(a.rows, b.rows)};
}

/// Where a value lies between ascending marks: the mark below, and the part of the way to the next.
template <class Marks>
std::pair<size_t, double> place(const Marks& marks, double value) {
  const double at =
      std::clamp(value, static_cast<double>(marks.front()), static_cast<double>(marks.back()));
  size_t i = 0;
  while (i + 2 < marks.size() && static_cast<double>(marks[i + 1]) < at) ++i;
  const double low = marks[i];
  const double high = marks[i + 1];
  return {i, (at - low) / (high - low)};
}

struct Outcome {
  double missed;  ///< share
  double error;   ///< one standard error of it
  double rows;
};

Outcome outcome_of(std::span<const Trace> traces, float slack) {
  double sum = 0;
  double squares = 0;
  double rows = 0;
  for (const Trace& trace : traces) {
    const auto end = std::upper_bound(trace.slack_at.begin(), trace.slack_at.end(), slack);
    const auto visits = static_cast<size_t>(end - trace.slack_at.begin());
    const auto missed =
        std::ranges::count_if(trace.found, [&](uint32_t at) { return at >= visits; });
    const double share = static_cast<double>(missed) / static_cast<double>(trace.found.size());
    sum += share;
    squares += share * share;
    rows += visits == 0 ? 0.0 : static_cast<double>(trace.rows_after[visits - 1]);
  }
  const auto n = static_cast<double>(traces.size());
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0) / n), rows / n};
}

}  // namespace

Calibration::Entry Calibration::at(double k, double reach) const {
  std::array<double, kNearest.size()> ks;
  for (size_t i = 0; i < ks.size(); ++i) ks[i] = std::log(kNearest[i]);
  std::array<double, kMisses.size()> misses;
  for (size_t i = 0; i < misses.size(); ++i) misses[i] = -std::log(kMisses[i]);
  const auto [row, down] = place(ks, std::log(std::max(k, 1.0)));
  const auto [column, along] = place(misses, -std::log(std::max(1 - reach, 1e-9)));
  return mix(mix(table_[row][column], table_[row][column + 1], along),
             mix(table_[row + 1][column], table_[row + 1][column + 1], along), down);
}

Calibration::Entry Calibration::around(double k, double reach) const {
  const auto above = std::ranges::lower_bound(kNearest, std::max(k, 1.0));
  const auto right =
      std::min<size_t>(static_cast<size_t>(above - kNearest.begin()), kNearest.size() - 1);
  const Entry larger = at(kNearest[right], reach);
  if (right == 0 || static_cast<double>(kNearest[right]) <= k) return larger;
  const Entry smaller = at(kNearest[right - 1], reach);
  return {std::max(larger.slack, smaller.slack), std::max(larger.rows, smaller.rows)};
}

std::array<Calibration::Entry, Calibration::kMisses.size()> calibrate(
    std::span<const Trace> traces) {
  std::vector<float> slacks;  // at which something more is reached
  for (const Trace& trace : traces) {
    for (const uint32_t at : trace.found) {
      if (at != Trace::kNotReached) slacks.push_back(trace.slack_at[at]);
    }
  }
  std::ranges::sort(slacks);
  slacks.erase(std::unique(slacks.begin(), slacks.end()), slacks.end());
  const bool any = std::ranges::any_of(traces, [](const Trace& one) { return !one.found.empty(); });
  std::array<Calibration::Entry, Calibration::kMisses.size()> entries{};
  for (size_t m = 0; m < entries.size() && any; ++m) {
    const auto enough = std::partition_point(slacks.begin(), slacks.end(), [&](float slack) {
      const Outcome outcome = outcome_of(traces, slack);
      return outcome.missed + 2 * outcome.error > static_cast<double>(Calibration::kMisses[m]);
    });
    if (enough == slacks.end()) {
      entries[m] = {slacks.empty() ? 0 : slacks.back(), Calibration::kNever};
      continue;
    }
    entries[m] = {*enough, static_cast<float>(outcome_of(traces, *enough).rows)};
  }
  return entries;
}

}  // namespace omendb::index
