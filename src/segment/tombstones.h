// The dead rows of one memtable or segment, as one snapshot sees them.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace omendb::segment {

/// An immutable set of slots. A new version shares every page it does not change, so that a delete
/// costs a page (512 bytes) and not the set. A null pointer to one means "none dead".
class Tombstones {
 public:
  static constexpr uint32_t kSlotsPerPage = 4'096;

  /// `base` (may be null) with `slots` added; slots already there are fine. Null if both are empty.
  static std::shared_ptr<const Tombstones> with(const std::shared_ptr<const Tombstones>& base,
                                                std::span<const uint32_t> slots);

  bool contains(uint32_t slot) const {
    const uint32_t page = slot / kSlotsPerPage;
    if (page >= pages_.size() || pages_[page] == nullptr) return false;
    const uint32_t bit = slot % kSlotsPerPage;
    return ((*pages_[page])[bit / 64] >> (bit % 64) & 1) != 0;
  }
  uint32_t count() const { return count_; }
  /// Clears the bits of dead slots in a mask of (rows + 63) / 64 words.
  void clear_dead(std::span<uint64_t> mask) const;
  /// Dead slots, ascending.
  std::vector<uint32_t> slots() const;

 private:
  using Page = std::array<uint64_t, kSlotsPerPage / 64>;
  std::vector<std::shared_ptr<const Page>> pages_;
  uint32_t count_ = 0;
};

inline uint32_t dead_count(const std::shared_ptr<const Tombstones>& dead) {
  return dead == nullptr ? 0 : dead->count();
}
inline bool is_dead(const std::shared_ptr<const Tombstones>& dead, uint32_t slot) {
  return dead != nullptr && dead->contains(slot);
}

}  // namespace omendb::segment
