// The oracle decodes the bytes as sq8.h states them and computes in double precision.
#include "codec/sq8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "codec/sq8_test_util.h"
#include "distance/convert.h"

namespace omendb::codec::sq8 {
namespace {

using Doubles = std::vector<double>;

double dot(const Doubles& a, const Doubles& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double length(const Doubles& a) {
  return std::sqrt(dot(a, a));
}

Doubles normalised(Doubles v) {
  const double norm = length(v);
  for (double& x : v) x = norm > 0 ? x / norm : 0;
  return v;
}

Doubles minus(Doubles a, const Doubles& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

double exact_distance(Metric metric, const Doubles& q, const Doubles& x) {
  if (metric == Metric::kInnerProduct) return -dot(q, x);
  if (metric == Metric::kCosine) return 1 - dot(normalised(q), normalised(x));
  const Doubles apart = minus(q, x);
  return dot(apart, apart);
}

/// x' from its bytes; the offset follows from the mean.
Doubles decode(const std::byte* code, size_t dim) {
  double mean_code = 0;
  for (size_t i = 0; i < dim; ++i) mean_code += std::to_integer<int>(code[16 + i]);
  mean_code /= static_cast<double>(dim);
  Doubles out;
  for (size_t i = 0; i < dim; ++i) {
    out.push_back(double{float_at(code + 4)} +
                  double{float_at(code)} * (std::to_integer<int>(code[16 + i]) - mean_code));
  }
  return out;
}

/// q' from the prepared query's integers; the step follows from sum_scale.
Doubles decode(Metric metric, const PreparedQuery& query, size_t dim) {
  const double step = double{query.terms.sum_scale} / (metric == Metric::kL2 ? 2 : 1);
  Doubles out;
  for (size_t i = 0; i < dim; ++i) {
    const int16_t weight = query.weights()[i / 64 * 64 + i % 2 * 32 + i % 64 / 2];
    out.push_back(double{query.mean} + step * weight);
  }
  return out;
}

struct Data {
  Data(size_t dims, size_t n, uint32_t seed, float shift = 0.3F) : dim(dims), random(seed) {
    std::normal_distribution<float> normal(shift);
    for (size_t i = 0; i < n * dim; ++i) rows.push_back(normal(random));
    for (size_t i = 0; i < dim; ++i) query.push_back(normal(random));
  }
  Doubles row(size_t i) const {
    return {rows.begin() + static_cast<std::ptrdiff_t>(i * dim),
            rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim)};
  }

  size_t dim;
  std::mt19937 random;
  std::vector<float> rows;
  std::vector<float> query;
};

std::vector<float> scan(distance::Isa isa, const Encoder& encoder, const std::vector<float>& query,
                        const std::vector<std::byte>& codes) {
  std::vector<float> out(codes.size() / encoder.code_bytes());
  kernels(isa).scan(encoder.prepare(query.data()), codes.data(), encoder.code_bytes(), out.size(),
                    out.data());
  return out;
}

TEST(Sq8, CodesDecodeToTheNearestLevelAndStateTheirError) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      const Data data(dim, 6, 1);
      const Encoder encoder({.metric = metric, .dim = dim});
      const auto codes = encode(encoder, data.rows);
      for (size_t r = 0; r < 6; ++r) {
        const std::byte* code = codes.data() + r * encoder.code_bytes();
        const Doubles exact = metric == Metric::kCosine ? normalised(data.row(r)) : data.row(r);
        const Doubles decoded = decode(code, dim);
        const double scale = double{float_at(code)};
        for (size_t i = 0; i < dim; ++i) {
          ASSERT_NEAR(decoded[i], exact[i], scale * 0.501 + 1e-6) << what(metric, dim);
        }
        const double error = length(minus(exact, decoded));
        EXPECT_NEAR(double{float_at(code + 12)}, error, 3e-4 * error + 1e-6) << what(metric, dim);
        for (size_t i = dim; i < padded_dim(dim); ++i) EXPECT_EQ(code[16 + i], std::byte{0});
      }
    }
  }
}

TEST(Sq8, DistancesAreThoseBetweenTheDecodedVectors) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      const Data data(dim, 7, 2);
      const Encoder encoder({.metric = metric, .dim = dim});
      const auto codes = encode(encoder, data.rows);
      const Doubles q = decode(metric, encoder.prepare(data.query.data()), dim);
      const auto actual = scan(distance::Isa::kScalar, encoder, data.query, codes);
      for (size_t r = 0; r < 7; ++r) {
        const Doubles x = decode(codes.data() + r * encoder.code_bytes(), dim);
        const Doubles apart = minus(q, x);
        const double expected = metric == Metric::kInnerProduct ? -dot(q, x)
                                : metric == Metric::kL2         ? dot(apart, apart)
                                                                : dot(apart, apart) / 2;
        const double scale = dot(q, q) + dot(x, x);
        EXPECT_NEAR(double{actual[r]}, expected, 1e-6 * scale) << what(metric, dim);
      }
    }
  }
}

