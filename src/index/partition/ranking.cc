#include "index/partition/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "distance/kernels.h"

namespace omendb::index::partition {

namespace rabitq = codec::rabitq;

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();
}  // namespace

PlacedQuery::PlacedQuery(const Frame& frame, const void* query) : point(frame.space().dim()) {
  const Space& space = frame.space();
  unit = space.place_query(query, point.data());
  const float shift = 2 * space.longest() * space.longest();
  coded = frame.encoder().prepare(point.data(), {unit, shift});
  // Under inner products the centers have one more coordinate than the rows.
  to_centers = space.metric() == Metric::kInnerProduct
                   ? frame.center_encoder().prepare(point.data())
                   : coded.prepared();
}

float PlacedQuery::slack(float squared, float closest, float kth) const {
  // Estimates of very near rows may be below zero.
  constexpr float kLeastRadius = 0.05F;
  const float radius = std::max(coded.squared(kth), kLeastRadius * closest);
  const float gap = std::max(squared - closest, 0.0F);
  return gap > 0 && radius > 0 ? gap / radius : 0;  // NaN of a query without a direction included
}

Ranking::Ranking(const Frame& frame) : frame_(frame), handed_out_((frame.cells() + 63) / 64) {
  const size_t blocks = (frame.cells() + rabitq::kBlockRows - 1) / rabitq::kBlockRows;
  estimates_.resize(blocks * rabitq::kBlockRows);
  hits_.resize(blocks);
}

void Ranking::start(const PlacedQuery& query, size_t first) {
  query_ = &query;
  wanted_ = std::max<size_t>(first, 1);
  given_ = 0;
  std::ranges::fill(handed_out_, 0);
  rabitq::block_scan()(query.to_centers, frame_.center_codes(), hits_.size(), kInfinity,
                       estimates_.data(), hits_.data());
}

float Ranking::cut(size_t n) {
  // The n-th of all is estimated from a sample; a few more cells cost less than one more round.
  constexpr size_t kSample = 256;
  const size_t cells = frame_.cells();
  const size_t stride = std::max<size_t>(1, cells / kSample);
  sample_.clear();
  for (size_t c = 0; c < cells; c += stride) {
    const float estimate = estimates_[c];
    sample_.push_back(std::isnan(estimate) ? kInfinity : estimate);  // of codes made to harm
  }
  const size_t expected = n / stride;
  const size_t rank = expected + static_cast<size_t>(std::sqrt(static_cast<double>(expected))) + 2;
  if (rank >= sample_.size()) return kInfinity;
  const auto at = sample_.begin() + static_cast<ptrdiff_t>(rank);
  std::nth_element(sample_.begin(), at, sample_.end());
  return *at;
}

std::span<const RankedCell> Ranking::next() {
  const size_t cells = frame_.cells();
  if (given_ == cells) return {};
  float below = cut(std::min(given_ + wanted_, cells));
  chosen_.clear();
  while (chosen_.empty()) {
    for (uint32_t c = 0; c < cells; ++c) {
      if (estimates_[c] > below) continue;
      uint64_t& word = handed_out_[c / 64];
      const uint64_t bit = uint64_t{1} << (c % 64);
      if ((word & bit) != 0) continue;
      word |= bit;
      chosen_.push_back(c);
    }
    below = kInfinity;
  }
  given_ += chosen_.size();
  wanted_ *= 4;
  squares_.resize(chosen_.size());
  const PointsView& centers = frame_.centers();
  distance::kernels(Metric::kL2, Element::kF32)
      .gather(query_->point.data(), centers.values.data(), centers.dim * sizeof(float),
              chosen_.data(), chosen_.size(), centers.dim, squares_.data());
  round_.clear();
  for (size_t i = 0; i < chosen_.size(); ++i) round_.push_back({squares_[i], chosen_[i]});
  std::sort(round_.begin(), round_.end());
  return round_;
}

}  // namespace omendb::index::partition
