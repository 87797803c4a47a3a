#include "codec/rotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "codec/table.h"

namespace omendb::codec {
namespace {

using internal::FloatLine;

class Aligned {
 public:
  explicit Aligned(size_t n) : lines_((n + 15) / 16, FloatLine{}) {}
  float* data() { return lines_.front().values; }

 private:
  std::vector<FloatLine> lines_;
};

double squares(const float* v, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(v[i]) * static_cast<double>(v[i]);
  return sum;
}

constexpr size_t kDims[] = {1, 3, 64, 100, 128, 129, 192, 768, 1000, 1536, 1984, 4096, 5000};

TEST(Rotation, KeepsLengthsAndAngles) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const size_t dim : kDims) {
    const Rotation rotation(dim, 7);
    const size_t padded = rotation.padded_dim();
    Aligned a(padded);
    Aligned b(padded);
    double dot = 0;
    for (size_t i = 0; i < dim; ++i) {
      a.data()[i] = normal(random);
      b.data()[i] = normal(random);
      dot += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
    }
    const double before = squares(a.data(), padded);
    rotation.apply(a.data());
    rotation.apply(b.data());
    double rotated_dot = 0;
    for (size_t i = 0; i < padded; ++i) {
      rotated_dot += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
    }
    const double scale = static_cast<double>(dim);
    EXPECT_NEAR(squares(a.data(), padded), before, 1e-5 * before) << "dim " << dim;
    EXPECT_NEAR(rotated_dot, dot, 1e-5 * scale) << "dim " << dim;
  }
}

TEST(Rotation, EveryInstructionSetYieldsTheSameBits) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const size_t dim : kDims) {
    const Rotation rotation(dim, 11);
    const size_t padded = rotation.padded_dim();
    Aligned input(padded);
    for (size_t i = 0; i < dim; ++i) input.data()[i] = normal(random);
    Aligned expected = input;
    rotation.apply(distance::Isa::kScalar, expected.data());
    for (const distance::Isa isa : distance::supported_isas()) {
      Aligned actual = input;
      rotation.apply(isa, actual.data());
      EXPECT_EQ(0, std::memcmp(actual.data(), expected.data(), padded * sizeof(float)))
          << distance::isa_name(isa) << ", dim " << dim;
    }
  }
}

TEST(Rotation, SpreadsASingleCoordinateOverAllOfThem) {
  // The share of energy in each eighth of the output stays near one eighth, wherever it began;
  // dimensions just under twice a power of two are the hard case for overlapping windows.
  for (const size_t dim : {128UL, 192UL, 448UL, 960UL, 1984UL}) {
    const Rotation rotation(dim, 3);
    const size_t padded = rotation.padded_dim();
    for (size_t hot = 0; hot < dim; hot += dim / 7) {
      Aligned v(padded);
      v.data()[hot] = 1.0F;
      rotation.apply(v.data());
      for (size_t part = 0; part < 8; ++part) {
        const double share = squares(v.data() + part * padded / 8, padded / 8);
        EXPECT_LT(share, 0.3) << "dim " << dim << ", hot " << hot << ", part " << part;
        EXPECT_GT(share, 0.02) << "dim " << dim << ", hot " << hot << ", part " << part;
      }
    }
  }
}

TEST(Rotation, SeedsGiveDifferentRotations) {
  Aligned a(64);
  Aligned b(64);
  a.data()[0] = b.data()[0] = 1.0F;
  Rotation(64, 1).apply(a.data());
  Rotation(64, 2).apply(b.data());
  EXPECT_NE(0, std::memcmp(a.data(), b.data(), 64 * sizeof(float)));
}

}  // namespace
}  // namespace omendb::codec