TEST(Sq8, TheStatedErrorBoundHolds) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      for (const float shift : {0.0F, 0.3F, 100.0F}) {
        const size_t n = dim > 10'000 ? 8 : 64;
        Data data(dim, n, 3, shift);
        std::normal_distribution<float> normal;
        // Half of the rows are near the query.
        for (size_t i = 0; i < n / 2 * dim; ++i) {
          data.rows[i] = data.query[i % dim] + 0.05F * normal(data.random);
        }
        const Encoder encoder({.metric = metric, .dim = dim});
        const auto codes = encode(encoder, data.rows);
        const PreparedQuery query = encoder.prepare(data.query.data());
        const auto actual = scan(distance::active_isa(), encoder, data.query, codes);
        const Doubles q(data.query.begin(), data.query.end());
        for (size_t r = 0; r < n; ++r) {
          const double exact = exact_distance(metric, q, data.row(r));
          const double miss = double{float_at(codes.data() + r * encoder.code_bytes() + 12)};
          const Doubles x = decode(codes.data() + r * encoder.code_bytes(), dim);
          if (metric == Metric::kInnerProduct) {
            const double bound = length(q) * miss + length(x) * double{query.error};
            EXPECT_NEAR(double{actual[r]}, exact, 1.0001 * bound + 2e-6 * length(q) * length(x))
                << what(metric, dim) << ", shift " << shift;
          } else {
            const double twice = metric == Metric::kCosine ? 2 : 1;
            const double bound = 1.0001 * (miss + double{query.error});
            const double rounding = 4e-7 * (metric == Metric::kCosine ? 2 : dot(q, q) + dot(x, x));
            const double root = std::sqrt(std::max(0.0, twice * exact));
            const double low = std::max(0.0, root - bound);
            EXPECT_LE(twice * double{actual[r]}, (root + bound) * (root + bound) + rounding)
                << what(metric, dim) << ", shift " << shift;
            EXPECT_GE(twice * double{actual[r]}, low * low - rounding)
                << what(metric, dim) << ", shift " << shift;
          }
        }
      }
    }
  }
}

TEST(Sq8, EveryInstructionSetScansAndGathersTheSameBits) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      const size_t n = dim > 10'000 ? 5 : 23;
      const Data data(dim, n, 4);
      const Encoder encoder({.metric = metric, .dim = dim});
      const auto codes = encode(encoder, data.rows);
      const PreparedQuery query = encoder.prepare(data.query.data());
      const auto expected = scan(distance::Isa::kScalar, encoder, data.query, codes);
      for (const distance::Isa isa : distance::supported_isas()) {
        for (size_t count = 0; count <= n; ++count) {
          std::vector<float> out(count + 1, -7.0F);
          kernels(isa).scan(query, codes.data(), encoder.code_bytes(), count, out.data());
          EXPECT_TRUE(std::equal(out.begin(), out.end() - 1, expected.begin()))
              << distance::isa_name(isa) << " " << what(metric, dim) << ", " << count << " rows";
          EXPECT_EQ(out.back(), -7.0F) << "written past the end";
          std::vector<uint32_t> slots;
          for (size_t i = 0; i < count; ++i) slots.push_back(static_cast<uint32_t>(i * 7 % n));
          kernels(isa).gather(query, codes.data(), encoder.code_bytes(), slots.data(), count,
                              out.data());
          for (size_t i = 0; i < count; ++i) {
            EXPECT_EQ(out[i], expected[slots[i]])
                << distance::isa_name(isa) << " " << what(metric, dim);
          }
          EXPECT_EQ(out.back(), -7.0F) << "written past the end";
        }
      }
    }
  }
}

TEST(Sq8, CodesMayLieAnywhereInLargerNodes) {
  const Data data(100, 9, 5);
  const Encoder encoder({.metric = Metric::kL2, .dim = 100});
  const auto codes = encode(encoder, data.rows);
  const size_t stride = encoder.code_bytes() + 13;
  std::vector<std::byte> nodes(8 * stride + encoder.code_bytes() + 3, std::byte{0xee});
  for (size_t i = 0; i < 9; ++i) {
    std::copy_n(codes.data() + i * encoder.code_bytes(), encoder.code_bytes(),
                nodes.data() + 3 + i * stride);
  }
  for (const distance::Isa isa : distance::supported_isas()) {
    const auto expected = scan(isa, encoder, data.query, codes);
    std::vector<float> actual(9);
    kernels(isa).scan(encoder.prepare(data.query.data()), nodes.data() + 3, stride, 9,
                      actual.data());
    EXPECT_EQ(actual, expected) << distance::isa_name(isa);
  }
}

