#include "codec/sq8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "codec/table.h"
#include "distance/convert.h"

namespace omendb::codec::sq8 {
namespace {

constexpr float kMaxFloat = std::numeric_limits<float>::max();
constexpr double kLevels = 255;
// |k| <= 32,767, of which one is left for carried rounding. The sum of k[i] code[i] must fit 31
// bits: as the k add up to 0 it is at most 127.5 * sum of |k|, and that is at most
// 2^24 + kMaxDimension (for the carried rounding).
constexpr double kLargestWeight = 32'766;
constexpr double kLargestWeightSum = 0x1p24;
static_assert(127.5 * (kLargestWeightSum + double{kMaxDimension}) < 0x1p31);

constexpr double kRounding = 0x1p-24;  // of one f32 operation, relative: u below
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Between these, the square of what a coordinate's code misses, and the sums of such squares, are
// normal floats or negligible.
constexpr double kMinRange = 0x1p-40;
constexpr double kMaxRange = 0x1p40;
// And neither do the squares of means of at most this, times a dimension, overflow.
constexpr double kMaxMean = 0x1p50;

float saturate(double value) {
  constexpr double kMax = kMaxFloat;
  return static_cast<float>(std::clamp(value, -kMax, kMax));
}

/// `value`, which is not negative, rounded up.
float at_least(double value) {
  if (value == 0) return 0;
  const double above = value * (1 + 4 * kRounding) + 0x1p-149;
  return above <= double{kMaxFloat} ? static_cast<float>(above) : kInfinity;
}

/// @param x  |x| < 2^51
double nearest_integer(double x) {
  constexpr double kUnitsOnly = 0x1.8p52;  // doubles of this size have no fractions
  return (x + kUnitsOnly) - kUnitsOnly;
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

/// Brings values to unit length, each within 2 u of itself (or 2^-150); returns their length.
double normalise(const internal::Sq8Coding& coding, float* values, size_t padded) {
  const double norm = std::sqrt(coding.square_sum(values, padded));
  if (norm == 0) return 0;
  const double inverse = 1 / norm;
  if (norm >= 0x1p-100 && norm <= 0x1p100) {
    coding.multiply(values, static_cast<float>(inverse), padded);
  } else {
    for (size_t i = 0; i < padded; ++i) values[i] = static_cast<float>(double{values[i]} * inverse);
  }
  return norm;
}

/// For ranges whose squares a float may not hold.
internal::CodeSums quantize_widely(const float* values, size_t n,
                                   const internal::CodeLevels& levels, std::byte* codes) {
  const double scale = double{levels.scale};
  const double inverse = scale > 0 ? 1 / scale : 0;
  internal::CodeSums out = {};
  for (size_t i = 0; i < n; ++i) {
    const double above = double{values[i]} - double{levels.low};
    const auto code = static_cast<uint32_t>(std::min(above * inverse + 0.5, kLevels));
    const double miss = above - scale * code;
    codes[i] = static_cast<std::byte>(code);
    out.codes += code;
    out.squares += code * code;
    out.misses += miss * miss;
  }
  return out;
}

/// |x - x'| at most. The levels stand for x' up to the rounding of its mean, `drift`. In f32, a
/// coordinate's miss is off by u (its height above `low` + that of its level + the miss itself),
/// and the sum of their squares by (padded / 16 + 6) u of itself.
double coding_error(double misses, double range, double drift, size_t dim) {
  const double terms = static_cast<double>(padded_dim(dim)) / 16 + 8;
  return std::sqrt(misses * (1 + 1.01 * terms * kRounding)) +
         std::sqrt(static_cast<double>(dim)) * (2.1 * kRounding * range + drift);
}

/// `values` has room up to a multiple of 16, and is changed.
void encode_row(const internal::Sq8Coding& coding, Metric metric, size_t dim, float* values,
                std::byte* out) {
  const size_t padded = padded_dim(dim);
  double norm = 1;
  if (metric == Metric::kCosine) {
    std::fill(values + dim, values + padded, 0.0F);
    norm = normalise(coding, values, padded);
  }
  std::fill(values + dim, values + padded, values[0]);
  const internal::CodeRange ends = coding.range(values, padded);
  const double low = double{ends.low};
  const double range = double{ends.high} - low;
  const float scale = static_cast<float>(range / kLevels);
  const internal::CodeLevels levels = {ends.low, scale, scale > 0 ? 1 / scale : 0};
  std::byte* const codes = out + sizeof(Factors);
  std::fill(values + dim, values + padded, ends.low);  // whose code is 0
  const bool narrow = range == 0 || (range >= kMinRange && range <= kMaxRange);
  const internal::CodeSums sums =
      (narrow ? coding.quantize : quantize_widely)(values, padded, levels, codes);

  const auto count = static_cast<double>(dim);
  const double step = double{scale};
  const double exact_mean = low + step * (static_cast<double>(sums.codes) / count);
  const float mean = saturate(exact_mean);
  const double drift = std::fabs(exact_mean - double{mean}) + 0x1p-50 * (std::fabs(low) + range);
  const bool bounded = range <= kMaxRange && std::fabs(exact_mean) <= kMaxMean;
  double error = bounded ? coding_error(sums.misses, range, drift, dim) : double{kInfinity};
  if (metric == Metric::kCosine && norm > 0) error += 3 * kRounding;
  // sum of (code - mean)^2, exactly: dim * squares < 2^49 and sum^2 < 2^48 are integers.
  const uint64_t sum = sums.codes;
  const double spread = static_cast<double>(dim * uint64_t{sums.squares} - sum * sum) / count;
  double square = square_scale(metric) * step * step * spread;
  // A vector without a direction is at a right angle to all others, as for Kernels::pair.
  if (norm == 0) square = 0.5;
  float third = saturate(square);
  if (metric == Metric::kInnerProduct) {
    const double centre = double{mean};
    third = at_least(std::sqrt(step * step * spread + count * centre * centre));
  }
  const Factors factors = {scale, mean, third, at_least(error)};
  std::memcpy(out, &factors, sizeof(factors));
}

// Why Kernels::bounds are bounds. With u = 2^-24 and n = dim, Kernels::pair() is off by (Higham,
// Accuracy and Stability of Numerical Algorithms, 3.1; n u <= 2^-8, hence the factors 1.01)
//   l2      1.01 (n + 2) u of the distance, for any order of additions
//   cosine  1.01 (2.1 n + 16) u: a product, the root of two squared lengths, and their quotient;
//   below
//           1/8 by less: half a squared chord C^2 / 2 <= 1/8, off by (2 n + 12) u of itself, 2.1 u
//           C and half the squared difference of the two lengths' errors, (n u)^2 at most
//   ip      1.01 (n + 2) u |q||x|
// and where squares underflow by 2^-149 an operation, or 2^-43 of a cosine.
//
// l2 and cosine. The exact distance of q' and x' is D = M + S + A - P: M of the means, S and A the
// squared lengths, and |P| <= S + A. Its f32 evaluation is off by less than 8 u M + 12 u (S + A),
// the rounding of the scales included. Hence D >= (1 - 12 u) (M (1 - 8 u) w + S + A - P w) with
// w = 1 / (1 - 12 u): `terms` is that without the first factor, which is in root_scale, beside 8 u
// for the root, the product with it and the two operations on errors. `square_scale` has 8 u for
// the square and what follows it. The 2^-140 and 2^-64 pay for underflow.
//
// ip. d' is off by less than 8 u |q'||x'|, and |x| <= |x'| + |x - x'|.
BoundTerms square_bound(Metric metric, const PreparedQuery& query, double add, size_t dim) {
  constexpr double kKept = 1 - 12 * kRounding;
  const auto n = static_cast<double>(dim);
  const bool cosine = metric == Metric::kCosine;
  BoundTerms out;
  const double mean_scale = double{query.terms.mean_scale};
  out.terms.mean_scale = static_cast<float>(mean_scale * (1 - 8 * kRounding) / kKept);
  out.terms.add = saturate(add - 0x1p-140);
  out.terms.sum_scale = saturate(double{query.terms.sum_scale} / kKept);
  const double halves = cosine ? 2 : 1;
  out.root_scale = static_cast<float>(std::sqrt(halves * kKept) * (1 - 8 * kRounding));
  const double off = cosine ? 0 : 1.01 * (n + 2) * kRounding;
  out.square_scale = static_cast<float>((1 - off - 8 * kRounding) / halves);
  out.error = at_least(double{query.error} + 0x1p-64);
  out.offset = cosine ? at_least(1.01 * (2.1 * n + 16) * kRounding) : 0;
  return out;
}

BoundTerms product_bound(double norm, double error, size_t dim) {
  constexpr double kSlack = 16 * kRounding;
  const double off = 1.01 * (static_cast<double>(dim) + 2) * kRounding;
  BoundTerms out;
  out.error_scale = at_least(norm * (1 + off + kSlack) + 0x1p-100);
  out.error = at_least((error + off * norm + kSlack * (norm + error)) * (1 + kSlack) + 0x1p-100);
  out.offset = 0x1p-100F;
  return out;
}

}  // namespace

Encoder::Encoder(const Options& options) : options_(options) {
  OMEN_CHECK(options.metric != Metric::kHamming && options.element != Element::kBinary);
  OMEN_CHECK(options.dim >= 1 && options.dim <= kMaxDimension);
}

void Encoder::encode(distance::Isa isa, const void* rows, size_t stride, size_t n,
                     std::byte* out) const {
  const internal::Sq8Coding& coding = internal::codec_table(isa).sq8_coding;
  std::vector<internal::FloatLine> lines(padded_dim(options_.dim) / 16);
  float* const values = lines.front().values;
  for (size_t i = 0; i < n; ++i) {
    const std::byte* row = static_cast<const std::byte*>(rows) + i * stride;
    distance::to_f32(options_.element, row, options_.dim, values);
    encode_row(coding, options_.metric, options_.dim, values, out + i * code_bytes());
  }
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
  // The k are the differences of rounded sums, so that they add up to 0.
  out.weight_lines.assign((dim + 63) / 64 * 2, PreparedQuery::Line{});
  std::vector<double> weights(dim);
  double sum = 0;
  double rounded = 0;
  for (size_t i = 0; i < dim; ++i) {
    sum += (q[i] - mean) * inverse;
    const double up_to_here = nearest_integer(sum);
    weights[i] = up_to_here - rounded;
    rounded = up_to_here;
    out.weight_lines[i / 64 * 2 + i % 2].values[i % 64 / 2] = static_cast<int16_t>(weights[i]);
  }
  const double squares = sum_of(dim, [&](size_t i) { return weights[i] * weights[i]; });
  const double error = sum_of(dim, [&](size_t i) {
    const double miss = q[i] - (double{out.mean} + double{step} * weights[i]);
    return miss * miss;
  });
  const double share = square_scale(options_.metric);
  out.terms.mean_scale = saturate(out.inner_product ? -count * double{out.mean} : share * count);
  const double add = norm == 0 ? 0.5 : share * double{step} * double{step} * squares;
  out.terms.add = saturate(add);
  out.terms.sum_scale = saturate(out.inner_product ? double{step} : 2 * share * double{step});
  out.smallest = out.inner_product ? -kMaxFloat : 0;
  out.largest = options_.metric == Metric::kCosine ? 2 : kMaxFloat;
  // The last terms pay for the rounding of q itself, and of its unit vector, in double precision.
  out.error = at_least(std::sqrt(error) * (1 + 0x1p-30) +
                       std::sqrt(count) * 0x1p-50 * (std::fabs(mean) + largest) +
                       (options_.metric == Metric::kCosine && norm > 0 ? 0x1p-30 : 0));
  if (out.inner_product) {
    const double length = std::sqrt(sum_of(dim, [&](size_t i) { return q[i] * q[i]; }));
    out.bound = product_bound(length, double{out.error}, dim);
  } else {
    out.bound = square_bound(options_.metric, out, add, dim);
  }
  const bool in_range =
      largest <= kMaxRange && std::fabs(mean) <= kMaxMean && (step == 0 || step >= 0x1p-100F);
  if (!in_range) out.bound.error = kInfinity;
  return out;
}

const Kernels& kernels(distance::Isa isa) {
  return internal::codec_table(isa).sq8;
}
const Kernels& kernels() {
  return kernels(distance::active_isa());
}

}  // namespace omendb::codec::sq8
