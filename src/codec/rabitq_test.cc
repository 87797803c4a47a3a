// The oracle is written from the paper in double precision: it reads the block byte by byte from
// the table in rabitq.h, and shares nothing with the kernels but the rotation.
#include "codec/rabitq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "codec/table.h"

namespace omendb::codec::rabitq {
namespace {

constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};

struct Decoded {
  std::vector<int> signs;  ///< +1 or -1, padded_dim of them
  double add;
  double rescale;
};

double bf16_at(const std::byte* p) {
  const uint32_t bits = std::to_integer<uint32_t>(p[0]) | std::to_integer<uint32_t>(p[1]) << 8;
  return static_cast<double>(std::bit_cast<float>(bits << 16));
}

Decoded decode(const std::byte* block, size_t dim, size_t lane) {
  const size_t padded = (dim + 63) / 64 * 64;
  Decoded out;
  const size_t position = lane < 16 ? 2 * lane : 2 * (lane - 16) + 1;
  for (size_t i = 0; i < padded; ++i) {
    const size_t at = i / 4 * 16 + 2 * (position % 8) + (position / 8) % 2;
    const auto byte = std::to_integer<unsigned>(block[at]);
    const unsigned nibble = position >= 16 ? byte >> 4 : byte & 15U;
    out.signs.push_back((nibble >> (i % 4) & 1U) != 0 ? 1 : -1);
  }
  out.add = bf16_at(block + 4 * padded + 2 * position);
  out.rescale = bf16_at(block + 4 * padded + 64 + 2 * position);
  return out;
}

std::vector<double> rotated(const std::vector<double>& v, uint64_t seed) {
  const Rotation rotation(v.size(), seed);
  std::vector<internal::FloatLine> lines(rotation.padded_dim() / 16, internal::FloatLine{});
  float* values = lines.front().values;
  for (size_t i = 0; i < v.size(); ++i) values[i] = static_cast<float>(v[i]);
  rotation.apply(distance::Isa::kScalar, values);
  return {values, values + rotation.padded_dim()};
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<double> normalised(std::vector<double> v) {
  const double norm = std::sqrt(dot(v, v));
  for (double& x : v) x = norm > 0 ? x / norm : 0;
  return v;
}

double exact_distance(Metric metric, std::vector<double> q, std::vector<double> x) {
  if (metric == Metric::kInnerProduct) return -dot(q, x);
  if (metric == Metric::kCosine) return 1 - dot(normalised(q), normalised(x));
  for (size_t i = 0; i < q.size(); ++i) q[i] -= x[i];
  return dot(q, q);
}

/// The estimate of the paper for a decoded lane, with an unquantised query.
double oracle_estimate(Metric metric, std::vector<double> q, const std::vector<double>& center,
                       uint64_t seed, const Decoded& code) {
  if (metric == Metric::kCosine) q = normalised(q);
  const double squares = dot(center, center);
  const double along = metric == Metric::kL2 ? 1 : (squares > 0 ? dot(q, center) / squares : 0);
  const double qc = dot(q, center);
  for (size_t i = 0; i < q.size(); ++i) q[i] -= along * center[i];
  const std::vector<double> r = rotated(q, seed);
  double sum = 0;
  for (size_t i = 0; i < r.size(); ++i) sum += code.signs[i] * r[i];
  const double add = metric == Metric::kL2 ? dot(q, q) : (metric == Metric::kCosine ? 1 : 0) - qc;
  const double scale = metric == Metric::kL2 ? 1 : along * std::sqrt(squares);
  return code.add * scale + add + code.rescale * sum;
}

class Fixture {
 public:
  Fixture(Metric metric, size_t dim, size_t rows, uint32_t seed, float center_shift = 0.5F)
      : random_(seed), dim_(dim) {
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < dim; ++i) center_.push_back(center_shift * normal(random_));
    for (size_t i = 0; i < rows * dim; ++i) rows_.push_back(center_[i % dim] + normal(random_));
    for (size_t i = 0; i < dim; ++i) query_.push_back(center_[i] + normal(random_));
    if (metric == Metric::kCosine) {
      for (float& c : center_) c /= std::sqrt(static_cast<float>(dim));
    }
  }
  std::vector<double> row(size_t i) const {
    return {rows_.begin() + static_cast<std::ptrdiff_t>(i * dim_),
            rows_.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim_)};
  }
  std::vector<double> query() const { return {query_.begin(), query_.end()}; }
  std::vector<double> center() const { return {center_.begin(), center_.end()}; }

