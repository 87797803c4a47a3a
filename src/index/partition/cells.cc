#include "index/partition/cells.h"

#include <algorithm>

#include "distance/kernels.h"

namespace omendb::index::partition {

namespace rabitq = codec::rabitq;

Frame::Frame(const Space& space, const Parts& parts)
    : space_(space),
      centers_(parts.centers),
      encoder_({.metric = space.metric(), .dim = space.row_dim(), .seed = parts.seed},
               parts.origin.data()),
      center_encoder_({.metric = Metric::kL2, .dim = space.dim(), .seed = parts.seed},
                      parts.origin.data()),
      center_codes_(parts.center_codes),
      calibration_(parts.calibration) {
  if (space_.metric() != Metric::kInnerProduct) return;
  const auto& kernels = distance::kernels(Metric::kInnerProduct, Element::kF32);
  for (size_t c = 0; c < cells(); ++c) {
    center_squares_.push_back(-kernels.pair(centers_.at(c), centers_.at(c), centers_.dim));
  }
}

std::vector<std::byte> Frame::encode_centers() const {
  std::vector<std::byte> codes(rabitq::coded_bytes(space_.dim(), cells()));
  for (size_t c = 0; c < cells(); c += rabitq::kBlockRows) {
    center_encoder_.encode_block(
        centers_.at(c), space_.dim() * sizeof(float), std::min(rabitq::kBlockRows, cells() - c),
        codes.data() + c / rabitq::kBlockRows * center_encoder_.block_bytes());
  }
  return codes;
}

codec::CellQuery::Aim Frame::aim(float unit, uint32_t cell, float squared) const {
  switch (space_.metric()) {
    case Metric::kL2: return {squared, squared};
    case Metric::kCosine: return {squared / 2, squared};
    default: {
      const float product =
          (space_.longest() * space_.longest() + center_squares_[cell] - squared) / 2;
      const float filled = centers_.at(cell)[space_.row_dim()];
      return {-unit * product, std::max(squared - filled * filled, 0.0F)};
    }
  }
}

}  // namespace omendb::index::partition
