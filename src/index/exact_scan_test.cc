#include "index/exact_scan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

namespace omendb::index {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::infinity();

// Rows of one element type with small integer coordinates: every distance is exact in f32, and
// ties abound.
struct Table {
  Element element;
  size_t dim;
  size_t stride;
  size_t count;
  std::vector<int> values;
  std::vector<std::byte> bytes;

  int at(size_t row, size_t d) const { return values[row * dim + d]; }
  const std::byte* row(size_t i) const { return bytes.data() + i * stride; }
};

uint16_t small_half(int value) {  // |value| <= 8
  if (value == 0) return 0;
  const int magnitude = std::abs(value);
  const int exponent = std::ilogb(static_cast<float>(magnitude));
  const int fraction = (magnitude << 10 >> exponent) - 1024;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | fraction);
}

Table make_table(Element element, size_t dim, size_t count, size_t padding, int range) {
  Table table{element, dim, 0, count, {}, {}};
  const size_t unit = element == Element::kBinary ? 1 : vector_bytes(element, 1);
  table.stride = vector_bytes(element, dim) + padding * unit;
  table.bytes.resize(count * table.stride + 1);
  for (size_t r = 0; r < count; ++r) {
    std::byte* row = table.bytes.data() + r * table.stride;
    for (size_t d = 0; d < dim; ++d) {
      const int value = element == Element::kBinary ? *rc::gen::inRange(0, 2)
                                                    : *rc::gen::inRange(-range, range + 1);
      table.values.push_back(value);
      const float as_float = static_cast<float>(value);
      const uint16_t as_half = small_half(value);
      const int8_t as_int = static_cast<int8_t>(value);
      switch (element) {
        case Element::kF32: std::memcpy(row + 4 * d, &as_float, 4); break;
        case Element::kF16: std::memcpy(row + 2 * d, &as_half, 2); break;
        case Element::kI8: std::memcpy(row + d, &as_int, 1); break;
        case Element::kBinary: row[d / 8] |= std::byte(value << d % 8); break;
      }
    }
  }
  return table;
}

int exact_distance(Metric metric, const Table& a, size_t i, const Table& b, size_t j) {
  int sum = 0;
  for (size_t d = 0; d < a.dim; ++d) {
    const int x = a.at(i, d);
    const int y = b.at(j, d);
    sum += metric == Metric::kInnerProduct ? -x * y : (x - y) * (x - y);
  }
  return sum;  // of bits, the squared difference counts those that differ
}

class ReverseOrder : public SlotOrder {
 public:
  bool before(uint32_t a, uint32_t b) const override { return a > b; }
};

struct Case {
  Metric metric;
  Element element;
};

Case any_case() {
  return *rc::gen::elementOf(std::vector<Case>{{Metric::kL2, Element::kF32},
                                               {Metric::kL2, Element::kF32},
                                               {Metric::kInnerProduct, Element::kF32},
                                               {Metric::kL2, Element::kF16},
                                               {Metric::kInnerProduct, Element::kF16},
                                               {Metric::kL2, Element::kI8},
                                               {Metric::kInnerProduct, Element::kI8},
                                               {Metric::kHamming, Element::kBinary}});
}

std::vector<uint64_t> any_mask(size_t count) {
  const int percent = *rc::gen::elementOf(std::vector<int>{0, 3, 50, 90, 100});
  std::vector<uint64_t> mask(count / 64 + 1, ~uint64_t{0});  // bits beyond the rows stay set
  for (size_t i = 0; i < count; ++i) {
    if (*rc::gen::inRange(0, 100) >= percent) mask[i / 64] &= ~(uint64_t{1} << i % 64);
  }
  return mask;
}