  std::mt19937 random_;
  size_t dim_;
  std::vector<float> center_;
  std::vector<float> rows_;
  std::vector<float> query_;
};

std::vector<std::byte> encode(const Encoder& encoder, distance::Isa isa, const float* rows,
                              size_t n) {
  const size_t dim = encoder.options().dim;
  std::vector<std::byte> out(coded_bytes(dim, n));
  for (size_t i = 0; i < n; i += kBlockRows) {
    encoder.encode_block(isa, rows + i * dim, dim * sizeof(float), std::min(kBlockRows, n - i),
                         out.data() + i / kBlockRows * encoder.block_bytes());
  }
  return out;
}

constexpr size_t kDims[] = {1, 3, 17, 64, 100, 128, 129, 768, 1000, 1536, 4096, 4160, 9000};

TEST(Rabitq, EstimatesAgreeWithTheOracleOnEveryInstructionSet) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      const Fixture data(metric, dim, 32, 5);
      const Encoder encoder({.metric = metric, .dim = dim, .seed = 9}, data.center_.data());
      const auto block = encode(encoder, distance::Isa::kScalar, data.rows_.data(), 32);
      const PreparedQuery query = encoder.prepare(data.query_.data());
      for (const distance::Isa isa : distance::supported_isas()) {
        float estimates[32];
        uint32_t hits = 0;
        block_scan(isa)(query, block.data(), 1, std::numeric_limits<float>::infinity(), estimates,
                        &hits);
        EXPECT_EQ(hits, ~0U);
        for (size_t v = 0; v < 32; ++v) {
          const Decoded code = decode(block.data(), dim, v);
          const double expected = oracle_estimate(metric, data.query(), data.center(), 9, code);
          // Six bits a table: D / 4 roundings of half a step at worst, some four sigma in fact.
          const double slack = std::fabs(code.rescale) * static_cast<double>(query.step) *
                                   std::sqrt(static_cast<double>(query.padded_dim) / 48) * 5 +
                               1e-4 * std::fabs(expected);
          EXPECT_NEAR(static_cast<double>(estimates[v]), expected, slack)
              << distance::isa_name(isa) << " " << metric_name(metric) << " dim " << dim << " lane "
              << v;
        }
      }
    }
  }
}

TEST(Rabitq, CodesAndSumsAreTheSameBitsOnEveryInstructionSet) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      const Fixture data(metric, dim, 45, 6);
      const Encoder encoder({.metric = metric, .dim = dim, .seed = 10}, data.center_.data());
      const auto expected = encode(encoder, distance::Isa::kScalar, data.rows_.data(), 45);
      const PreparedQuery query = encoder.prepare(data.query_.data());
      uint32_t expected_sums[32];
      internal::codec_table(distance::Isa::kScalar)
          .block_sums(query.tables(), query.padded_dim, expected.data(), expected_sums);
      for (const distance::Isa isa : distance::supported_isas()) {
        EXPECT_EQ(encode(encoder, isa, data.rows_.data(), 45), expected)
            << distance::isa_name(isa) << " " << metric_name(metric) << " dim " << dim;
        uint32_t sums[32];
        internal::codec_table(isa).block_sums(query.tables(), query.padded_dim, expected.data(),
                                              sums);
        EXPECT_TRUE(std::equal(sums, sums + 32, expected_sums))
            << distance::isa_name(isa) << " dim " << dim;
      }
    }
  }
}

