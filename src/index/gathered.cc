#include "index/gathered.h"

#include <algorithm>
#include <utility>

namespace omendb::index {
namespace {
constexpr size_t kFirstKeys = 64;
}  // namespace

bool RowSet::insert(uint32_t source, uint32_t slot) {
  if (2 * (size_ + 1) > keys_.size()) grow();
  const bool is_new = place(((uint64_t{source} << 32) | slot) + 1);
  size_ += is_new ? 1 : 0;
  return is_new;
}

bool RowSet::place(uint64_t key) {
  const size_t last = keys_.size() - 1;
  // Fibonacci hashing: the high bits of the product depend on all bits of the key.
  size_t at = (key * 0x9e3779b97f4a7c15U) >> 32;
  for (;; ++at) {
    uint64_t& held = keys_[at & last];
    if (held == key) return false;
    if (held != 0) continue;
    held = key;
    return true;
  }
}

void RowSet::grow() {
  const std::vector<uint64_t> old =
      std::exchange(keys_, std::vector<uint64_t>(std::max(kFirstKeys, 2 * keys_.size())));
  for (const uint64_t key : old) {
    if (key != 0) place(key);
  }
}

void Gathered::add_new(const Hit& hit) {
  if (!(hit.distance <= reach())) return;
  hits_.push_back(hit);
  if (nearest_.size() == k_) {
    if (hit.distance == nearest_.front()) return;
    std::pop_heap(nearest_.begin(), nearest_.end());
    nearest_.back() = hit.distance;
  } else {
    nearest_.push_back(hit.distance);
  }
  std::push_heap(nearest_.begin(), nearest_.end());
}

void Gathered::open(const Budget& budget) {
  wanted_reach_ = budget.reach;
  margin_ = budget.margin;
  least_estimates_.emplace(kCopies * k_);
  if (candidates_) {
    candidates_->reset(budget.candidates, budget.below);
  } else {
    candidates_.emplace(budget.candidates, budget.below);
  }
}

std::vector<Hit> Gathered::take() {
  std::erase_if(hits_, [reach = reach()](const Hit& hit) { return hit.distance > reach; });
  std::sort(hits_.begin(), hits_.end(),
            [](const Hit& a, const Hit& b) { return a.distance < b.distance; });
  return std::exchange(hits_, {});
}

}  // namespace omendb::index
