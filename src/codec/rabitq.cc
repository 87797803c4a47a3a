#include "codec/rabitq.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "codec/bf16.h"
#include "codec/block_layout.h"
#include "codec/code_error.h"
#include "codec/table.h"
#include "distance/convert.h"

namespace omendb::codec::rabitq {
namespace {

using internal::CodecTable;
using internal::FloatLine;
using internal::kFactorRounding;
using internal::kMeanAlignment;
using internal::load_factor;
using internal::pack;
using internal::RowSums;
using internal::store_factor;

constexpr int32_t kTableMaxEntry = 63;  // so that four looked-up bytes add up in a byte
constexpr double kTableMax = kTableMaxEntry;

// Sums of squares outside these are computed again (rare: |x| beyond 2^60, or below 2^-50).
constexpr float kLargestSquares = 0x1p120F;
constexpr float kSmallestSquares = 0x1p-100F;
constexpr float kScaleDown = 0x1p-80F;
constexpr float kScaleUp = 0x1p100F;

// Beyond these, squared and plain lengths saturate, so that an estimate stays a number: never
// inf - inf, nor 0 * inf.
constexpr double kLargestSquare = 0x1p126;
constexpr double kLargestLength = 0x1p62;

float saturate(double value, double largest) {
  return static_cast<float>(std::clamp(value, -largest, largest));
}

/// n is a multiple of 4. Four sums side by side, so that additions need not wait for each other.
template <class Term>
double sum_of(size_t n, Term term) {
  double sums[4] = {};
  for (size_t i = 0; i < n; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += term(i + j);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double norm2(const std::vector<double>& v) {
  return sum_of(v.size(), [&](size_t i) { return v[i] * v[i]; });
}

double dot(const std::vector<double>& a, const std::vector<float>& b) {
  return sum_of(a.size(), [&](size_t i) { return a[i] * static_cast<double>(b[i]); });
}

void scale_values(float* values, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) values[i] *= factor;
}

/// A row on its way to a code.
struct Residual {
  double squares;  ///< |o|^2
  double dot;      ///< <o, c>
  double unit;     ///< what one unit of its values stands for
};

/// Normalises `values` in place to unit length; the center's zeros stand in for "no center".
float unit_scale(const CodecTable& codec, float* values, const float* zeros, size_t n) {
  float squares = codec.residual(values, zeros, 1.0F, n).squares;
  if (!(squares <= kLargestSquares)) {
    scale_values(values, n, kScaleDown);
    squares = codec.residual(values, zeros, 1.0F, n).squares;
  } else if (squares < kSmallestSquares) {
    scale_values(values, n, kScaleUp);
    squares = codec.residual(values, zeros, 1.0F, n).squares;
  }
  return squares > 0 ? 1.0F / std::sqrt(squares) : 0.0F;
}

/// For an o whose squares vanish in f32: sums of doubles, in which each product is exact, and
/// values that can be rotated.
Residual enlarge(float* values, const float* center, size_t n) {
  Residual o = {0, 0, 1 / static_cast<double>(kScaleUp)};
  for (size_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(values[i]);
    o.squares += x * x;
    o.dot += x * static_cast<double>(center[i]);
  }
  scale_values(values, n, kScaleUp);
  return o;
}

typedef float Floats4 __attribute__((vector_size(16)));
typedef float Floats16 __attribute__((vector_size(64)));
typedef int32_t Ints16 __attribute__((vector_size(64)));
typedef uint8_t Bytes16 __attribute__((vector_size(16)));

/// The sums of the four subsets of two non-negative terms, by the bits of the subset's number; a
/// term whose coordinate is negative counts where its bit is not set.
Floats4 subset_sums(float a, float b) {
  const float sa = std::max(a, 0.0F);
  const float sb = std::max(b, 0.0F);
  const float na = std::max(-a, 0.0F);
  const float nb = std::max(-b, 0.0F);
  return Floats4{na + nb, sa + nb, na + sb, sa + sb};
}

/// Fills the tables from the rotated unit query. Returns the step of one unit.
double fill_tables(const float* rotated, size_t n, PreparedQuery& out) {
  float largest = 0;
  for (size_t g = 0; g < n; g += 4) {
    const float reach = std::fabs(rotated[g]) + std::fabs(rotated[g + 1]) +
                        std::fabs(rotated[g + 2]) + std::fabs(rotated[g + 3]);
    largest = std::max(largest, reach);
  }
  out.table_lines.assign(n / 16, PreparedQuery::Line{});
  if (!(largest > 0)) return 0;
  const double step = 2 * static_cast<double>(largest) / kTableMax;
  const auto scale = static_cast<float>(2 / step);
  for (size_t g = 0; g < n; g += 4) {
    uint8_t* table = out.table_lines[g / 16].bytes + g % 16 * 4;
    const float* q = rotated + g;
    const Floats4 low = subset_sums(q[0] * scale, q[1] * scale) + 0.5F;
    const Floats4 high = subset_sums(q[2] * scale, q[3] * scale);
    Floats4 sums[4];
    for (size_t i = 0; i < 4; ++i) sums[i] = low + high[i];
    Floats16 all;
    std::memcpy(&all, sums, sizeof all);
    const Ints16 values = __builtin_convertvector(all, Ints16);
    const Ints16 beyond = values > kTableMaxEntry;
    const auto entries =
        __builtin_convertvector((values & ~beyond) | (beyond & kTableMaxEntry), Bytes16);
    std::memcpy(table, &entries, sizeof entries);
  }
  return step;
}

}  // namespace

Encoder::Encoder(const Options& options, const float* center)
    : options_(options), rotation_(options.dim, options.seed) {
  OMEN_CHECK(options.metric != Metric::kHamming && options.element != Element::kBinary);
  padded_center_.assign(rotation_.padded_dim(), 0.0F);
  std::copy_n(center, options.dim, padded_center_.begin());
  for (const float c : padded_center_) {
    center_norm_ += static_cast<double>(c) * static_cast<double>(c);
  }
  center_norm_ = std::sqrt(center_norm_);
}

void Encoder::load_row(const void* row, float* values) const {
  distance::to_f32(options_.element, row, options_.dim, values);
  std::fill(values + options_.dim, values + rotation_.padded_dim(), 0.0F);
}

void Encoder::clear_lane(std::byte* block, size_t lane) const {
  std::byte* const adds = block + rotation_.padded_dim() * 4;
  store_factor(adds, lane, kBf16Nan);
  store_factor(adds + kBlockRows * 2, lane, kBf16Nan);
}

void Encoder::encode_block(distance::Isa isa, const void* rows, size_t stride, size_t n,
                           std::byte* out) const {
  OMEN_CHECK(n >= 1 && n <= kBlockRows);
  const CodecTable& codec = internal::codec_table(isa);
  const RotationPlan plan = rotation_.plan();
  const size_t padded = plan.padded;
  const size_t row_bytes = padded / 8;
  // values | center | zeros, each on a cache line
  std::vector<FloatLine> scratch(3 * padded / 16, FloatLine{});
  float* const values = scratch.front().values;
  float* const center = values + padded;
  const float* const zeros = center + padded;
  std::copy_n(padded_center_.data(), padded, center);
  std::vector<uint8_t> bits(kBlockRows * row_bytes);
  std::byte* const adds = out + padded * 4;
  std::byte* const rescales = adds + kBlockRows * 2;

  for (size_t v = 0; v < n; ++v) {
    const void* row = static_cast<const std::byte*>(rows) + v * stride;
    load_row(row, values);
    float scale = 1.0F;
    if (options_.metric == Metric::kCosine) scale = unit_scale(codec, values, zeros, padded);
    RowSums sums = codec.residual(values, center, scale, padded);
    Residual o = {static_cast<double>(sums.squares), static_cast<double>(sums.dot), 1};
    if (!(sums.squares <= kLargestSquares && std::fabs(sums.dot) <= kLargestSquares)) {
      load_row(row, values);
      scale_values(values, padded, kScaleDown);
      scale_values(center, padded, kScaleDown);
      sums = codec.residual(values, center, 1.0F, padded);
      std::copy_n(padded_center_.data(), padded, center);
      const double unit = 1 / static_cast<double>(kScaleDown);
      o = {static_cast<double>(sums.squares) * unit * unit,
           static_cast<double>(sums.dot) * unit * unit, unit};
    } else if (sums.squares < kSmallestSquares) {
      o = enlarge(values, center, padded);
    }
    codec.rotate(plan, values);
    const double l1 = codec.sign_bits(values, padded, bits.data() + v * row_bytes);
    const double rescale = l1 > 0 ? o.squares / (l1 * o.unit) : 0;
    const float add = options_.metric == Metric::kL2
                          ? saturate(o.squares, kLargestSquare)
                          : saturate(center_norm_ > 0 ? -o.dot / center_norm_ : 0, kLargestLength);
    const double times = options_.metric == Metric::kL2 ? -2 : -1;
    store_factor(adds, v, to_bf16(add));
    store_factor(rescales, v, to_bf16(saturate(times * rescale, kLargestLength)));
  }
  for (size_t v = n; v < kBlockRows; ++v) clear_lane(out, v);
  pack(bits.data(), row_bytes, out);
}

PreparedQuery Encoder::prepare(const float* query) const {
  const size_t padded = rotation_.padded_dim();
  std::vector<double> q(padded, 0.0);
  std::copy_n(query, options_.dim, q.begin());
  if (options_.metric == Metric::kCosine) {
    const double norm = std::sqrt(norm2(q));
    for (double& x : q) x = norm > 0 ? x / norm : 0;
  }
  // Under l2 the query is taken relative to the center. Inner products are linear in the query, so
  // its part along the center is exact (f_add holds the rows' part along it), the rest estimated.
  PreparedQuery out;
  out.padded_dim = padded;
  const bool l2 = options_.metric == Metric::kL2;
  const double center_dot = dot(q, padded_center_);
  const double along = center_norm_ > 0 ? center_dot / center_norm_ : 0;
  const double centers = l2 ? 1 : (center_norm_ > 0 ? along / center_norm_ : 0);
  for (size_t i = 0; i < padded; ++i) q[i] -= centers * static_cast<double>(padded_center_[i]);
  const double squares = norm2(q);
  const double norm = std::sqrt(squares);
  const double add = l2 ? squares : (options_.metric == Metric::kCosine ? 1 : 0) - center_dot;
  out.add_scale = l2 ? 1.0F : saturate(along, kLargestLength);
  out.add = saturate(add, kLargestSquare);

  // Rotated at unit length, so that no magnitude overflows.
  std::vector<FloatLine> line(padded / 16, FloatLine{});
  float* const rotated = line.front().values;
  for (size_t i = 0; i < padded; ++i) rotated[i] = static_cast<float>(norm > 0 ? q[i] / norm : 0);
  rotation_.apply(rotated);
  const double l1 =
      sum_of(padded, [&](size_t i) { return std::fabs(static_cast<double>(rotated[i])); });
  const double step = fill_tables(rotated, padded, out);
  const double length = std::min(norm, kLargestLength / 512);  // |S| <= 2 sqrt(D) times that
  out.step = static_cast<float>(step * length);
  out.bias = static_cast<float>(-l1 * length);
  const double dims = static_cast<double>(padded);
  const double variance = internal::code_variance(padded) + internal::table_variance(padded, step);
  out.error_scale = saturate(norm * std::sqrt(variance), kLargestLength);
  out.reach_scale = saturate(kMeanAlignment * std::sqrt(dims) * norm, kLargestLength);
  return out;
}

float lower_bound(const PreparedQuery& query, const std::byte* block, size_t lane, float estimate,
                  float epsilon) {
  const std::byte* adds = block + query.padded_dim * 4;
  const float add = load_factor(adds, lane) * query.add_scale;
  const float rescale = std::fabs(load_factor(adds + kBlockRows * 2, lane));
  const float rounding = kFactorRounding * (std::fabs(add) + std::fabs(estimate - add - query.add));
  return estimate - epsilon * rescale * query.error_scale - rounding;
}

float standard_error(const PreparedQuery& query, const std::byte* block, size_t lane,
                     float estimate) {
  const std::byte* adds = block + query.padded_dim * 4;
  const float stored = load_factor(adds, lane) * query.add_scale;
  const float add = stored + query.add;
  const float rescale = std::fabs(load_factor(adds + kBlockRows * 2, lane));
  const float reach = rescale * query.reach_scale;  // add - estimate if o and q were parallel
  const float cosine = reach > 0 ? std::clamp((add - estimate) / reach, -1.0F, 1.0F) : 0;
  // The estimate of the cosine has an error itself; the sine is not taken for less than 0.2.
  const float estimated =
      rescale * query.error_scale * std::sqrt(std::max(1 - cosine * cosine, 0.04F));
  // Both factors were rounded to bf16. Far from the center, that error exceeds the differences
  // between neighbours. It is bounded and has no tail, so its bound serves as its deviation.
  return std::hypot(estimated, kFactorRounding * stored, kFactorRounding * (estimate - add));
}

BlockScan block_scan(distance::Isa isa) {
  return internal::codec_table(isa).block_scan;
}
BlockScan block_scan() {
  return block_scan(distance::active_isa());
}

}  // namespace omendb::codec::rabitq
