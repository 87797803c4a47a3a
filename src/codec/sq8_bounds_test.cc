// Kernels::bounds() against the distances that Kernels::pair() computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "codec/sq8_test_util.h"
#include "distance/convert.h"
#include "distance/kernels.h"

namespace omendb::codec::sq8 {
namespace {

/// What vectors are made of: center + spread * normal.
struct Kind {
  const char* name;
  float center;
  float spread;
};
constexpr Kind kKinds[] = {
    {"normal", 0.3F, 1},        {"clustered", 1e4F, 1e-2F}, {"constant", 2.5F, 0},
    {"large", 0, 1e9F},         {"beyond range", 0, 1e18F}, {"huge", 0, 1e30F},
    {"largest", 0, 8e37F},      {"huge mean", 1e30F, 0},    {"small", 0, 1e-10F},
    {"below range", 0, 1e-15F}, {"tiny", 0, 1e-30F},        {"denormal", 0, 1e-42F}};

std::vector<float> any_vector(const Kind& kind, size_t dim, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> out;
  for (size_t i = 0; i < dim; ++i) {
    // Four standard deviations at most, so that the largest kind stays finite.
    out.push_back(kind.center + kind.spread * std::clamp(normal(random), -4.0F, 4.0F));
  }
  return out;
}

/// |x - x'| in long double.
long double true_error(Metric metric, const std::vector<float>& x, const std::byte* code) {
  const auto wide = [](float v) { return static_cast<long double>(v); };
  const size_t dim = x.size();
  long double norm = 0;
  long double mean_code = 0;
  for (const float v : x) norm += wide(v) * wide(v);
  for (size_t i = 0; i < dim; ++i) mean_code += std::to_integer<int>(code[16 + i]);
  mean_code /= static_cast<long double>(dim);
  const long double unit = metric == Metric::kCosine && norm > 0 ? std::sqrt(norm) : 1;
  const long double scale = wide(float_at(code));
  long double squares = 0;
  for (size_t i = 0; i < dim; ++i) {
    const long double level = std::to_integer<int>(code[16 + i]) - mean_code;
    const long double miss = wide(x[i]) / unit - (wide(float_at(code + 4)) + scale * level);
    squares += miss * miss;
  }
  return std::sqrt(squares);
}

TEST(Sq8, ACodesErrorIsAnUpperBoundAndAtMostAPercentTooLarge) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : kDims) {
      std::mt19937 random(9);
      const Encoder encoder({.metric = metric, .dim = dim});
      for (const Kind& kind : kKinds) {
        for (size_t r = 0; r < (dim > 10'000 ? 1 : 20); ++r) {
          const std::vector<float> row = any_vector(kind, dim, random);
          const auto code = encode(encoder, row);
          const long double stated = static_cast<long double>(float_at(code.data() + 12));
          const long double actual = true_error(metric, row, code.data());
          const std::string where = what(metric, dim) + ", " + kind.name;
          ASSERT_GE(stated, actual) << where;
          const auto [low, high] = std::minmax_element(row.begin(), row.end());
          const bool unit = metric == Metric::kCosine;
          const float largest = unit ? 1 : std::max(std::fabs(*low), std::fabs(*high));
          if (unit || (*high - *low <= 0x1p40F && largest <= 0x1p50F)) {
            // What f32 cannot tell apart at the vector's length comes on top.
            const float places = unit ? 1 : std::sqrt(static_cast<float>(dim));
            const float slack = (6e-7F * largest + 3e-45F) * places;
            EXPECT_LE(stated, 1.01L * actual + static_cast<long double>(slack)) << where;
          } else {
            EXPECT_EQ(stated, std::numeric_limits<long double>::infinity()) << where;
          }
        }
      }
    }
  }
}

