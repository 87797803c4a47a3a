#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace omendb {
namespace {

TEST(BytesTest, WhatIsWrittenIsReadBack) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.u8(0xfe);
  writer.u16(0xfedc);
  writer.u32(0xfedcba98);
  writer.u64(0xfedcba9876543210);
  writer.i64(-5);
  writer.f32(1.5f);
  writer.f64(-2.25);
  writer.string("text");
  uint8_t a = 0;
  uint16_t b = 0;
  uint32_t c = 0;
  uint64_t d = 0;
  int64_t e = 0;
  float f = 0;
  double g = 0;
  std::string h;
  ByteReader reader(out);
  ASSERT_TRUE(reader.u8(a) && reader.u16(b) && reader.u32(c) && reader.u64(d) && reader.i64(e) &&
              reader.f32(f) && reader.f64(g) && reader.string(h));
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(a, 0xfe);
  EXPECT_EQ(b, 0xfedc);
  EXPECT_EQ(c, 0xfedcba98u);
  EXPECT_EQ(d, 0xfedcba9876543210u);
  EXPECT_EQ(e, -5);
  EXPECT_EQ(f, 1.5f);
  EXPECT_EQ(g, -2.25);
  EXPECT_EQ(h, "text");
  EXPECT_EQ(out[1], std::byte{0xdc});  // the low byte first
}

TEST(BytesTest, VarintsRoundTripAtEveryWidthAndRefuseOverlongOnes) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {(uint64_t{1} << shift) - 1, uint64_t{1} << shift,
                                 std::numeric_limits<uint64_t>::max() >> shift}) {
      std::vector<std::byte> out;
      ByteWriter(out).varint(value);
      uint64_t read = 0;
      ByteReader reader(out);
      ASSERT_TRUE(reader.varint(read));
      EXPECT_EQ(read, value);
      for (size_t cut = 0; cut < out.size(); ++cut) {
        ByteReader short_reader{std::span(out).first(cut)};
        EXPECT_FALSE(short_reader.varint(read));
        EXPECT_EQ(short_reader.position(), 0u);
      }
    }
  }
  uint64_t value = 0;
  EXPECT_FALSE(ByteReader(std::vector<std::byte>(11, std::byte{0x80})).varint(value));
  std::vector<std::byte> past(9, std::byte{0xff});
  past.push_back(std::byte{0x02});
  EXPECT_FALSE(ByteReader(past).varint(value));
}

TEST(BytesTest, ALyingLengthIsRefusedAndTheReaderStaysPut) {
  std::vector<std::byte> out;
  ByteWriter(out).varint(std::numeric_limits<uint64_t>::max());
  ByteReader reader(out);
  std::string text = "untouched";
  EXPECT_FALSE(reader.string(text));
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_EQ(text, "untouched");
}

}  // namespace
}  // namespace omendb
