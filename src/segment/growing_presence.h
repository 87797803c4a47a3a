// Which rows of a memtable have a vector in a field.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bitmap.h"

namespace omendb::segment {

/// One bit a row, from the first row on that has no vector; nothing before, so that fields which
/// every row has a vector in cost nothing. One caller at a time appends. Any thread may ask about
/// rows whose append() it knows of, beside the appending of others: bits never change, and words
/// that two batches share are atomic.
class GrowingPresence {
 public:
  explicit GrowingPresence(uint32_t capacity) : words_needed_((size_t{capacity} + 63) / 64) {}

  /// @param present  which of the rows have a vector; null: all.
  void append(uint32_t first, uint32_t rows, const Bitmap* present) {
    if (present == nullptr && complete()) return;
    start(first);
    set(first, rows, present);
  }
  /// Rows without a vector.
  void append_none(uint32_t first) { start(first); }

  /// Whether no row without a vector was appended yet.
  bool complete() const { return words_.load(std::memory_order_acquire) == nullptr; }
  bool has(uint32_t row) const {
    const Word* words = words_.load(std::memory_order_acquire);
    return words == nullptr ||
           (words[row / 64].load(std::memory_order_relaxed) >> (row % 64) & 1) != 0;
  }
  /// Rows of [first, end) that have a vector.
  uint32_t count(uint32_t first, uint32_t end) const;
  /// Clears the bits of rows without a vector; bit 0 is row 0.
  void clear_absent(std::span<uint64_t> mask) const;

 private:
  using Word = std::atomic<uint64_t>;

  void start(uint32_t first);
  void set(uint32_t first, uint32_t rows, const Bitmap* present);

  const size_t words_needed_;
  std::unique_ptr<Word[]> owner_;
  std::atomic<Word*> words_{nullptr};
};

}  // namespace omendb::segment
