#include "index/partition/assign.h"

#include <algorithm>
#include <limits>

#include "codec/rabitq.h"
#include "distance/kernels.h"

namespace omendb::index::partition {

namespace {

constexpr size_t kSecondOf = 16;     // centers that are considered for the second cell
constexpr float kSoarWeight = 1.5F;  // lambda
constexpr size_t kPointsTogether = 1'024;

/// @param near  centers, nearest first
/// @param squares |x - c|^2 of each
uint32_t choose_second(const PointsView& centers, std::span<const uint32_t> near,
                       std::span<const float> squares) {
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  uint32_t best = near.front();
  float least = std::numeric_limits<float>::infinity();
  const float left = squares.front();
  for (size_t i = 1; i < near.size(); ++i) {
    if (squares[i] >= least) break;  // the loss is no less than that
    // <r, x - c'> from the three sides of the triangle x, c, c'
    const float between = kernels.pair(centers.at(near.front()), centers.at(near[i]), centers.dim);
    const float product = (left + squares[i] - between) / 2;
    const float loss = squares[i] + (left > 0 ? kSoarWeight * product * product / left : 0);
    if (loss < least) {
      least = loss;
      best = near[i];
    }
  }
  return best;
}

}  // namespace

void assign(const PointsView& centers, const float* points, size_t count, uint32_t* first,
            uint32_t* second) {
  const size_t n = second == nullptr ? 1 : std::min(kSecondOf, centers.count());
  std::vector<uint32_t> near(kPointsTogether * n);
  std::vector<float> squares(kPointsTogether * n);
  for (size_t begin = 0; begin < count; begin += kPointsTogether) {
    const size_t some = std::min(kPointsTogether, count - begin);
    const float* const at = points + begin * centers.dim;
    nearest_centers(centers, at, some, n, near.data(), squares.data());
    for (size_t i = 0; i < some; ++i) {
      first[begin + i] = near[i * n];
      if (second == nullptr) continue;
      second[begin + i] = choose_second(centers, std::span<const uint32_t>(near).subspan(i * n, n),
                                        std::span<const float>(squares).subspan(i * n, n));
    }
  }
}

Layout::Layout(const Homes& homes, size_t cells) : starts_(cells + 1, 0) {
  const auto each_home = [&](auto visit) {
    for (uint32_t row = 0; row < homes.first.size(); ++row) {
      if (homes.first[row] == kNoCell) continue;
      visit(row, homes.first[row]);
      if (homes.second.empty() || homes.second[row] == homes.first[row]) continue;
      visit(row, homes.second[row]);
    }
  };
  each_home([&](uint32_t, uint32_t cell) { ++starts_[cell + 1]; });
  for (size_t c = 0; c < cells; ++c) starts_[c + 1] += starts_[c];
  slots_.resize(starts_.back());
  std::vector<uint64_t> next(starts_.begin(), starts_.end() - 1);
  each_home([&](uint32_t row, uint32_t cell) { slots_[next[cell]++] = row; });
  uint32_t blocks = 0;
  for (size_t c = 0; c < cells; ++c) {
    first_block_.push_back(blocks);
    const uint64_t rows = starts_[c + 1] - starts_[c];
    blocks +=
        static_cast<uint32_t>((rows + codec::rabitq::kBlockRows - 1) / codec::rabitq::kBlockRows);
  }
  first_block_.push_back(blocks);
}

}  // namespace omendb::index::partition
