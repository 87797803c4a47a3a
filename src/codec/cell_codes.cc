#include "codec/cell_codes.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "codec/bf16.h"
#include "codec/block_layout.h"
#include "codec/code_error.h"
#include "codec/table.h"

namespace omendb::codec {

using internal::CodecTable;
using internal::FloatLine;
using rabitq::kBlockRows;

namespace {

struct Factors {
  float add;
  float rescale;
};

/// @param squares   |o|^2
/// @param along     <o, c>
/// @param f         |o|^2 / |r|_1
/// @param products  S(c)
Factors factors_of(Metric metric, float squares, float along, float f, float products) {
  switch (metric) {
    case Metric::kL2: return {squares + 2 * f * products, -2 * f};
    case Metric::kCosine: return {squares / 2 + f * products, -f};
    default: return {f * products - along, -f};
  }
}

}  // namespace

CellEncoder::CellEncoder(const Options& options, const float* origin)
    : options_(options),
      rotation_(options.dim, options.seed),
      tables_({.metric = Metric::kL2, .dim = options.dim, .seed = options.seed}, origin),
      origin_(origin, origin + options.dim) {
  OMEN_CHECK(options.metric != Metric::kHamming);
}

void CellEncoder::enter(const float* center, Cell& cell) const {
  const size_t padded = rotation_.padded_dim();
  cell.lines_.assign(2 * padded / 16, FloatLine{});
  float* const plain = cell.lines_.front().values;
  std::copy_n(center, options_.dim, plain);
  float* const rotated = plain + padded;
  for (size_t i = 0; i < options_.dim; ++i) rotated[i] = center[i] - origin_[i];
  rotation_.apply(rotated);
}

void CellEncoder::encode_block(const Cell& cell, const float* rows, size_t stride, size_t n,
                               std::byte* out) const {
  OMEN_CHECK(n >= 1 && n <= kBlockRows);
  const CodecTable& codec = internal::codec_table(distance::active_isa());
  const RotationPlan plan = rotation_.plan();
  const size_t padded = plan.padded;
  const float* const center = cell.lines_.front().values;
  std::vector<FloatLine> scratch(padded / 16, FloatLine{});
  float* const values = scratch.front().values;
  std::vector<uint8_t> bits(kBlockRows * padded / 8);
  std::byte* const adds = out + padded * 4;
  std::byte* const rescales = adds + kBlockRows * 2;
  for (size_t v = 0; v < n; ++v) {
    std::copy_n(rows + v * stride, options_.dim, values);
    std::fill(values + options_.dim, values + padded, 0.0F);
    const internal::RowSums sums = codec.residual(values, center, 1.0F, padded);
    codec.rotate(plan, values);
    const float l1 = codec.sign_bits(values, padded, bits.data() + v * padded / 8);
    const float products = codec.signed_sum(center + padded, values, padded);
    const float f = l1 > 0 ? sums.squares / l1 : 0;
    const Factors factors = factors_of(options_.metric, sums.squares, sums.dot, f, products);
    internal::store_factor(adds, v, to_bf16(factors.add));
    internal::store_factor(rescales, v, to_bf16(factors.rescale));
  }
  for (size_t v = n; v < kBlockRows; ++v) {
    internal::store_factor(adds, v, kBf16Nan);
    internal::store_factor(rescales, v, kBf16Nan);
  }
  internal::pack(bits.data(), padded / 8, out);
}

bool CellEncoder::empty_lane(const std::byte* block, size_t lane) const {
  return std::isnan(internal::load_factor(block + rotation_.padded_dim() * 4, lane));
}

CellQuery CellEncoder::prepare(const float* query, const Scale& scale) const {
  const size_t padded = rotation_.padded_dim();
  CellQuery out;
  rabitq::PreparedQuery& prepared = out.prepared_;
  prepared = tables_.prepare(query);
  const auto step = static_cast<double>(prepared.step);
  out.code_variance_ = static_cast<float>(internal::code_variance(padded));
  out.table_variance_ = static_cast<float>(internal::table_variance(padded, step));
  out.length_of_f_ = static_cast<float>(internal::kMeanAlignment * std::sqrt(padded));
  switch (options_.metric) {
    case Metric::kL2: out.times_ = 2; break;
    case Metric::kCosine: out.squares_ = 2; break;
    default:
      out.squares_ = scale.unit > 0 ? 2 / scale.unit : 0;
      out.shift_ = scale.shift;
      out.unit_ = scale.unit;
      prepared.add_scale = scale.unit;
      prepared.step *= scale.unit;
      prepared.bias *= scale.unit;
  }
  return out;
}

void CellQuery::aim(const Aim& at) {
  prepared_.add = at.add;
  squared_ = at.squared;
}

float CellQuery::standard_error(const std::byte* block, size_t lane, float estimate) const {
  const std::byte* const adds = block + prepared_.padded_dim * 4;
  const float add = internal::load_factor(adds, lane) * prepared_.add_scale;
  const float f = std::fabs(internal::load_factor(adds + kBlockRows * 2, lane)) / times_;
  const float length = f * length_of_f_;  // |o|
  const float square = std::max(squared(estimate), 0.0F);
  const float both = 2 * length * std::sqrt(squared_);
  // Of a row that is shorter than the longest, an inner product makes the square too large.
  const float least = shift_ > 0 ? 0.0F : -1.0F;
  const float cosine =
      both > 0 ? std::clamp((length * length + squared_ - square) / both, least, 1.0F) : 0;
  // Only the part of q - c across o is estimated. The estimate of the cosine has an error itself;
  // the sine is not taken for less than 0.2.
  const float across = squared_ * std::max(1 - cosine * cosine, 0.04F);
  const float error = times_ * f * unit_ * std::sqrt(code_variance_ * across + table_variance_);
  const float rounding = internal::kFactorRounding;
  return std::hypot(error, rounding * add, rounding * (estimate - add - prepared_.add));
}

}  // namespace omendb::codec