TEST(Sq8, SumsFitAtTheLargestDimensionAndWeight) {
  const size_t dim = kMaxDimension;
  for (const bool aligned : {true, false}) {
    // All of the query's weight on codes of 255, or on as many of 255 as of 0.
    std::vector<float> query(dim);
    std::vector<float> row(dim);
    for (size_t i = 0; i < dim; ++i) query[i] = i % 2 == 0 ? 1.0F : -1.0F;
    for (size_t i = 0; i < dim; ++i) row[i] = (i % 2 == 0) == aligned ? 1.0F : -1.0F;
    const Encoder encoder({.metric = Metric::kInnerProduct, .dim = dim});
    const auto codes = encode(encoder, row);
    for (const distance::Isa isa : distance::supported_isas()) {
      const float expected = aligned ? -65536.0F : 65536.0F;
      EXPECT_NEAR(scan(isa, encoder, query, codes)[0], expected, 1.0F) << distance::isa_name(isa);
    }
  }
}

TEST(Sq8, WeightsAddUpToZero) {
  for (const size_t dim : kDims) {
    for (const float shift : {0.0F, 1e4F}) {
      const Data data(dim, 0, 6, shift);
      const Encoder encoder({.metric = Metric::kL2, .dim = dim});
      const PreparedQuery query = encoder.prepare(data.query.data());
      const size_t padded = query.weight_lines.size() * 32;
      const int16_t* weights = query.weights();
      EXPECT_EQ(std::accumulate(weights, weights + padded, int64_t{0}), 0) << dim;
    }
  }
}

TEST(Sq8, ConstantVectorsAndZerosAreExact) {
  for (const size_t dim : {1UL, 17UL, 128UL}) {
    for (const float a : {0.0F, 2.5F, -1e6F}) {
      for (const float b : {0.0F, 2.5F, 3.0F}) {
        const Encoder encoder({.metric = Metric::kL2, .dim = dim});
        const auto codes = encode(encoder, std::vector<float>(dim, a));
        const float expected = static_cast<float>(dim) * (a - b) * (a - b);
        for (const distance::Isa isa : distance::supported_isas()) {
          EXPECT_FLOAT_EQ(scan(isa, encoder, std::vector<float>(dim, b), codes)[0], expected);
        }
      }
    }
  }
}

TEST(Sq8, AVectorWithoutADirectionIsAtARightAngleToAll) {
  const Data data(40, 1, 7);
  const std::vector<float> zeros(40);
  const Encoder encoder({.metric = Metric::kCosine, .dim = 40});
  for (const distance::Isa isa : distance::supported_isas()) {
    EXPECT_NEAR(scan(isa, encoder, data.query, encode(encoder, zeros))[0], 1.0F, 0.01F);
    EXPECT_NEAR(scan(isa, encoder, zeros, encode(encoder, data.rows))[0], 1.0F, 0.01F);
    EXPECT_FLOAT_EQ(scan(isa, encoder, zeros, encode(encoder, zeros))[0], 1.0F);
  }
}

TEST(Sq8, HugeAndTinyValuesGiveDistancesOfTheRightOrderAndNeverNaN) {
  const float values[] = {0.0F, 1.0F, -1.0F, 1e-30F, 1e-42F, 1e18F, -1e30F, 3e38F, -3e38F};
  for (const Metric metric : kMetrics) {
    for (const size_t dim : {1UL, 100UL}) {
      std::vector<float> rows;
      for (const float v : values) {
        rows.insert(rows.end(), dim, v);
        rows.back() = -v;
      }
      const Encoder encoder({.metric = metric, .dim = dim});
      const auto codes = encode(encoder, rows);
      for (const float q : values) {
        std::vector<float> query(dim, q);
        query.front() *= 0.5F;
        const auto expected = scan(distance::Isa::kScalar, encoder, query, codes);
        for (const float d : expected) {
          EXPECT_TRUE(std::isfinite(d)) << what(metric, dim) << " query " << q;
          EXPECT_LE(d, metric == Metric::kCosine ? 2.0F : std::numeric_limits<float>::max());
          EXPECT_GE(d, metric == Metric::kInnerProduct ? std::numeric_limits<float>::lowest() : 0);
        }
        for (const distance::Isa isa : distance::supported_isas()) {
          EXPECT_EQ(scan(isa, encoder, query, codes), expected)
              << distance::isa_name(isa) << " " << what(metric, dim) << " query " << q;
        }
      }
    }
  }
}

