// A fixed number of bits: which rows of a segment match, are dead, or are wanted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"

namespace omendb {

/// Bit i lives in word i / 64 at place i % 64. Bits past size() are 0, always. Not synchronised.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(size_t bits, bool value = false)
      : bits_(bits), words_((bits + 63) / 64, value ? ~uint64_t{0} : 0) {
    clear_tail();
  }

  size_t size() const { return bits_; }
  std::span<const uint64_t> words() const { return words_; }
  /// For writing whole words; the caller keeps the bits past size() at 0.
  std::span<uint64_t> words() { return words_; }

  bool test(size_t i) const { return ((words_[i / 64] >> (i % 64)) & 1) != 0; }
  void set(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void reset(size_t i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }

  /// The set operations want bitmaps of one size.
  void and_with(const Bitmap& other) {
    OMEN_CHECK(other.bits_ == bits_);
    for (size_t w = 0; w < words_.size(); ++w) words_[w] &= other.words_[w];
  }
  void or_with(const Bitmap& other) {
    OMEN_CHECK(other.bits_ == bits_);
    for (size_t w = 0; w < words_.size(); ++w) words_[w] |= other.words_[w];
  }
  void and_not(const Bitmap& other) {
    OMEN_CHECK(other.bits_ == bits_);
    for (size_t w = 0; w < words_.size(); ++w) words_[w] &= ~other.words_[w];
  }
  void flip() {
    for (uint64_t& word : words_) word = ~word;
    clear_tail();
  }

  size_t count() const {
    size_t n = 0;
    for (uint64_t word : words_) n += static_cast<size_t>(std::popcount(word));
    return n;
  }
  bool any() const {
    for (uint64_t word : words_) {
      if (word != 0) return true;
    }
    return false;
  }

  /// Calls f(i) for each set bit, in ascending order.
  template <class F>
  void for_each_set(F&& f) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t word = words_[w]; word != 0; word &= word - 1) {
        f(w * 64 + static_cast<size_t>(std::countr_zero(word)));
      }
    }
  }

  bool operator==(const Bitmap&) const = default;

 private:
  void clear_tail() {
    if (bits_ % 64 != 0) words_.back() &= (uint64_t{1} << (bits_ % 64)) - 1;
  }

  size_t bits_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace omendb
