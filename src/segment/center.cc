#include "segment/center.h"

#include <algorithm>
#include <cmath>

#include "distance/convert.h"

namespace omendb::segment {

namespace {
/// Their mean is within a fortieth of a standard deviation of that of all, in each coordinate.
constexpr size_t kMaxSample = 2'048;
}  // namespace

void CenterSum::add(const std::byte* row) {
  distance::to_f32(spec_.element, row, spec_.dim, row_.data());
  double scale = 1;
  if (spec_.metric == Metric::kCosine) {
    double norm = 0;
    for (float x : row_) norm += double{x} * x;
    scale = norm > 0 ? 1 / std::sqrt(norm) : 0;
  }
  for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += scale * row_[i];
  ++count_;
}

std::vector<float> CenterSum::mean() const {
  std::vector<float> mean(sum_.size());
  if (count_ == 0) return mean;
  for (size_t i = 0; i < sum_.size(); ++i) {
    const auto x = static_cast<float>(sum_[i] / static_cast<double>(count_));
    // Values were checked to be finite, but a caller may have changed its array since.
    mean[i] = std::isfinite(x) ? x : 0.0F;
  }
  return mean;
}

std::shared_ptr<const codec::rabitq::Encoder> make_encoder(const VectorSpec& spec,
                                                           const std::byte* rows,
                                                           std::span<const uint32_t> slots) {
  CenterSum sum(spec);
  const size_t sample = std::min(slots.size(), kMaxSample);
  for (size_t i = 0; i < sample; ++i) {
    sum.add(rows + slots[i * slots.size() / sample] * spec.row_bytes());
  }
  return make_encoder(spec, sum.mean());
}

std::shared_ptr<const codec::rabitq::Encoder> make_encoder(const VectorSpec& spec,
                                                           const std::vector<float>& center) {
  return std::make_shared<codec::rabitq::Encoder>(
      codec::rabitq::Encoder::Options{spec.metric, spec.element, spec.dim, kRotationSeed},
      center.data());
}

}  // namespace omendb::segment