/// Rows far from the query, near it, at it, and one place from it; and zeros.
std::vector<float> rows_around(const std::vector<float>& query, const Kind& kind,
                               std::mt19937& random) {
  std::vector<float> rows;
  const auto add = [&](auto coordinate) {
    for (size_t i = 0; i < query.size(); ++i) rows.push_back(coordinate(i));
  };
  for (const float share : {1e-6F, 1e-3F, 0.1F, 0.5F}) {
    const std::vector<float> other = any_vector(kind, query.size(), random);
    add([&](size_t i) { return query[i] * (1 - share) + share * other[i]; });
  }
  for (size_t r = 0; r < 4; ++r) {
    const std::vector<float> other = any_vector(kind, query.size(), random);
    add([&](size_t i) { return other[i]; });
  }
  add([&](size_t i) { return query[i]; });
  add([&](size_t i) { return std::nextafter(query[i], 0.0F); });
  add([&](size_t i) { return i == 0 ? std::nextafter(query[i], 1.0F) : query[i]; });
  add([&](size_t i) { return 0.5F * query[i]; });
  add([&](size_t i) { return -query[i]; });
  add([&](size_t i) { return i % 2 == 0 ? query[i] : 0; });
  add([](size_t) { return 0.0F; });
  return rows;
}

/// A query and rows in an encoder's element, coded.
struct Coded {
  Coded(const Encoder& with, const std::vector<float>& floats,
        const std::vector<float>& query_floats)
      : encoder(with),
        bytes(vector_bytes(with.options().element, with.options().dim)),
        n(floats.size() / with.options().dim),
        rows(n * bytes),
        query(bytes),
        codes(n * with.code_bytes()) {
    const auto [metric, element, dim] = with.options();
    for (size_t r = 0; r < n; ++r) {
      distance::from_f32(element, floats.data() + r * dim, dim, rows.data() + r * bytes);
    }
    distance::from_f32(element, query_floats.data(), dim, query.data());
    std::vector<float> exact(dim);  // what the element made of the query
    distance::to_f32(element, query.data(), dim, exact.data());
    prepared = with.prepare(exact.data());
    with.encode(distance::Isa::kScalar, rows.data(), bytes, n, codes.data());
  }
  float pair(distance::Isa isa, size_t r) const {
    const auto [metric, element, dim] = encoder.options();
    return distance::kernels(isa, metric, element).pair(query.data(), &rows[r * bytes], dim);
  }

  const Encoder& encoder;
  size_t bytes;
  size_t n;
  std::vector<std::byte> rows;
  std::vector<std::byte> query;
  std::vector<std::byte> codes;
  PreparedQuery prepared;
};

/// Bounds hold for pair() of every instruction set, and have the same bits on each.
void expect_bounds(const Coded& coded, const std::string& where) {
  const size_t stride = coded.encoder.code_bytes();
  const size_t n = coded.n;
  std::vector<uint32_t> slots(n);
  for (size_t i = 0; i < n; ++i) slots[i] = static_cast<uint32_t>(n - 1 - i);
  std::vector<float> expected(n);
  kernels(distance::Isa::kScalar)
      .bounds(coded.prepared, coded.codes.data(), stride, n, expected.data());
  for (const distance::Isa isa : distance::supported_isas()) {
    const std::string here = where + ", " + std::string(distance::isa_name(isa)) + ", row ";
    for (size_t r = 0; r < n; ++r) ASSERT_LE(expected[r], coded.pair(isa, r)) << here << r;
    std::vector<std::byte> codes(coded.codes.size());
    coded.encoder.encode(isa, coded.rows.data(), coded.bytes, n, codes.data());
    ASSERT_EQ(codes, coded.codes) << here << "any";
    // Whole blocks and groups of four, and parts of them.
    for (const size_t count : {n, n - 1, n - 2, n - 3}) {
      std::vector<float> scanned(count + 1, -7.0F);
      std::vector<float> gathered(count + 1, -7.0F);
      kernels(isa).bounds(coded.prepared, codes.data(), stride, count, scanned.data());
      kernels(isa).gather_bounds(coded.prepared, codes.data(), stride, slots.data(), count,
                                 gathered.data());
      EXPECT_EQ(scanned.back(), -7.0F) << "written past the end";
      EXPECT_EQ(gathered.back(), -7.0F) << "written past the end";
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(scanned[i], expected[i]) << here << i;
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(gathered[i], expected[slots[i]]) << here << i;
    }
  }
}