TEST(Rabitq, SumsDoNotOverflowAtTheLargestDimension) {
  const size_t dim = kMaxDimension;
  std::vector<uint8_t> bytes(dim * 4 + 64, 63);
  uint8_t* tables = bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
  const std::vector<std::byte> block(block_bytes(dim), std::byte{0xa5});
  for (const distance::Isa isa : distance::supported_isas()) {
    uint32_t sums[32];
    internal::codec_table(isa).block_sums(tables, dim, block.data(), sums);
    for (const uint32_t sum : sums) EXPECT_EQ(sum, dim / 4 * 63) << distance::isa_name(isa);
  }
}

/// Errors of many estimates, in units of the promised standard deviation.
std::vector<double> standard_errors(Metric metric, size_t dim, uint32_t seed) {
  std::vector<double> out;
  for (uint32_t round = 0; round < 6; ++round) {  // a new rotation each
    const Fixture data(metric, dim, 512, seed + round);
    const Encoder encoder({.metric = metric, .dim = dim, .seed = seed * 100 + round},
                          data.center_.data());
    const auto codes = encode(encoder, distance::active_isa(), data.rows_.data(), 512);
    const PreparedQuery query = encoder.prepare(data.query_.data());
    std::vector<float> estimates(512);
    std::vector<uint32_t> hits(16);
    block_scan()(query, codes.data(), 16, 0, estimates.data(), hits.data());
    for (size_t i = 0; i < 512; ++i) {
      const double exact = exact_distance(metric, data.query(), data.row(i));
      const Decoded code = decode(codes.data() + i / 32 * encoder.block_bytes(), dim, i % 32);
      const double sigma = std::fabs(code.rescale) * static_cast<double>(query.error_scale);
      out.push_back((static_cast<double>(estimates[i]) - exact) / sigma);
    }
  }
  return out;
}

TEST(Rabitq, EstimatesAreUnbiasedAndWithinTheBoundAtThePromisedRate) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : {64UL, 128UL, 300UL, 768UL}) {
      const std::vector<double> errors = standard_errors(metric, dim, 21);
      const auto n = static_cast<double>(errors.size());
      double mean = 0;
      double squares = 0;
      size_t outside = 0;
      for (const double e : errors) {
        mean += e / n;
        squares += e * e / n;
        outside += e > static_cast<double>(kDefaultEpsilon) ? 1 : 0;
      }
      const std::string what = std::string(metric_name(metric)) + " dim " + std::to_string(dim);
      // Errors of one query's rows share the query's rotation, so the mean is wider than n says.
      EXPECT_NEAR(mean, 0, 0.1) << what;
      EXPECT_LT(squares, 1.1) << what;   // the bound allows for the worst vectors,
      EXPECT_GT(squares, 0.45) << what;  // but is no caricature
      EXPECT_LT(static_cast<double>(outside) / n, 0.004) << what;
    }
  }
}

TEST(Rabitq, LowerBoundIsBelowTheEstimateByEpsilonDeviations) {
  const Fixture data(Metric::kL2, 128, 32, 8);
  const Encoder encoder({.metric = Metric::kL2, .dim = 128, .seed = 1}, data.center_.data());
  const auto block = encode(encoder, distance::active_isa(), data.rows_.data(), 32);
  const PreparedQuery query = encoder.prepare(data.query_.data());
  float estimates[32];
  uint32_t hits = 0;
  block_scan()(query, block.data(), 1, 0, estimates, &hits);
  for (size_t v = 0; v < 32; ++v) {
    const float one = lower_bound(query, block.data(), v, estimates[v], 1);
    const float three = lower_bound(query, block.data(), v, estimates[v], 3);
    const double sigma =
        std::fabs(decode(block.data(), 128, v).rescale) * static_cast<double>(query.error_scale);
    EXPECT_NEAR(static_cast<double>(one - three), 2 * sigma, 1e-3 * sigma);
    EXPECT_LT(one, estimates[v]);
  }
}

struct Spread {
  double mean;
  double deviation;
};

