// Test support: rows and queries of every kind, and what an index that passes over rows finds in
// them. What it finds is compared with the distances of all rows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bitmap.h"
#include "distance/kernels.h"
#include "index/array_rows.h"
#include "index/part_index.h"

namespace omendb::index::testing {

inline constexpr uint32_t kSeed = 61;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Rows in clusters, as embeddings lie.
inline std::vector<float> clustered(size_t rows, size_t dim, std::mt19937& rng,
                                    float spread = 0.5F) {
  std::normal_distribution<float> normal;
  const size_t clusters = std::max<size_t>(1, rows / 100);
  std::vector<float> centers(clusters * dim);
  for (float& x : centers) x = normal(rng);
  std::vector<float> values(rows * dim);
  for (size_t r = 0; r < rows; ++r) {
    const size_t c = rng() % clusters;
    for (size_t d = 0; d < dim; ++d) {
      values[r * dim + d] = centers[c * dim + d] + spread * normal(rng);
    }
  }
  return values;
}

struct TestKind {
  Metric metric;
  Element element;
  size_t dim;
};
inline constexpr std::array<TestKind, 8> kTestKinds = {{
    {Metric::kL2, Element::kF32, 8},
    {Metric::kL2, Element::kF32, 128},
    {Metric::kL2, Element::kF16, 48},
    {Metric::kL2, Element::kI8, 32},
    {Metric::kCosine, Element::kF32, 96},
    {Metric::kCosine, Element::kI8, 64},
    {Metric::kInnerProduct, Element::kF32, 64},
    {Metric::kInnerProduct, Element::kF16, 40},
}};
inline std::string name_of_kind(const ::testing::TestParamInfo<TestKind>& instance) {
  const TestKind& kind = instance.param;
  return std::string(metric_name(kind.metric)) + "_" + std::string(element_name(kind.element)) +
         "_" + std::to_string(kind.dim);
}

/// 4,000 rows, of which every seventh has no vector, and 50 queries.
class IndexTest : public ::testing::TestWithParam<TestKind> {
 protected:
  static constexpr size_t kRows = 4'000;
  static constexpr size_t kQueries = 50;

  IndexTest() : rng_(kSeed), rows_(draw()) {}

  /// @param index  of rows_; borrowed.
  void set_index(const PartIndex& index) { index_ = &index; }

  VectorsView queries() const {
    return {queries_.data(), kQueries, GetParam().dim, GetParam().element, 0};
  }
  Bitmap present() const {
    Bitmap mask(kRows, true);
    EXPECT_TRUE(rows_.clear_absent(mask.words()).ok());
    return mask;
  }
  float distance(size_t query, uint32_t slot) const {
    return distance::kernels(GetParam().metric, GetParam().element)
        .pair(queries().row(query), rows_.at(slot), GetParam().dim);
  }
  /// By measuring: the slots of the k nearest rows that the mask lets through.
  std::vector<std::set<uint32_t>> nearest(const Bitmap& mask, size_t k) const {
    std::vector<std::set<uint32_t>> out;
    for (size_t q = 0; q < kQueries; ++q) {
      std::vector<std::pair<float, uint32_t>> all;
      for (uint32_t slot = 0; slot < kRows; ++slot) {
        if (mask.test(slot)) all.emplace_back(distance(q, slot), slot);
      }
      const size_t n = std::min(k, all.size());
      std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(n), all.end());
      auto& set = out.emplace_back();
      for (size_t i = 0; i < n; ++i) set.insert(all[i].second);
    }
    return out;
  }
  /// Searches for all queries. @return the slots that were offered, by query.
  std::vector<std::vector<uint32_t>> offered(const Bitmap& mask, size_t k, double reach) {
    const Stop never;
    PreparedQueries prepared(GetParam().metric, queries(), never);
    std::vector<std::vector<uint32_t>> slots(kQueries);
    std::vector<Gathered> gathered =
        search(prepared, mask, k, {.candidates = 2 * kRows, .reach = reach});
    for (size_t q = 0; q < kQueries; ++q) {
      for (const Candidate& candidate : gathered[q].candidates().kept()) {
        EXPECT_EQ(candidate.source, kSource);
        slots[q].push_back(candidate.slot);
      }
    }
    return slots;
  }
  /// The share of the k nearest rows that are offered.
  double reached(const Bitmap& mask, size_t k, double reach) {
    const auto found = offered(mask, k, reach);
    const auto wanted = nearest(mask, k);
    size_t right = 0;
    size_t of = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      for (const uint32_t slot : wanted[q]) {
        right += std::ranges::count(found[q], slot) > 0;
        ++of;
      }
    }
    return static_cast<double>(right) / static_cast<double>(of);
  }
  /// The errors of the best estimates in units of those that the index states: their root mean
  /// square. An error of 0 is to be right, up to rounding.
  double error_over_stated(size_t candidates, double reach) {
    const Stop never;
    PreparedQueries prepared(GetParam().metric, queries(), never);
    std::vector<Gathered> gathered =
        search(prepared, present(), 10, {.candidates = candidates, .reach = reach});
    double squares = 0;
    size_t count = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      const auto kept = gathered[q].candidates().sorted();
      std::vector<float> errors(kept.size());
      EXPECT_TRUE(index_->standard_errors(prepared, q, kept, errors.data()).ok());
      for (size_t i = 0; i < kept.size(); ++i) {
        const float exact = distance(q, kept[i].slot);
        if (errors[i] == 0) {
          EXPECT_NEAR(kept[i].estimate, exact, 1e-2 * std::fabs(static_cast<double>(exact)));
          continue;
        }
        const double off = static_cast<double>((kept[i].estimate - exact) / errors[i]);
        squares += off * off;
        ++count;
      }
    }
    return std::sqrt(squares / static_cast<double>(count));
  }

 private:
  static constexpr uint32_t kSource = 3;

  ArrayRows draw() {
    const TestKind& kind = GetParam();
    std::vector<float> values = clustered(kRows + kQueries, kind.dim, rng_);
    if (kind.element == Element::kI8) {
      for (float& x : values) x = std::clamp(std::round(30 * x), -127.0F, 127.0F);
    }
    const size_t of_queries = kQueries * kind.dim;
    queries_ = to_element(kind.element, kind.dim, std::span(values).first(of_queries));
    std::vector<bool> absent(kRows, false);
    for (size_t r = 0; r < kRows; r += 7) absent[r] = true;
    for (size_t r = 0; r < kRows; ++r) {
      if (absent[r]) std::fill_n(values.begin() + of_queries + r * kind.dim, kind.dim, 0.0F);
    }
    return {kind.element, kind.dim,
            to_element(kind.element, kind.dim, std::span(values).subspan(of_queries)), absent};
  }
  std::vector<Gathered> search(PreparedQueries& prepared, const Bitmap& mask, size_t k,
                               const Budget& budget) {
    std::vector<Gathered> gathered(kQueries, Gathered(k, kInfinity));
    std::vector<Gathered*> out;
    for (Gathered& one : gathered) {
      one.open(budget);
      out.push_back(&one);
    }
    const Scope scope{kSource, 0, kRows, mask.words().data(), mask.count()};
    EXPECT_TRUE(index_->search(prepared, scope, out).ok());
    return gathered;
  }

  std::mt19937 rng_;
  std::vector<std::byte> queries_;
  const PartIndex* index_ = nullptr;

 protected:
  const ArrayRows rows_;
};

}  // namespace omendb::index::testing
