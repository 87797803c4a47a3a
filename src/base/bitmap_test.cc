#include "base/bitmap.h"

#include <gtest/gtest.h>

#include <random>

namespace omendb {
namespace {

TEST(Bitmap, SetOperationsEqualThoseOnBools) {
  std::mt19937 rng(11);
  for (size_t bits : {0, 1, 63, 64, 65, 200, 2'048}) {
    std::vector<bool> a(bits), b(bits);
    Bitmap x(bits), y(bits);
    for (size_t i = 0; i < bits; ++i) {
      if ((a[i] = rng() % 2 == 0)) x.set(i);
      if ((b[i] = rng() % 2 == 0)) y.set(i);
    }
    Bitmap both = x, either = x, only = x, neither = x;
    both.and_with(y);
    either.or_with(y);
    only.and_not(y);
    neither.flip();
    size_t count = 0;
    for (size_t i = 0; i < bits; ++i) {
      EXPECT_EQ(both.test(i), a[i] && b[i]);
      EXPECT_EQ(either.test(i), a[i] || b[i]);
      EXPECT_EQ(only.test(i), a[i] && !b[i]);
      EXPECT_EQ(neither.test(i), !a[i]);
      count += a[i];
    }
    EXPECT_EQ(x.count(), count);
    EXPECT_EQ(neither.count(), bits - count);
    std::vector<bool> seen(bits);
    x.for_each_set([&](size_t i) { seen[i] = true; });
    EXPECT_EQ(seen, a);
    EXPECT_EQ(Bitmap(bits, true).count(), bits);
    EXPECT_EQ(x.any(), count > 0);
  }
}

}  // namespace
}  // namespace omendb
