#include "index/top_k.h"

#include <algorithm>

#include "base/check.h"

namespace omendb::index {
namespace {
constexpr size_t kReserve = 256;  // k may be far beyond what there is to find
}  // namespace

TopK::TopK(size_t k, float limit, const SlotOrder* order)
    : k_(k), threshold_(limit), order_(order) {
  OMEN_CHECK(k > 0);
  heap_.reserve(std::min(k, kReserve));
}

void TopK::insert(Neighbor offered) {
  const auto nearer_first = [this](const Neighbor& a, const Neighbor& b) { return nearer(a, b); };
  if (heap_.size() < k_) {
    heap_.push_back(offered);
    std::push_heap(heap_.begin(), heap_.end(), nearer_first);
    if (heap_.size() == k_) threshold_ = heap_.front().distance;
    return;
  }
  if (!nearer(offered, heap_.front())) return;
  // Sift the hole at the top down to where the offer belongs: half the work of pop and push.
  size_t hole = 0;
  for (size_t child = 1; child < k_; child = 2 * hole + 1) {
    if (child + 1 < k_ && nearer(heap_[child], heap_[child + 1])) ++child;
    if (!nearer(offered, heap_[child])) break;
    heap_[hole] = heap_[child];
    hole = child;
  }
  heap_[hole] = offered;
  threshold_ = heap_.front().distance;
}

std::vector<Neighbor> TopK::sorted() && {
  std::sort_heap(heap_.begin(), heap_.end(),
                 [this](const Neighbor& a, const Neighbor& b) { return nearer(a, b); });
  return std::move(heap_);
}

}  // namespace omendb::index
