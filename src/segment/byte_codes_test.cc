#include "segment/byte_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "segment/segment_test_util.h"

namespace omendb::segment {
namespace {

constexpr VectorSpec kSpec{40, Metric::kL2, Element::kF32};
constexpr uint32_t kRows = 3'000;

struct Fixture {
  explicit Fixture(uint32_t seed) {
    std::mt19937 rng(seed);
    vectors = testing::random_vectors(kSpec, kRows, rng);
    const codec::sq8::Encoder encoder({kSpec.metric, kSpec.element, kSpec.dim});
    code_bytes = encoder.code_bytes();
    codes.resize(kRows * code_bytes);
    encoder.encode(vectors.data(), kSpec.row_bytes(), kRows, codes.data());
  }
  bool right(const std::byte* got, uint32_t rows) const {
    return std::equal(got, got + rows * code_bytes, codes.begin());
  }

  std::vector<std::byte> vectors;
  std::vector<std::byte> codes;
  size_t code_bytes = 0;
};

TEST(ByteCodes, AreThoseOfTheRowsHoweverTheyGrow) {
  const Fixture data(1);
  ByteCodes codes(kSpec, kRows);
  ASSERT_TRUE(codes.useful());
  for (const uint32_t rows : {1U, 33U, 2'000U, 7U, kRows}) {
    const std::byte* got = codes.of(data.vectors.data(), rows).bytes;
    ASSERT_NE(got, nullptr);
    EXPECT_TRUE(data.right(got, rows)) << rows;
  }
}

TEST(ByteCodes, AreNotMadeForVectorsThatWouldSaveLittleOrTakeTooMuch) {
  const auto useful = [](size_t dim, Element element, uint32_t rows) {
    return ByteCodes({dim, Metric::kL2, element}, rows).useful();
  };
  EXPECT_TRUE(useful(128, Element::kF32, 131'072)) << "a memtable of the default size";
  EXPECT_TRUE(useful(1'536, Element::kF32, 10'922));
  EXPECT_FALSE(useful(128, Element::kF32, 300'000));
  EXPECT_FALSE(useful(4, Element::kF32, 1'000));
  EXPECT_FALSE(useful(0, Element::kF32, 1'000));
  EXPECT_FALSE(useful(128, Element::kF16, 1'000));
  EXPECT_FALSE(useful(128, Element::kI8, 1'000));
}

TEST(ByteCodes, ThreadsThatAskAtTheSameTimeGetTheRightCodesOrNone) {
  for (uint32_t round = 0; round < 20; ++round) {
    const Fixture data(round);
    ByteCodes codes(kSpec, kRows);
    std::atomic<uint32_t> wrong{0};
    std::atomic<uint32_t> none{0};
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint32_t rows = 100 + t; rows < kRows; rows += 100) {
          const std::byte* got = codes.of(data.vectors.data(), rows).bytes;
          if (got == nullptr) {
            ++none;
          } else if (!data.right(got, rows)) {
            ++wrong;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_LT(none, 4 * 29U) << "one of them makes the codes";
    EXPECT_TRUE(data.right(codes.of(data.vectors.data(), kRows).bytes, kRows));
  }
}

}  // namespace
}  // namespace omendb::segment
