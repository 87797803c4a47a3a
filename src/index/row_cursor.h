// Walks the rows of a RowBlock that take part.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "index/exact_scan.h"

namespace omendb::index {

class RowCursor {
 public:
  explicit RowCursor(const RowBlock& block)
      : mask_(block.mask), count_(block.count), bits_(mask_ != nullptr ? word(0) : 0) {}

  /// Writes the next rows that take part, at most `max`, ascending. 0 at the end.
  size_t next(uint32_t* rows, size_t max) {
    return mask_ == nullptr ? run(rows, max) : pick(rows, max);
  }

 private:
  size_t run(uint32_t* rows, size_t max) {
    const size_t n = std::min(max, count_ - next_);
    for (size_t i = 0; i < n; ++i) rows[i] = static_cast<uint32_t>(next_ + i);
    next_ += n;
    return n;
  }

  size_t pick(uint32_t* rows, size_t max) {
    size_t n = 0;
    while (n < max) {
      if (bits_ == 0) {
        next_ += 64;
        if (next_ >= count_) {
          next_ = count_;
          break;
        }
        bits_ = word(next_);
        continue;
      }
      rows[n++] = static_cast<uint32_t>(next_ + static_cast<size_t>(std::countr_zero(bits_)));
      bits_ &= bits_ - 1;
    }
    return n;
  }

  // The mask from row `first`, a multiple of 64, without the bits beyond the last row.
  uint64_t word(size_t first) const {
    if (first >= count_) return 0;
    const uint64_t bits = mask_[first / 64];
    const size_t rest = count_ - first;
    return rest >= 64 ? bits : bits & ((uint64_t{1} << rest) - 1);
  }

  const uint64_t* mask_;
  size_t count_;
  size_t next_ = 0;  ///< with a mask: the first row of the current word
  uint64_t bits_;    ///< what is left of the current word
};

}  // namespace omendb::index
