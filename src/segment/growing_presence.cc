#include "segment/growing_presence.h"

#include <algorithm>

namespace omendb::segment {

/// The rows before `first` all have a vector, and their bits say so before any reader looks.
void GrowingPresence::start(uint32_t first) {
  if (!complete()) return;
  owner_ = std::make_unique<Word[]>(words_needed_);
  set(0, first, nullptr);
  words_.store(owner_.get(), std::memory_order_release);
}

void GrowingPresence::set(uint32_t first, uint32_t rows, const Bitmap* present) {
  const uint32_t end = first + rows;
  for (uint32_t row = first; row < end;) {
    const uint32_t next = std::min(end, (row / 64 + 1) * 64);
    uint64_t bits = 0;
    for (uint32_t r = row; r < next; ++r) {
      if (present == nullptr || present->test(r - first)) bits |= uint64_t{1} << (r % 64);
    }
    owner_[row / 64].fetch_or(bits, std::memory_order_relaxed);
    row = next;
  }
}

uint32_t GrowingPresence::count(uint32_t first, uint32_t end) const {
  if (complete()) return end - first;
  uint32_t n = 0;
  for (uint32_t row = first; row < end; ++row) n += has(row) ? 1 : 0;
  return n;
}

void GrowingPresence::clear_absent(std::span<uint64_t> mask) const {
  const Word* words = words_.load(std::memory_order_acquire);
  if (words == nullptr) return;
  for (size_t w = 0; w < mask.size(); ++w) mask[w] &= words[w].load(std::memory_order_relaxed);
}

}  // namespace omendb::segment
