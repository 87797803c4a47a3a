// The oracle of an estimate is the distance itself, in double precision: over many vectors the
// errors must have no bias, and the size that is stated for each.
#include "codec/cell_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "codec/table.h"

namespace omendb::codec {
namespace {

constexpr uint32_t kSeed = 51;
constexpr size_t kRows = 64;

/// Some rows of one cell and a query, at lengths of about `length`.
struct Drawn {
  std::vector<float> origin;
  std::vector<float> center;
  std::vector<float> rows;
  std::vector<float> query;
};

double length_of(const float* values, size_t dim) {
  double squares = 0;
  for (size_t i = 0; i < dim; ++i) squares += static_cast<double>(values[i]) * values[i];
  return std::sqrt(squares);
}

void resize(float* values, size_t dim, double length) {
  const double before = length_of(values, dim);
  for (size_t i = 0; i < dim; ++i) values[i] = static_cast<float>(values[i] / before * length);
}

Drawn draw(Metric metric, size_t dim, float length, std::mt19937& rng) {
  std::normal_distribution<float> normal(0, length / std::sqrt(static_cast<float>(dim)));
  Drawn out;
  for (size_t d = 0; d < dim; ++d) {
    out.origin.push_back(3 * normal(rng));
    out.center.push_back(out.origin[d] + 2 * normal(rng));
    out.query.push_back(out.center[d] + normal(rng));
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t d = 0; d < dim; ++d) out.rows.push_back(out.center[d] + normal(rng));
  }
  if (metric == Metric::kCosine) {
    resize(out.origin.data(), dim, 0.7);
    resize(out.center.data(), dim, 0.9);
    for (size_t r = 0; r < kRows; ++r) resize(&out.rows[r * dim], dim, 1);
    resize(out.query.data(), dim, 1);
  } else if (metric == Metric::kInnerProduct) {  // queries have the length of the longest row
    double longest = 0;
    for (size_t r = 0; r < kRows; ++r)
      longest = std::max(longest, length_of(&out.rows[r * dim], dim));
    resize(out.query.data(), dim, longest);
  }
  return out;
}

double distance_of(Metric metric, const float* a, const float* b, size_t dim) {
  double squares = 0;
  double product = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double x = a[i];
    const double y = b[i];
    squares += (x - y) * (x - y);
    product += x * y;
  }
  if (metric == Metric::kL2) return squares;
  return metric == Metric::kCosine ? squares / 2 : -product;
}

struct Errors {
  double sum = 0;      ///< of errors in standard deviations
  double squares = 0;  ///< of the same
  size_t count = 0;
};

void collect(Metric metric, size_t dim, float length, std::mt19937& rng, Errors& errors) {
  const Drawn drawn = draw(metric, dim, length, rng);
  const CellEncoder encoder({metric, dim, 42}, drawn.origin.data());
  CellEncoder::Cell cell;
  encoder.enter(drawn.center.data(), cell);
  std::vector<std::byte> block(encoder.block_bytes());
  // A query of another length has products in proportion.
  const float unit = metric == Metric::kInnerProduct ? 2.5F : 1;
  const auto longest = static_cast<float>(length_of(drawn.query.data(), dim));
  CellQuery query = encoder.prepare(drawn.query.data(), {unit, 2 * longest * longest});
  const double to_center = distance_of(metric, drawn.query.data(), drawn.center.data(), dim);
  const double squared = distance_of(Metric::kL2, drawn.query.data(), drawn.center.data(), dim);
  query.aim({static_cast<float>(unit * to_center), static_cast<float>(squared)});
  float estimates[rabitq::kBlockRows];
  for (size_t first = 0; first < kRows; first += rabitq::kBlockRows) {
    encoder.encode_block(cell, &drawn.rows[first * dim], dim, rabitq::kBlockRows, block.data());
    uint32_t hits = 0;
    rabitq::block_scan()(query.prepared(), block.data(), 1, std::numeric_limits<float>::infinity(),
                         estimates, &hits);
    ASSERT_EQ(hits, ~0U);
    for (size_t v = 0; v < rabitq::kBlockRows; ++v) {
      const double exact =
          unit * distance_of(metric, drawn.query.data(), &drawn.rows[(first + v) * dim], dim);
      const float error = query.standard_error(block.data(), v, estimates[v]);
      const double off = (static_cast<double>(estimates[v]) - exact) / static_cast<double>(error);
      errors.sum += off;
      errors.squares += off * off;
      ++errors.count;
    }
  }
}

