#include "distance/sq8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "distance/codec_table.h"
#include "distance/convert.h"

namespace omendb::distance::sq8 {
namespace {

constexpr float kMaxFloat = std::numeric_limits<float>::max();
constexpr double kLevels = 255;
// |k| <= 32,767, of which one is left for carried rounding. The sum of k[i] code[i] must fit 31
// bits: as the k add up to 0 it is at most 127.5 * sum of |k|, and that is at most
// 2^24 + kMaxDimension (for the carried rounding).
constexpr double kLargestWeight = 32'766;
constexpr double kLargestWeightSum = 0x1p24;
static_assert(127.5 * (kLargestWeightSum + double{kMaxDimension}) < 0x1p31);

float saturate(double value) {
  constexpr double kMax = kMaxFloat;
  return static_cast<float>(std::clamp(value, -kMax, kMax));
}

/// Four sums side by side, so that additions need not wait for each other; always in this order.
template <class Term>
double sum_of(size_t n, Term term) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += term(i + j);
  }
  for (; i < n; ++i) sums[0] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// How lengths enter the distance: cosine is half of l2 between unit vectors.
double square_scale(Metric metric) {
  return metric == Metric::kL2 ? 1.0 : (metric == Metric::kCosine ? 0.5 : 0.0);
}

struct Range {
  float low;
  float high;
};

Range range_of(const float* values, size_t n) {
  constexpr size_t kLanes = 8;
  float low[kLanes];
  float high[kLanes];
  std::fill_n(low, kLanes, values[0]);
  std::fill_n(high, kLanes, values[0]);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) low[j] = std::min(low[j], values[i + j]);
    for (size_t j = 0; j < kLanes; ++j) high[j] = std::max(high[j], values[i + j]);
  }
  for (; i < n; ++i) low[0] = std::min(low[0], values[i]);
  for (size_t k = i - i % kLanes; k < n; ++k) high[0] = std::max(high[0], values[k]);
  return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

}  // namespace

Encoder::Encoder(const Options& options) : options_(options) {
  OMEN_CHECK(options.metric != Metric::kHamming && options.element != Element::kBinary);
  OMEN_CHECK(options.dim >= 1 && options.dim <= kMaxDimension);
}

void Encoder::encode(const void* rows, size_t stride, size_t n, std::byte* out) const {
  std::vector<float> values(options_.dim);
  for (size_t i = 0; i < n; ++i) {
    const std::byte* row = static_cast<const std::byte*>(rows) + i * stride;
    to_f32(options_.element, row, options_.dim, values.data());
    encode_row(values.data(), out + i * code_bytes());
  }
}

void Encoder::encode_row(float* values, std::byte* out) const {
  const size_t dim = options_.dim;
  double norm = 1;
  if (options_.metric == Metric::kCosine) {
    norm = std::sqrt(sum_of(dim, [&](size_t i) { return double{values[i]} * double{values[i]}; }));
    const double inverse = norm > 0 ? 1 / norm : 0;
    for (size_t i = 0; i < dim; ++i) values[i] = static_cast<float>(double{values[i]} * inverse);
  }
  const Range range = range_of(values, dim);
  const double offset = double{range.low};
  const float scale = static_cast<float>((double{range.high} - offset) / kLevels);
  const double inverse = scale > 0 ? 1 / double{scale} : 0;
  auto* codes = reinterpret_cast<uint8_t*>(out + sizeof(Factors));
  std::memset(codes + dim, 0, padded_dim(dim) - dim);
  uint64_t sum = 0;
  uint64_t squares = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double level = std::min((double{values[i]} - offset) * inverse + 0.5, kLevels);
    const auto code = static_cast<uint32_t>(static_cast<int32_t>(level));
    codes[i] = static_cast<uint8_t>(code);
    sum += code;
    squares += code * code;
  }
  const double step = double{scale};
  const double error = sum_of(dim, [&](size_t i) {
    const double miss = double{values[i]} - (offset + step * codes[i]);
    return miss * miss;
  });
  const auto count = static_cast<double>(dim);
  const double mean_code = static_cast<double>(sum) / count;
  // sum of (code - mean)^2, exactly: dim * squares < 2^49 and sum^2 < 2^48 are integers.
  const double spread = static_cast<double>(dim * squares - sum * sum) / count;
  double square = square_scale(options_.metric) * step * step * spread;
  // A vector without a direction is at a right angle to all others, as for Kernels::pair.
  if (norm == 0) square = 0.5;
  const Factors factors = {scale, saturate(offset + step * mean_code), saturate(square),
                           saturate(std::sqrt(error))};
  std::memcpy(out, &factors, sizeof(factors));
}

PreparedQuery Encoder::prepare(const float* query) const {
  const size_t dim = options_.dim;
  const auto count = static_cast<double>(dim);
  std::vector<double> q(query, query + dim);
  double norm = 1;
  if (options_.metric == Metric::kCosine) {
    norm = std::sqrt(sum_of(dim, [&](size_t i) { return q[i] * q[i]; }));
    for (double& x : q) x = norm > 0 ? x / norm : 0;
  }
  PreparedQuery out;
  out.padded_dim = padded_dim(dim);
  out.inner_product = options_.metric == Metric::kInnerProduct;
  const double mean = sum_of(dim, [&](size_t i) { return q[i]; }) / count;
  out.mean = saturate(mean);
  double largest = 0;
  for (const double x : q) largest = std::max(largest, std::fabs(x - mean));
  const double reach = sum_of(dim, [&](size_t i) { return std::fabs(q[i] - mean); });
  const float step =
      saturate(std::max(largest / kLargestWeight, reach / kLargestWeightSum) * (1 + 0x1p-22));
  const double inverse = step > 0 ? 1 / double{step} : 0;
  // What one coordinate's rounding leaves is carried to the next, so that the k add up to 0.
  out.weight_lines.assign((dim + 63) / 64 * 2, PreparedQuery::Line{});
  double carry = 0;
  double squares = 0;
  double error = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double exact = (q[i] - mean) * inverse;
    const double weight = std::nearbyint(exact + carry);
    carry += exact - weight;
    squares += weight * weight;
    const double miss = q[i] - (double{out.mean} + double{step} * weight);
    error += miss * miss;
    out.weight_lines[i / 64 * 2 + i % 2].values[i % 64 / 2] = static_cast<int16_t>(weight);
  }
  const double share = square_scale(options_.metric);
  out.mean_scale = saturate(out.inner_product ? -count * double{out.mean} : share * count);
  out.add = saturate(norm == 0 ? 0.5 : share * double{step} * double{step} * squares);
  out.sum_scale = saturate(out.inner_product ? double{step} : 2 * share * double{step});
  out.smallest = out.inner_product ? -kMaxFloat : 0;
  out.largest = options_.metric == Metric::kCosine ? 2 : kMaxFloat;
  out.error = saturate(std::sqrt(error));
  return out;
}

const Kernels& kernels(Isa isa) {
  return internal::codec_table(isa).sq8;
}
const Kernels& kernels() {
  return kernels(active_isa());
}

}  // namespace omendb::distance::sq8
