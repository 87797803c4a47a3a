#include "segment/tombstones.h"

#include <algorithm>

namespace omendb::segment {

std::shared_ptr<const Tombstones> Tombstones::with(const std::shared_ptr<const Tombstones>& base,
                                                   std::span<const uint32_t> slots) {
  if (slots.empty()) return base;
  auto result =
      base == nullptr ? std::make_shared<Tombstones>() : std::make_shared<Tombstones>(*base);
  std::vector<uint32_t> sorted(slots.begin(), slots.end());
  std::sort(sorted.begin(), sorted.end());

  for (size_t i = 0; i < sorted.size();) {
    const uint32_t page_number = sorted[i] / kSlotsPerPage;
    if (page_number >= result->pages_.size()) result->pages_.resize(page_number + 1);
    auto& shared = result->pages_[page_number];
    auto page = shared == nullptr ? std::make_shared<Page>() : std::make_shared<Page>(*shared);
    for (; i < sorted.size() && sorted[i] / kSlotsPerPage == page_number; ++i) {
      const uint32_t bit = sorted[i] % kSlotsPerPage;
      uint64_t& word = (*page)[bit / 64];
      const uint64_t flag = uint64_t{1} << (bit % 64);
      if ((word & flag) == 0) ++result->count_;
      word |= flag;
    }
    shared = std::move(page);
  }
  return result;
}

void Tombstones::clear_dead(std::span<uint64_t> mask) const {
  constexpr size_t kWordsPerPage = kSlotsPerPage / 64;
  for (size_t p = 0; p < pages_.size(); ++p) {
    if (pages_[p] == nullptr) continue;
    const size_t begin = p * kWordsPerPage;
    const size_t words = begin < mask.size() ? std::min(kWordsPerPage, mask.size() - begin) : 0;
    for (size_t w = 0; w < words; ++w) mask[begin + w] &= ~(*pages_[p])[w];
  }
}

std::vector<uint32_t> Tombstones::slots() const {
  std::vector<uint32_t> result;
  result.reserve(count_);
  for (size_t p = 0; p < pages_.size(); ++p) {
    if (pages_[p] == nullptr) continue;
    for (size_t w = 0; w < pages_[p]->size(); ++w) {
      for (uint64_t word = (*pages_[p])[w]; word != 0; word &= word - 1) {
        result.push_back(
            static_cast<uint32_t>(p * kSlotsPerPage + w * 64 + std::countr_zero(word)));
      }
    }
  }
  return result;
}

}  // namespace omendb::segment
