// Memory for big arrays that are filled from their beginning.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace omendb {

inline constexpr size_t kPageBytes = 4'096;

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using LargeArray = std::unique_ptr<T[], FreeMemory>;

/// `n` elements, unset, from the start of a page. Memory is taken as it is touched.
/// @throws std::bad_alloc
template <class T>
LargeArray<T> make_large_array(size_t n) {
  static_assert(std::is_trivially_copyable_v<T>);
  const size_t bytes = (n * sizeof(T) + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* memory = std::aligned_alloc(kPageBytes, std::max(bytes, kPageBytes));
  if (memory == nullptr) throw std::bad_alloc();
  return LargeArray<T>(static_cast<T*>(memory));
}

/// Asks the system to back the pages of [begin, begin + bytes) in one call: a page fault at the
/// first touch of each page costs more than copying the page. Contents stay. Only a hint.
void populate(void* begin, size_t bytes);

}  // namespace omendb
