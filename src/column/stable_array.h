// An array that grows without moving, so that readers may read it while one writer appends.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <span>

namespace omendb::column {

/// Block b holds kFirstBlock << b elements, so that a place is found with one bit scan, no block
/// ever moves, and memory that is not yet used is at most about as much as what is. Fresh elements
/// are uninitialised. One writer; readers touch only what the writer wrote before it published.
template <class T>
class StableArray {
 public:
  static constexpr size_t kFirstBlock = 2'048;

  const T& operator[](size_t i) const {
    const Place place = locate(i);
    return blocks_[place.block][place.offset];
  }

  /// Elements [first, first + n), which must lie in one aligned run of kFirstBlock.
  std::span<const T> run(size_t first, size_t n) const {
    if (n == 0) return {};
    const Place place = locate(first);
    return {blocks_[place.block].get() + place.offset, n};
  }

  /// Calls write(T* elements, size_t done, size_t count) for each contiguous piece of
  /// [first, first + n), allocating where needed. Writer only.
  template <class F>
  void write(size_t first, size_t n, F&& write_piece) {
    for (size_t done = 0; done < n;) {
      const Place place = locate(first + done);
      const size_t block_size = kFirstBlock << place.block;
      auto& block = blocks_[place.block];
      if (block == nullptr) {
        block = std::make_unique_for_overwrite<T[]>(block_size);
        bytes_ += block_size * sizeof(T);
      }
      const size_t count = std::min(n - done, block_size - place.offset);
      write_piece(block.get() + place.offset, done, count);
      done += count;
    }
  }
  void fill(size_t first, size_t n, T value) {
    write(first, n, [&](T* to, size_t, size_t count) { std::fill_n(to, count, value); });
  }

  /// The same pieces, for reading: read(const T* elements, size_t count).
  template <class F>
  void read(size_t first, size_t n, F&& read_piece) const {
    for (size_t done = 0; done < n;) {
      const Place place = locate(first + done);
      const size_t count = std::min(n - done, (kFirstBlock << place.block) - place.offset);
      read_piece(blocks_[place.block].get() + place.offset, count);
      done += count;
    }
  }

  size_t bytes() const { return bytes_; }  ///< allocated; writer only

 private:
  struct Place {
    size_t block;
    size_t offset;
  };
  static Place locate(size_t i) {
    const size_t q = i / kFirstBlock + 1;
    const size_t block = static_cast<size_t>(std::bit_width(q)) - 1;
    return {block, i - kFirstBlock * ((size_t{1} << block) - 1)};
  }

  std::array<std::unique_ptr<T[]>, 40> blocks_;
  size_t bytes_ = 0;
};

}  // namespace omendb::column