TEST(CellCodesTest, EstimatesHaveNoBiasAndTheErrorsThatAreStated) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const size_t dim : {8UL, 64UL, 100UL, 128UL, 384UL}) {
      std::mt19937 rng(kSeed);
      Errors errors;
      for (int round = 0; round < 60; ++round) collect(metric, dim, 7, rng, errors);
      const auto n = static_cast<double>(errors.count);
      EXPECT_LT(std::fabs(errors.sum / n), 0.15) << metric_name(metric) << " " << dim;
      const double rms = std::sqrt(errors.squares / n);
      EXPECT_LT(rms, 1.1) << metric_name(metric) << " " << dim << " seed " << kSeed;
      EXPECT_GT(rms, metric == Metric::kInnerProduct ? 0.5 : 0.75)
          << metric_name(metric) << " " << dim << " seed " << kSeed;
    }
  }
}

TEST(CellCodesTest, EstimatesHoldAtAnyLength) {
  for (const float length : {1e-8F, 1e-3F, 1e6F, 1e10F}) {
    std::mt19937 rng(kSeed);
    Errors errors;
    for (int round = 0; round < 20; ++round) collect(Metric::kL2, 64, length, rng, errors);
    EXPECT_LT(std::sqrt(errors.squares / static_cast<double>(errors.count)), 1.15) << length;
  }
}

TEST(CellCodesTest, RowsAtTheCenterAndQueriesThereAreExact) {
  const std::vector<float> center(24, 3.0F);
  const std::vector<float> origin(24, 1.0F);
  const CellEncoder encoder({Metric::kL2, 24, 42}, origin.data());
  CellEncoder::Cell cell;
  encoder.enter(center.data(), cell);
  std::vector<std::byte> block(encoder.block_bytes());
  encoder.encode_block(cell, center.data(), 24, 1, block.data());
  CellQuery query = encoder.prepare(origin.data());
  query.aim({96, 96});
  float estimates[rabitq::kBlockRows];
  uint32_t hits = 0;
  rabitq::block_scan()(query.prepared(), block.data(), 1, 96, estimates, &hits);
  EXPECT_EQ(hits, 1U) << "and the empty lanes are no hits";
  EXPECT_EQ(estimates[0], 96);
  EXPECT_FALSE(encoder.empty_lane(block.data(), 0));
  for (size_t lane = 1; lane < rabitq::kBlockRows; ++lane) {
    EXPECT_TRUE(encoder.empty_lane(block.data(), lane)) << lane;
  }
}

TEST(CellCodesTest, SignedSumsAreTheSameBitsOnEveryInstructionSet) {
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal;
  std::vector<internal::FloatLine> lines(2 * 192 / 16);
  float* const values = lines.front().values;
  for (size_t i = 0; i < 2 * 192; ++i) values[i] = normal(rng);
  values[200] = -0.0F;
  double exact = 0;
  for (size_t i = 0; i < 192; ++i) {
    const double x = values[i];
    exact += std::signbit(values[192 + i]) ? -x : x;
  }
  const float scalar = internal::kScalarCodec.signed_sum(values, values + 192, 192);
  EXPECT_NEAR(static_cast<double>(scalar), exact, 1e-4);
  for (const distance::Isa isa : distance::supported_isas()) {
    EXPECT_EQ(internal::codec_table(isa).signed_sum(values, values + 192, 192), scalar)
        << distance::isa_name(isa);
  }
}

}  // namespace
}  // namespace omendb::codec