RC_GTEST_PROP(ExactScan, EqualsSortingAllRowsWithTiesInOrder, ()) {
  const Case c = any_case();
  const size_t dim = *rc::gen::inRange<size_t>(1, 40);
  const size_t count = *rc::gen::inRange<size_t>(0, 400);
  const size_t query_count = *rc::gen::inRange<size_t>(1, 40);
  const int range = *rc::gen::inRange(1, 9);
  const Table rows = make_table(c.element, dim, count, *rc::gen::inRange<size_t>(0, 3), range);
  const Table queries = make_table(c.element, dim, query_count, 0, range);
  const std::vector<uint64_t> mask = any_mask(count);
  const bool masked = *rc::gen::arbitrary<bool>();
  const size_t k =
      *rc::gen::inRange<size_t>(1, 30) * *rc::gen::elementOf(std::vector<size_t>{1, 20});
  const float limit = *rc::gen::element(kNoLimit, 3.0F, 20.0F);
  const ReverseOrder reverse;
  const SlotOrder* order = *rc::gen::arbitrary<bool>() ? &reverse : nullptr;
  const uint32_t first_slot = 7;
  const RowBlock block{.rows = rows.bytes.data(),
                       .stride = rows.stride,
                       .count = count,
                       .first_slot = first_slot,
                       .mask = masked ? mask.data() : nullptr};

  std::vector<TopK> tops(query_count, TopK(k, limit, order));
  const BatchScan batch(c.metric, {queries.bytes.data(), query_count, dim, c.element});
  batch.scan(block, tops);
  for (size_t q = 0; q < query_count; ++q) {
    std::vector<Neighbor> want;
    for (size_t i = 0; i < count; ++i) {
      if (masked && (mask[i / 64] >> i % 64 & 1) == 0) continue;
      const float distance = static_cast<float>(exact_distance(c.metric, queries, q, rows, i));
      if (distance <= limit) want.push_back({distance, first_slot + static_cast<uint32_t>(i)});
    }
    std::sort(want.begin(), want.end(), [&](const Neighbor& a, const Neighbor& b) {
      if (a.distance != b.distance) return a.distance < b.distance;
      return order == nullptr ? a.slot < b.slot : a.slot > b.slot;
    });
    want.resize(std::min(want.size(), k));
    TopK top(k, limit, order);
    exact_scan(distance::kernels(c.metric, c.element), queries.row(q), dim, block, top);
    RC_ASSERT(std::move(top).sorted() == want);
    RC_ASSERT(std::move(tops[q]).sorted() == want);
  }
}

// Floats on which the two forms differ if anything is amiss: clusters of near-duplicates, so that
// the rounding of the tile is coarser than the gaps between distances, and widely varying norms.
std::vector<float> clustered(std::mt19937_64& random, size_t count, size_t dim, double noise,
                             double spread) {
  std::normal_distribution<double> normal(0, 1);
  std::vector<float> values(count * dim);
  std::vector<double> centre(dim);
  for (size_t r = 0; r < count; ++r) {
    if (r % 16 == 0) {
      const double norm = std::exp(spread * normal(random));
      for (double& x : centre) x = norm * normal(random);
    }
    for (size_t d = 0; d < dim; ++d) {
      values[r * dim + d] = static_cast<float>(centre[d] * (1 + noise * normal(random)));
    }
  }
  return values;
}

RowBlock block_of(const std::vector<float>& rows, size_t dim) {
  return {.rows = reinterpret_cast<const std::byte*>(rows.data()),
          .stride = dim * sizeof(float),
          .count = rows.size() / dim,
          .first_slot = 0};
}

// 8-bit codes of all rows.
class CodedRows {
 public:
  CodedRows(Metric metric, const std::vector<float>& rows, size_t dim)
      : encoder_({.metric = metric, .dim = dim}),
        codes_(rows.size() / dim * encoder_.code_bytes()) {
    encoder_.encode(rows.data(), dim * sizeof(float), rows.size() / dim, codes_.data());
  }
  RowBlock add_to(RowBlock block) const {
    block.coarse = {&encoder_, codes_.data()};
    return block;
  }

 private:
  const codec::sq8::Encoder encoder_;
  std::vector<std::byte> codes_;
};

void expect_bits(const std::vector<Neighbor>& got, const std::vector<Neighbor>& want,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].slot, want[i].slot) << what << ", hit " << i;
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i].distance), std::bit_cast<uint32_t>(want[i].distance))
        << what << ", hit " << i;
  }
}