/// Errors of many estimates in units of standard_error(), for rows at about the given angle from
/// the query as seen from the center, of varied lengths. Cosine compares directions of whole
/// vectors, so there the center is 0.
Spread spread_of_errors(Metric metric, size_t dim, double angle, uint32_t seed) {
  double sum = 0;
  double squares = 0;
  constexpr uint32_t kRounds = 32;  // near rows share most of their error, so many rotations
  constexpr size_t kRows = 64;
  for (uint32_t round = 0; round < kRounds; ++round) {
    Fixture data(metric, dim, kRows, seed + round);
    if (metric == Metric::kCosine) std::fill(data.center_.begin(), data.center_.end(), 0.0F);
    std::normal_distribution<float> normal;
    const auto along = static_cast<float>(std::cos(angle));
    const auto across = static_cast<float>(std::sin(angle));
    for (size_t i = 0; i < data.rows_.size(); ++i) {
      const size_t d = i % dim;
      const float length = 0.5F + static_cast<float>(i / dim % 4) * 0.5F;
      const float q = data.query_[d] - data.center_[d];
      data.rows_[i] = data.center_[d] + length * (along * q + across * normal(data.random_));
    }
    const Encoder encoder({.metric = metric, .dim = dim, .seed = seed * 100 + round},
                          data.center_.data());
    const auto codes = encode(encoder, distance::active_isa(), data.rows_.data(), kRows);
    const PreparedQuery query = encoder.prepare(data.query_.data());
    std::vector<float> estimates(kRows);
    std::vector<uint32_t> hits(kRows / 32);
    block_scan()(query, codes.data(), kRows / 32, 0, estimates.data(), hits.data());
    for (size_t i = 0; i < kRows; ++i) {
      const std::byte* block = codes.data() + i / 32 * encoder.block_bytes();
      const double exact = exact_distance(metric, data.query(), data.row(i));
      const double error = static_cast<double>(estimates[i]) - exact;
      const float sigma = standard_error(query, block, i % 32, estimates[i]);
      sum += error / static_cast<double>(sigma);
      squares += error * error / static_cast<double>(sigma) / static_cast<double>(sigma);
    }
  }
  constexpr double kCount = kRounds * kRows;
  const double mean = sum / kCount;
  return {mean, std::sqrt(squares / kCount - mean * mean)};
}

TEST(Rabitq, StandardErrorIsThatOfNearAndOfFarVectors) {
  constexpr double kDegree = 3.14159265358979 / 180;
  for (const Metric metric : kMetrics) {
    for (const size_t dim : {128UL, 768UL}) {
      for (const double degrees : {10.0, 25.0, 45.0, 90.0, 135.0}) {
        const Spread spread = spread_of_errors(metric, dim, degrees * kDegree, 31);
        const std::string what = std::string(metric_name(metric)) + " dim " + std::to_string(dim) +
                                 " at " + std::to_string(degrees) + " degrees";
        EXPECT_LE(spread.deviation, 1.1) << what;
        EXPECT_GE(spread.deviation, 0.5) << what;
        EXPECT_NEAR(spread.mean, 0, 0.4) << what;
      }
    }
  }
}

TEST(Rabitq, TheRoundingOfStoredFactorsIsAllowedFor) {
  // Row and query lie along the center, so that nothing is estimated: f_add alone is off. It is
  // -257, which lies in the middle between two numbers of eight significant bits.
  const size_t dim = 64;
  std::vector<float> center(dim);
  center[0] = 1;
  std::vector<float> row(dim);
  row[0] = 258;
  const Encoder encoder({.metric = Metric::kInnerProduct, .dim = dim}, center.data());
  const auto block = encode(encoder, distance::active_isa(), row.data(), 1);
  const PreparedQuery query = encoder.prepare(center.data());
  float estimates[32];
  uint32_t hits = 0;
  block_scan()(query, block.data(), 1, 0, estimates, &hits);
  ASSERT_EQ(estimates[0], -257.0F);  // not -258
  EXPECT_GE(standard_error(query, block.data(), 0, estimates[0]), 1.0F);
  EXPECT_LE(lower_bound(query, block.data(), 0, estimates[0], 0), -258.0F);
}

