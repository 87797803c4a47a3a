#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"

namespace omendb {
namespace {

// The definition, a bit at a time.
uint32_t oracle(uint32_t crc, std::span<const std::byte> bytes) {
  crc = ~crc;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
  }
  return ~crc;
}

TEST(Crc32cTest, EveryImplementationGivesTheVectorsOfRfc3720) {
  std::vector<std::byte> up(32);
  std::vector<std::byte> down(32);
  for (size_t i = 0; i < 32; ++i) {
    up[i] = static_cast<std::byte>(i);
    down[i] = static_cast<std::byte>(31 - i);
  }
  for (const auto& implementation : crc32c::implementations()) {
    const auto crc = [&](std::span<const std::byte> bytes) {
      return implementation.extend(0, bytes.data(), bytes.size());
    };
    EXPECT_EQ(crc(std::vector<std::byte>(32)), 0x8A9136AAu) << implementation.name;
    EXPECT_EQ(crc(std::vector<std::byte>(32, std::byte{0xff})), 0x62A8AB43u);
    EXPECT_EQ(crc(up), 0x46DD794Eu);
    EXPECT_EQ(crc(down), 0x113FDB5Cu);
    EXPECT_EQ(crc(as_bytes("123456789")), 0xE3069283u);
    EXPECT_EQ(crc({}), 0u);
  }
}

TEST(Crc32cTest, EveryImplementationEqualsTheBitwiseOracleAtEveryLengthAndAlignment) {
  std::mt19937_64 random(1);
  std::vector<std::byte> bytes(9'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  std::vector<size_t> lengths = {1'360 * 3, 4'095, 4'096, 4'097, 8'159, 8'160, 8'192, 8'990};
  for (size_t n = 0; n < 1'100; n += (n < 40 ? 1 : 7)) lengths.push_back(n);
  for (const auto& implementation : crc32c::implementations()) {
    for (const size_t length : lengths) {
      const size_t offset = random() % 9;
      const auto crc = static_cast<uint32_t>(random());
      const auto part = std::span(bytes).subspan(offset, length);
      ASSERT_EQ(implementation.extend(crc, part.data(), part.size()), oracle(crc, part))
          << implementation.name << ", " << length << " bytes at " << offset;
    }
  }
}

TEST(Crc32cTest, ExtendingPieceByPieceEqualsTheWhole) {
  std::mt19937_64 random(2);
  std::vector<std::byte> bytes(20'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  uint32_t crc = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t take = std::min<size_t>(bytes.size() - at, random() % 6'000);
    crc = crc32c::extend(crc, std::span(bytes).subspan(at, take));
    at += take;
  }
  EXPECT_EQ(crc, crc32c::of(bytes));
  EXPECT_EQ(crc, oracle(0, bytes));
}

}  // namespace
}  // namespace omendb