TEST(Sq8, BoundsHoldForWhateverRowsAndQueries) {
  for (const Metric metric : kMetrics) {
    for (const size_t dim : {1UL, 2UL, 3UL, 7UL, 16UL, 31UL, 65UL, 128UL, 333UL, 1000UL}) {
      std::mt19937 random(10);
      const Encoder encoder({.metric = metric, .dim = dim});
      for (const Kind& kind : kKinds) {
        const std::string where = what(metric, dim) + ", " + kind.name;
        std::vector<float> rows;
        for (size_t round = 0; round < 4; ++round) {
          const std::vector<float> query = any_vector(kind, dim, random);
          rows = rows_around(query, kind, random);
          // Sixteen and three: a whole block and a part.
          rows.insert(rows.end(), rows.begin(),
                      rows.begin() + static_cast<std::ptrdiff_t>(4 * dim));
          expect_bounds(Coded(encoder, rows, query), where);
        }
        expect_bounds(Coded(encoder, rows, std::vector<float>(dim)), where + ", zero query");
        for (const Kind& other : kKinds) {
          expect_bounds(Coded(encoder, rows, any_vector(other, dim, random)),
                        where + ", query " + other.name);
        }
      }
    }
  }
}

TEST(Sq8, BoundsHoldForHalvesAndBytes) {
  constexpr Kind kBytes = {"bytes", 3, 30};
  for (const Metric metric : kMetrics) {
    for (const Element element : {Element::kF16, Element::kI8}) {
      for (const size_t dim : {1UL, 33UL, 128UL, 500UL}) {
        std::mt19937 random(11);
        const Encoder encoder({.metric = metric, .element = element, .dim = dim});
        for (size_t round = 0; round < 20; ++round) {
          const std::vector<float> query = any_vector(kBytes, dim, random);
          expect_bounds(Coded(encoder, rows_around(query, kBytes, random), query),
                        what(metric, dim) + ", " + std::string(element_name(element)));
        }
      }
    }
  }
}

/// 128 integers of 0..255, most of them small, as SIFT's.
std::vector<float> like_sift(size_t n, std::mt19937& random) {
  std::exponential_distribution<float> exponential(1 / 35.0F);
  std::vector<float> out;
  for (size_t i = 0; i < n * 128; ++i) {
    out.push_back(std::min(255.0F, std::floor(exponential(random))));
  }
  return out;
}

TEST(Sq8, BoundsAreCloseEnoughToRuleOutNearlyAllRows) {
  constexpr size_t kRows = 2'000;
  for (const Metric metric : kMetrics) {
    std::mt19937 random(12);
    const std::vector<float> rows = like_sift(kRows, random);
    const Encoder encoder({.metric = metric, .dim = 128});
    const auto codes = encode(encoder, rows);
    // The error of ip grows with the lengths, not with the distance.
    const float close = metric == Metric::kInnerProduct ? 0.03F : 0.02F;
    size_t ruled_out = 0;
    for (size_t round = 0; round < 20; ++round) {
      const std::vector<float> query = like_sift(1, random);
      std::vector<float> exact(kRows);
      std::vector<float> bounds(kRows);
      distance::kernels(metric, Element::kF32)
          .scan(query.data(), rows.data(), 512, kRows, 128, exact.data());
      kernels().bounds(encoder.prepare(query.data()), codes.data(), encoder.code_bytes(), kRows,
                       bounds.data());
      std::vector<float> sorted = exact;
      std::nth_element(sorted.begin(), sorted.begin() + 9, sorted.end());
      for (size_t r = 0; r < kRows; ++r) {
        EXPECT_GE(bounds[r], exact[r] - close * std::fabs(exact[r])) << metric_name(metric);
        ruled_out += bounds[r] > sorted[9] ? 1 : 0;
      }
    }
    EXPECT_GE(static_cast<double>(ruled_out), 0.97 * 20 * kRows) << metric_name(metric);
  }
}
}  // namespace
}  // namespace omendb::codec::sq8