TEST(Sq8, HalfAndByteRowsEncodeLikeTheirFloats) {
  const size_t dim = 130;
  std::vector<float> floats;
  for (size_t i = 0; i < 9 * dim; ++i) floats.push_back(static_cast<float>(i * 37 % 255) - 127);
  for (const Metric metric : kMetrics) {
    const Encoder f32({.metric = metric, .dim = dim});
    const auto expected = encode(f32, floats);
    for (const Element element : {Element::kF16, Element::kI8}) {
      std::vector<std::byte> rows(vector_bytes(element, floats.size()));
      distance::from_f32(element, floats.data(), floats.size(), rows.data());
      const Encoder encoder({.metric = metric, .element = element, .dim = dim});
      std::vector<std::byte> actual(expected.size());
      encoder.encode(rows.data(), vector_bytes(element, dim), 9, actual.data());
      EXPECT_EQ(actual, expected) << element_name(element);
    }
  }
}

/// Clusters that vary in 12 directions, as embeddings do, and a little noise in all of them. (In
/// wholly isotropic ones neighbours are nearly equally far, and the 10th is anyone's guess.)
class Clusters {
 public:
  Clusters(size_t dim, uint32_t seed) : dim_(dim), random_(seed) {
    for (size_t i = 0; i < kClusters * dim; ++i) centers_.push_back(normal_(random_));
    for (size_t i = 0; i < kDirections * dim; ++i) directions_.push_back(normal_(random_) / 3);
  }
  void append(size_t cluster, std::vector<float>& rows) {
    float along[kDirections];
    for (float& a : along) a = normal_(random_);
    for (size_t i = 0; i < dim_; ++i) {
      float value = centers_[cluster % kClusters * dim_ + i] + 0.02F * normal_(random_);
      for (size_t j = 0; j < kDirections; ++j) value += along[j] * directions_[j * dim_ + i];
      rows.push_back(value);
    }
  }

 private:
  static constexpr size_t kClusters = 40;
  static constexpr size_t kDirections = 12;
  size_t dim_;
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::vector<float> centers_;
  std::vector<float> directions_;
};

/// The share of the 10 exactly nearest rows that are among the 10 nearest by code of the 100
/// exactly nearest.
double recall_after_rerank(Metric metric, size_t dim, uint32_t seed) {
  constexpr size_t kRows = 4'000;
  Clusters clusters(dim, seed);
  std::vector<float> rows;
  for (size_t i = 0; i < kRows; ++i) clusters.append(i, rows);
  const Encoder encoder({.metric = metric, .dim = dim});
  const auto codes = encode(encoder, rows);
  size_t found = 0;
  for (size_t round = 0; round < 40; ++round) {
    std::vector<float> query;
    clusters.append(round, query);
    std::vector<float> exact(kRows);
    distance::kernels(metric, Element::kF32)
        .scan(query.data(), rows.data(), dim * sizeof(float), kRows, dim, exact.data());
    std::vector<uint32_t> slots(kRows);
    std::iota(slots.begin(), slots.end(), 0U);
    std::partial_sort(slots.begin(), slots.begin() + 100, slots.end(),
                      [&](uint32_t a, uint32_t b) { return exact[a] < exact[b]; });
    std::vector<float> distances(100);
    kernels().gather(encoder.prepare(query.data()), codes.data(), encoder.code_bytes(),
                     slots.data(), 100, distances.data());
    std::vector<size_t> order(100);
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return distances[a] < distances[b]; });
    for (size_t i = 0; i < 10; ++i) found += order[i] < 10 ? 1 : 0;
  }
  return static_cast<double>(found) / 400;
}

TEST(Sq8, RerankingByCodesFindsTheNearest) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : {64UL, 128UL, 768UL}) {
      const double recall = recall_after_rerank(metric, dim, 8);
      EXPECT_GE(recall, 0.99) << what(metric, dim);
    }
  }
}

/// FNV-1a.
uint64_t checksum(const std::vector<std::byte>& bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<uint64_t>(b)) * 0x100000001b3ULL;
  return hash;
}

TEST(Sq8, CodesAreTheSameBitsOnEveryMachine) {
  struct Golden {
    Metric metric;
    size_t dim;
    uint64_t checksum;
  };
  const Golden goldens[] = {{Metric::kL2, 128, 0x86f6dc79d7cb1c37},
                            {Metric::kCosine, 768, 0xd783426402d64c82},
                            {Metric::kInnerProduct, 100, 0x62100eb403f4eedb}};
  for (const Golden& golden : goldens) {
    std::vector<float> rows(40 * golden.dim);
    uint32_t state = 12345;
    for (float& x : rows) {
      state = state * 1664525U + 1013904223U;
      x = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
    }
    const Encoder encoder({.metric = golden.metric, .dim = golden.dim});
    EXPECT_EQ(checksum(encode(encoder, rows)), golden.checksum) << metric_name(golden.metric);
  }
}

}  // namespace
}  // namespace omendb::codec::sq8
