#include "base/large_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace omendb {
namespace {

TEST(LargeArray, BeginsAPageAndHoldsAllItsElements) {
  for (const size_t n : {0UL, 1UL, 1'000UL, 3'000'000UL}) {
    const LargeArray<uint32_t> array = make_large_array<uint32_t>(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.get()) % kPageBytes, 0U);
    for (size_t i = 0; i < n; ++i) array[i] = static_cast<uint32_t>(i * 7);
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(array[i], static_cast<uint32_t>(i * 7));
  }
}

TEST(LargeArray, PopulatingChangesNoByteWhereverItBegins) {
  constexpr size_t kBytes = 100'000;
  const LargeArray<uint8_t> array = make_large_array<uint8_t>(kBytes);
  std::fill_n(array.get(), kBytes, uint8_t{9});
  populate(array.get(), kBytes);
  populate(array.get() + kPageBytes - 1, 2);
  populate(array.get() + 5'000, kBytes - 5'000);
  EXPECT_EQ(std::count(array.get(), array.get() + kBytes, uint8_t{9}), kBytes);
}

}  // namespace
}  // namespace omendb
