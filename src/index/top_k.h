// The k nearest of all that is offered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace omendb::index {

struct Neighbor {
  float distance;
  uint32_t slot;
  bool operator==(const Neighbor&) const = default;
};

/// Decides between slots at equal distances, e.g. by the points' ids. A strict total order.
class SlotOrder {
 public:
  virtual ~SlotOrder() = default;
  virtual bool before(uint32_t a, uint32_t b) const = 0;
};

/// Keeps the k nearest of the offered (distance, slot) pairs, in any order of offers: which of
/// several slots at the k-th distance stay is decided by the SlotOrder. A slot is offered once.
/// A binary heap, worst on top. One thread at a time.
class TopK {
 public:
  /// @param k      at least 1
  /// @param limit  offers beyond this distance do not count: a radius, or a threshold carried over
  /// @param order  borrowed; nullptr = the smaller slot first
  explicit TopK(size_t k, float limit = std::numeric_limits<float>::infinity(),
                const SlotOrder* order = nullptr);

  /// A NaN is never kept.
  void offer(float distance, uint32_t slot) {
    if (distance <= threshold_) insert({distance, slot});
  }

  /// Only a distance <= threshold() can still get in: the limit until k are held, then the k-th.
  float threshold() const { return threshold_; }
  size_t k() const { return k_; }
  size_t size() const { return heap_.size(); }

  /// Takes the result, nearest first.
  std::vector<Neighbor> sorted() &&;

 private:
  bool nearer(const Neighbor& a, const Neighbor& b) const {
    if (a.distance != b.distance) return a.distance < b.distance;
    return order_ == nullptr ? a.slot < b.slot : order_->before(a.slot, b.slot);
  }
  void insert(Neighbor offered);

  size_t k_;
  float threshold_;
  const SlotOrder* order_;
  std::vector<Neighbor> heap_;
};

}  // namespace omendb::index