TEST(Rabitq, EmptyLanesAreNeverHits) {
  for (const size_t n : {1UL, 7UL, 16UL, 31UL}) {
    const Fixture data(Metric::kInnerProduct, 100, 32, 9);
    const Encoder encoder({.metric = Metric::kInnerProduct, .dim = 100}, data.center_.data());
    const auto block = encode(encoder, distance::active_isa(), data.rows_.data(), n);
    std::vector<float> negative = data.query_;
    for (float& x : negative) x = -x;
    for (const distance::Isa isa : distance::supported_isas()) {
      for (const float* q : {data.query_.data(), static_cast<const float*>(negative.data())}) {
        float estimates[32];
        uint32_t hits = 0;
        block_scan(isa)(encoder.prepare(q), block.data(), 1, std::numeric_limits<float>::infinity(),
                        estimates, &hits);
        EXPECT_EQ(hits, (1U << n) - 1) << distance::isa_name(isa) << ", " << n << " rows";
      }
    }
  }
}

TEST(Rabitq, DegenerateAndHugeVectorsNeverGiveNaN) {
  const size_t dim = 100;
  const float values[] = {0.0F, 1.0F, -1.0F, 1e-30F, 1e18F, -1e30F, 3e38F, -3e38F};
  for (const Metric metric : kMetrics) {
    for (const float center_value : {0.0F, 1.0F, 1e15F}) {
      const std::vector<float> center(dim, center_value);
      const Encoder encoder({.metric = metric, .dim = dim, .seed = 2}, center.data());
      std::vector<float> rows;
      for (const float v : values) rows.insert(rows.end(), dim, v);
      for (const distance::Isa isa : distance::supported_isas()) {
        const auto block = encode(encoder, isa, rows.data(), std::size(values));
        for (const float q : values) {
          const std::vector<float> query(dim, q);
          float estimates[32];
          uint32_t hits = 0;
          block_scan(isa)(encoder.prepare(query.data()), block.data(), 1,
                          std::numeric_limits<float>::infinity(), estimates, &hits);
          for (size_t v = 0; v < std::size(values); ++v) {
            EXPECT_FALSE(std::isnan(estimates[v]))
                << metric_name(metric) << " query " << q << " row " << values[v];
          }
        }
      }
    }
  }
}

TEST(Rabitq, TinyVectorsHaveTheCodesOfTheirMultiples) {
  // Under l2 their distances vanish, but inner products with a query of usual length do not.
  const size_t dim = 100;
  Fixture data(Metric::kInnerProduct, dim, 32, 14);
  const Encoder usual({.metric = Metric::kInnerProduct, .dim = dim}, data.center_.data());
  const auto expected = encode(usual, distance::active_isa(), data.rows_.data(), 32);
  for (const float scale : {0x1p-40F, 0x1p-60F, 0x1p-100F}) {
    SCOPED_TRACE(scale);
    std::vector<float> rows = data.rows_;
    for (float& x : rows) x *= scale;
    std::vector<float> center = data.center_;
    for (float& x : center) x *= scale;
    const Encoder tiny({.metric = Metric::kInnerProduct, .dim = dim}, center.data());
    const auto block = encode(tiny, distance::active_isa(), rows.data(), 32);
    for (size_t v = 0; v < 32; ++v) {
      const Decoded is = decode(block.data(), dim, v);
      const Decoded wanted = decode(expected.data(), dim, v);
      EXPECT_EQ(is.signs, wanted.signs);
      EXPECT_NEAR(is.add / double{scale}, wanted.add, 0.01 * std::fabs(wanted.add));
      EXPECT_NEAR(is.rescale / double{scale}, wanted.rescale, 0.01 * std::fabs(wanted.rescale));
    }
  }
}

TEST(Rabitq, TheCenterItselfIsEstimatedExactly) {
  const Fixture data(Metric::kL2, 77, 1, 12);
  const Encoder encoder({.metric = Metric::kL2, .dim = 77, .seed = 3}, data.center_.data());
  const auto block = encode(encoder, distance::active_isa(), data.center_.data(), 1);
  float estimates[32];
  uint32_t hits = 0;
  block_scan()(encoder.prepare(data.query_.data()), block.data(), 1, 0, estimates, &hits);
  const double exact = exact_distance(Metric::kL2, data.query(), data.center());
  EXPECT_NEAR(static_cast<double>(estimates[0]), exact, 1e-5 * exact);
}