// The batch form, and the single form after a look at codes, against the single form.
void expect_same(Metric metric, const std::vector<float>& rows, const std::vector<float>& queries,
                 size_t dim, size_t k, BatchStats* stats = nullptr) {
  const size_t query_count = queries.size() / dim;
  const RowBlock block = block_of(rows, dim);
  const CodedRows coded(metric, rows, dim);
  const RowBlock coarse = coded.add_to(block);
  std::vector<TopK> tops(query_count, TopK(k));
  BatchScan(metric, {queries.data(), query_count, dim}).scan(block, tops, stats);
  for (size_t q = 0; q < query_count; ++q) {
    TopK top(k);
    exact_scan(distance::kernels(metric, Element::kF32), &queries[q * dim], dim, block, top);
    const std::vector<Neighbor> want = std::move(top).sorted();
    const std::string what = std::string(metric_name(metric)) + " dim " + std::to_string(dim);
    expect_bits(std::move(tops[q]).sorted(), want, what + " in a batch");
    TopK after_codes(k);
    exact_scan(distance::kernels(metric, Element::kF32), &queries[q * dim], dim, coarse,
               after_codes);
    expect_bits(std::move(after_codes).sorted(), want, what + " after codes");
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(BatchScan, GivesTheBitsOfTheSingleFormOnNearDuplicates) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const size_t dim : {1, 2, 17, 128, 300}) {
      for (const double noise : {1.0, 1e-3, 1e-7}) {
        for (const double spread : {0.0, 3.0}) {
          const std::vector<float> rows = clustered(random, 603, dim, noise, spread);
          std::vector<float> queries = clustered(random, 20, dim, noise, spread);
          // Half of the queries lie beside rows.
          for (size_t i = 0; i < 10 * dim; ++i) {
            queries[i] = rows[i * 7 % rows.size() / dim * dim + i % dim];
          }
          expect_same(metric, rows, queries, dim, 10);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(BatchScan, GivesTheBitsOfTheSingleFormWhereSquaresOverflowOrVanish) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> exponent(-149, 127);
  std::normal_distribution<float> normal(0, 1);
  const size_t dim = 9;
  for (size_t trial = 0; trial < 50; ++trial) {
    std::vector<float> rows(300 * dim);
    std::vector<float> queries(40 * dim);
    for (std::vector<float>* values : {&rows, &queries}) {
      float scale = 1;
      for (size_t i = 0; i < values->size(); ++i) {
        if (i % dim == 0) scale = std::exp2(exponent(random));
        (*values)[i] = std::clamp(scale * normal(random), -3e38F, 3e38F);
      }
    }
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
      expect_same(metric, rows, queries, dim, 5);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(BatchScan, MeasuresFewMoreThanTheKNearest) {
  std::mt19937_64 random(3);
  const size_t dim = 128;
  const std::vector<float> rows = clustered(random, 4'000, dim, 1, 0);
  const std::vector<float> queries = clustered(random, 64, dim, 1, 0);
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    BatchStats stats;
    expect_same(metric, rows, queries, dim, 10, &stats);
    EXPECT_EQ(stats.pairs, 4'000U * 64U);
    EXPECT_LT(stats.measured, 64U * 80U) << metric_name(metric);
  }
}

TEST(BatchScan, TakesRowNormsFromTheCaller) {
  std::mt19937_64 random(4);
  const size_t dim = 33;
  const std::vector<float> rows = clustered(random, 500, dim, 1, 1);
  const std::vector<float> queries = clustered(random, 9, dim, 1, 1);
  const auto& products = distance::kernels(Metric::kInnerProduct, Element::kF32);
  std::vector<float> norms(500);
  for (size_t r = 0; r < 500; ++r) norms[r] = -products.pair(&rows[r * dim], &rows[r * dim], dim);
  RowBlock block = block_of(rows, dim);
  const BatchScan batch(Metric::kCosine, {queries.data(), 9, dim});
  std::vector<TopK> computed(9, TopK(7));
  std::vector<TopK> given(9, TopK(7));
  batch.scan(block, computed);
  block.squared_norms = norms.data();
  batch.scan(block, given);
  for (size_t q = 0; q < 9; ++q) {
    EXPECT_EQ(std::move(given[q]).sorted(), std::move(computed[q]).sorted());
  }
}

// Masked and limited: both forms, with codes, against the single form without.
void expect_same_with_codes(Metric metric, const RowBlock& block, const CodedRows& coded,
                            const std::vector<float>& queries, size_t dim, size_t k, float limit) {
  const auto& kernels = distance::kernels(metric, Element::kF32);
  const RowBlock coarse = coded.add_to(block);
  const size_t query_count = queries.size() / dim;
  const std::string what = std::string(metric_name(metric)) + " k " + std::to_string(k);
  std::vector<TopK> batch(query_count, TopK(k, limit));
  BatchScan(metric, {queries.data(), query_count, dim}).scan(coarse, batch);
  for (size_t q = 0; q < query_count; ++q) {
    TopK plain(k, limit);
    TopK single(k, limit);
    exact_scan(kernels, &queries[q * dim], dim, block, plain);
    exact_scan(kernels, &queries[q * dim], dim, coarse, single);
    const std::vector<Neighbor> want = std::move(plain).sorted();
    expect_bits(std::move(single).sorted(), want, what);
    expect_bits(std::move(batch[q]).sorted(), want, what + " in a batch");
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(ExactScan, AfterCodesTakesMasksLimitsAndMoreHitsThanRows) {
  std::mt19937_64 random(6);
  const size_t dim = 48;
  const size_t count = 3'000;
  const std::vector<float> rows = clustered(random, count, dim, 0.3, 0.2);
  const std::vector<float> queries = clustered(random, 5, dim, 0.3, 0.2);
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    const auto& kernels = distance::kernels(metric, Element::kF32);
    const float near = kernels.pair(queries.data(), &rows[500 * dim], dim);
    const CodedRows coded(metric, rows, dim);
    for (const unsigned percent : {1U, 40U, 95U}) {
      std::vector<uint64_t> mask(count / 64 + 1);
      for (size_t i = 0; i < count; ++i) {
        if (random() % 100 < percent) mask[i / 64] |= uint64_t{1} << i % 64;
      }
      RowBlock block = block_of(rows, dim);
      block.first_slot = 11;
      block.mask = mask.data();
      for (const size_t k : {1UL, 20UL, 4'000UL}) {
        for (const float limit : {kNoLimit, near}) {
          expect_same_with_codes(metric, block, coded, queries, dim, k, limit);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

// Vectors far from the origin, relative to their spread: all cosines are near 1.
TEST(ExactScan, OffCentreCosinesComeInTheOrderOfFloat64) {
  constexpr uint32_t kSeed = 93;
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal;
  constexpr size_t kCount = 4'000;
  constexpr size_t kQueries = 12;  // enough for tiles
  for (const size_t dim : {2, 31, 128, 768}) {
    for (const float spread : {0.1F, 0.003F}) {
      SCOPED_TRACE("dim " + std::to_string(dim) + " spread " + std::to_string(spread));
      std::vector<float> values((kCount + kQueries) * dim);
      for (float& x : values) x = 1 + spread * normal(rng);
      const float* queries = values.data() + kCount * dim;
      const RowBlock block{reinterpret_cast<const std::byte*>(values.data()), dim * sizeof(float),
                           kCount, 0};
      const BatchScan batch(Metric::kCosine, {queries, kQueries, dim, Element::kF32, 0});
      std::vector<TopK> tops(kQueries, TopK(10));
      batch.scan(block, tops);
      for (size_t q = 0; q < kQueries; ++q) {
        const auto chord = [&](size_t row) {  // in double precision
          const float* x = &values[row * dim];
          const float* y = queries + q * dim;
          double lengths[2] = {};
          double squares = 0;
          for (size_t d = 0; d < dim; ++d) {
            lengths[0] += double{x[d]} * x[d];
            lengths[1] += double{y[d]} * y[d];
          }
          for (size_t d = 0; d < dim; ++d) {
            const double part = x[d] / std::sqrt(lengths[0]) - y[d] / std::sqrt(lengths[1]);
            squares += part * part;
          }
          return std::sqrt(squares);
        };
        std::vector<double> chords;
        for (size_t row = 0; row < kCount; ++row) chords.push_back(chord(row));
        std::nth_element(chords.begin(), chords.begin() + 9, chords.end());
        const double rounding =
            2 * 0x1p-24 * (static_cast<double>(dim + 8) * chords[9] + 4);  // as Kernels states it
        for (const Neighbor& hit : std::move(tops[q]).sorted()) {
          EXPECT_LE(chord(hit.slot), chords[9] + rounding) << "query " << q << " seed " << kSeed;
        }
      }
    }
  }
}

TEST(BatchScan, CarriesThresholdsFromBlockToBlock) {
  std::mt19937_64 random(5);
  const size_t dim = 20;
  const std::vector<float> rows = clustered(random, 1'000, dim, 1, 0);
  const std::vector<float> queries = clustered(random, 12, dim, 1, 0);
  const BatchScan batch(Metric::kL2, {queries.data(), 12, dim});
  std::vector<TopK> whole(12, TopK(10));
  std::vector<TopK> parts(12, TopK(10));
  const RowBlock block = block_of(rows, dim);
  batch.scan(block, whole);
  for (const auto& [first, count] : {std::pair<uint32_t, size_t>{700, 300}, {0, 1}, {1, 699}}) {
    RowBlock part = block;
    part.rows += first * block.stride;
    part.count = count;
    part.first_slot = first;
    batch.scan(part, parts);
  }
  for (size_t q = 0; q < 12; ++q) {
    EXPECT_EQ(std::move(parts[q]).sorted(), std::move(whole[q]).sorted());
  }
}

}  // namespace
}  // namespace omendb::index
