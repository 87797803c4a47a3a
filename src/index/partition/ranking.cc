#include "index/partition/ranking.h"

#include <algorithm>

#include "distance/kernels.h"
#include "index/coded_scan.h"

namespace omendb::index::partition {

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
  return gap > 0 ? gap / radius : 0;
}

void Ranking::start(const PlacedQuery& query, size_t first) {
  query_ = &query;
  wanted_ = std::max<size_t>(first, 1);
  given_ = 0;
  handed_out_.assign((frame_.cells() + 63) / 64, 0);
}

std::span<const RankedCell> Ranking::next() {
  const size_t cells = frame_.cells();
  if (given_ == cells) return {};
  wanted_ = std::min(wanted_, cells);
  queue_.reset(wanted_);
  coded_scan(query_->to_centers, {.blocks = frame_.center_codes(), .count = cells}, queue_);
  chosen_.clear();
  for (const Candidate& candidate : queue_.kept()) {
    uint64_t& word = handed_out_[candidate.slot / 64];
    const uint64_t bit = uint64_t{1} << (candidate.slot % 64);
    if ((word & bit) != 0) continue;
    word |= bit;
    chosen_.push_back(candidate.slot);
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
