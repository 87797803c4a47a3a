#include "index/graph/nodes.h"

#include <algorithm>
#include <cmath>

namespace omendb::index::graph {

namespace rabitq = codec::rabitq;
namespace sq8 = codec::sq8;

namespace {

constexpr size_t kLine = 64;

constexpr size_t whole_lines(size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

RecordLayout::RecordLayout(size_t dim)
    : slot(sq8::code_bytes(dim)),
      edges(whole_lines(slot + sizeof(uint32_t))),
      codes(edges + kDegree * sizeof(uint32_t)),
      bytes(codes + rabitq::block_bytes(dim)) {}

Frame::Frame(const partition::Space& space, const Parts& parts)
    : space_(space),
      layout_(space.row_dim()),
      origin_(parts.origin),
      entries_(parts.entries),
      entry_codes_(parts.entry_codes),
      edge_encoder_({.metric = space.metric(), .dim = space.row_dim(), .seed = parts.seed},
                    parts.origin.data()),
      entry_encoder_({.metric = Metric::kL2, .dim = space.dim(), .seed = parts.seed},
                     parts.origin.data()),
      row_encoder_({.metric = space.metric(), .element = space.element(), .dim = space.row_dim()}),
      calibration_(parts.calibration),
      typical_squares_(parts.typical_squares) {}

float Frame::typical_square(double k) const {
  constexpr auto& marks = Calibration::kNearest;
  size_t right = 1;
  while (right + 1 < marks.size() && static_cast<double>(marks[right]) < k) ++right;
  const double low = std::log(marks[right - 1]);
  const double along =
      std::clamp((std::log(std::max(k, 1.0)) - low) / (std::log(marks[right]) - low), 0.0, 1.0);
  return static_cast<float>((1 - along) * double{typical_squares_[right - 1]} +
                            along * double{typical_squares_[right]});
}

std::vector<std::byte> Frame::encode_entries(const float* points) const {
  std::vector<std::byte> codes(rabitq::coded_bytes(space_.dim(), entries_.size()));
  for (size_t i = 0; i < entries_.size(); i += rabitq::kBlockRows) {
    entry_encoder_.encode_block(
        points + i * space_.dim(), space_.dim() * sizeof(float),
        std::min(rabitq::kBlockRows, entries_.size() - i),
        codes.data() + i / rabitq::kBlockRows * entry_encoder_.block_bytes());
  }
  return codes;
}

}  // namespace omendb::index::graph