TEST(Rabitq, ScalingAQueryOfInnerProductsKeepsTheRanking) {
  // The query's part along the center is exact, so a short query is not drowned by the center.
  const Fixture data(Metric::kInnerProduct, 128, 32, 13, 10.0F);
  const Encoder encoder({.metric = Metric::kInnerProduct, .dim = 128}, data.center_.data());
  const auto block = encode(encoder, distance::active_isa(), data.rows_.data(), 32);
  std::vector<float> tiny = data.query_;
  for (float& x : tiny) x *= 0x1p-10F;
  float full[32];
  float scaled[32];
  uint32_t hits = 0;
  block_scan()(encoder.prepare(data.query_.data()), block.data(), 1, 0, full, &hits);
  block_scan()(encoder.prepare(tiny.data()), block.data(), 1, 0, scaled, &hits);
  for (size_t v = 0; v < 32; ++v) EXPECT_NEAR(scaled[v] * 0x1p10F, full[v], 1e-3F * 128);
}

TEST(Rabitq, HalfAndByteRowsEncodeLikeTheirFloats) {
  const size_t dim = 130;
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  std::vector<int8_t> bytes;
  for (size_t i = 0; i < 32 * dim; ++i) {
    const int value = static_cast<int>(i * 37 % 255) - 127;
    floats.push_back(static_cast<float>(value));
    bytes.push_back(static_cast<int8_t>(value));
    // An integer below 2^11 as a half: sign, exponent and the bits under the leading one.
    const auto magnitude = static_cast<unsigned>(std::abs(value));
    const unsigned top = magnitude == 0 ? 0 : std::bit_width(magnitude) - 1U;
    const unsigned half = magnitude == 0 ? 0 : (top + 15) << 10 | (magnitude << (10 - top) & 1023U);
    halves.push_back(static_cast<uint16_t>(half | (value < 0 ? 0x8000U : 0U)));
  }
  const std::vector<float> center(dim, 0.25F);
  const Encoder f32({.metric = Metric::kL2, .element = Element::kF32, .dim = dim}, center.data());
  const Encoder f16({.metric = Metric::kL2, .element = Element::kF16, .dim = dim}, center.data());
  const Encoder i8({.metric = Metric::kL2, .element = Element::kI8, .dim = dim}, center.data());
  std::vector<std::byte> expected(f32.block_bytes());
  std::vector<std::byte> actual(f32.block_bytes());
  f32.encode_block(floats.data(), dim * 4, 32, expected.data());
  f16.encode_block(halves.data(), dim * 2, 32, actual.data());
  EXPECT_EQ(actual, expected);
  i8.encode_block(bytes.data(), dim, 32, actual.data());
  EXPECT_EQ(actual, expected);
}

/// FNV-1a.
uint64_t checksum(const std::vector<std::byte>& bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<uint64_t>(b)) * 0x100000001b3ULL;
  return hash;
}

TEST(Rabitq, CodesOfAFixedSeedAreFrozenBecauseFilesHoldThem) {
  struct Golden {
    Metric metric;
    size_t dim;
    uint64_t checksum;
  };
  const Golden goldens[] = {{Metric::kL2, 128, 0xbbb73fc81c272704},
                            {Metric::kCosine, 768, 0xb6a4d8030c2aa792},
                            {Metric::kInnerProduct, 100, 0x782da5f9d60830ed}};
  for (const Golden& golden : goldens) {
    std::vector<float> rows(40 * golden.dim);
    uint32_t state = 12345;
    for (float& x : rows) {
      state = state * 1664525U + 1013904223U;
      x = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
    }
    const std::vector<float> center(golden.dim, 0.125F);
    const Encoder encoder({.metric = golden.metric, .dim = golden.dim, .seed = 0x0123456789abcdef},
                          center.data());
    for (const distance::Isa isa : distance::supported_isas()) {
      EXPECT_EQ(checksum(encode(encoder, isa, rows.data(), 40)), golden.checksum)
          << distance::isa_name(isa) << " " << metric_name(golden.metric);
    }
  }
}

}  // namespace
}  // namespace omendb::codec::rabitq
