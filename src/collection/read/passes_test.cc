// The passes over indexes of kinds that are not there yet: in any order, repeating themselves,
// overlapping, and wrong by more or less than they say.
#include "collection/read/passes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "index/exact_index.h"

namespace omendb::collection {
namespace {

constexpr size_t kDim = 4;
constexpr uint32_t kRows = 3'000;
constexpr uint32_t kSeed = 71;

/// Vectors in memory, without codes; ids in the order of slots.
class PlainRows final : public index::Rows {
 public:
  explicit PlainRows(std::mt19937& rng) : values_(kRows * kDim) {
    std::normal_distribution<float> normal;
    for (float& x : values_) x = normal(rng);
  }
  const float* row(uint32_t slot) const { return &values_[slot * kDim]; }

  uint32_t rows() const override { return kRows; }
  bool complete() const override { return true; }
  Result<bool> has(uint32_t /*slot*/) const override { return true; }
  Status clear_absent(std::span<uint64_t> /*mask*/) const override { return {}; }
  Result<index::RowRun> vectors(uint32_t first, uint32_t count,
                                const uint64_t* /*mask*/) const override {
    return index::RowRun{reinterpret_cast<const std::byte*>(row(first)), first, count};
  }
  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override {
    for (const uint32_t slot : slots) *out++ = reinterpret_cast<const std::byte*>(row(slot));
    located_ += slots.size();
    return {};
  }
  bool keeps_byte_codes() const override { return false; }
  codec::sq8::Codes byte_codes(const index::RowRun& /*vectors*/) const override { return {}; }
  bool before(uint32_t a, uint32_t b) const override { return a < b; }

  uint64_t located() const { return located_; }

 private:
  std::vector<float> values_;
  mutable uint64_t located_ = 0;
};

double l2(const float* a, const float* b) {
  double sum = 0;
  for (size_t i = 0; i < kDim; ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

/// Stands for a graph: offers its rows shuffled, each twice and with different estimates, normally
/// distributed around the distance.
class ShuffledIndex final : public index::PartIndex {
 public:
  ShuffledIndex(const PlainRows& rows, float error) : rows_(rows), error_(error) {}

  uint32_t rows() const override { return kRows; }
  bool estimates() const override { return true; }
  double rows_looked_at(const index::Scope& scope, size_t, double) const override {
    return static_cast<double>(scope.rows());
  }
  Status search(index::PreparedQueries& queries, const index::Scope& scope,
                std::span<index::Gathered* const> out) const override {
    ++calls_;
    std::vector<uint32_t> order;
    for (uint32_t slot = scope.first; slot < scope.end; ++slot) {
      const bool allowed = scope.mask == nullptr || (scope.mask[slot / 64] >> (slot % 64) & 1) != 0;
      if (allowed) order.insert(order.end(), 2, slot);
    }
    for (size_t q = 0; q < out.size(); ++q) {
      // The same errors in every pass, as codes would have them.
      std::mt19937 rng(kSeed);
      std::shuffle(order.begin(), order.end(), rng);
      const auto* query = reinterpret_cast<const float*>(queries.view().row(q));
      std::normal_distribution<float> noise(0, error_);
      for (const uint32_t slot : order) {
        const float estimate = static_cast<float>(l2(query, rows_.row(slot))) + noise(rng);
        out[q]->candidates().offer(1, &estimate, scope.source, slot);
      }
    }
    return {};
  }
  Status standard_errors(index::PreparedQueries& /*queries*/, size_t /*query*/,
                         std::span<const index::Candidate> candidates, float* out) const override {
    std::fill_n(out, candidates.size(), error_);
    return {};
  }
  int calls() const { return calls_; }

 private:
  const PlainRows& rows_;
  const float error_;
  mutable int calls_ = 0;
};

class PassesTest : public ::testing::Test {
 protected:
  PassesTest() : rng_(kSeed), rows_(rng_), exact_(rows_), queries_(5 * kDim) {
    std::normal_distribution<float> normal;
    for (float& x : queries_) x = normal(rng_);
    plan_.matches = kRows;
    plan_.effort = 64;
    plan_.affordable_alone = kRows / 8;
  }
  void add_leg(const index::PartIndex& index, uint32_t first, uint32_t end,
               const uint64_t* mask = nullptr) {
    plan_.legs.push_back({{0, first, end, mask, end - first}, &rows_, &index, &exact_});
  }
  std::vector<std::vector<index::Hit>> answers(size_t k, const PassOptions& options) {
    std::vector<index::Gathered> gathered;
    for (size_t q = 0; q < 5; ++q) {
      gathered.emplace_back(k, std::numeric_limits<float>::infinity());
    }
    const Status status =
        answer(plan_, {queries_.data(), 5, kDim, Element::kF32, 0}, options, Stop(), gathered);
    EXPECT_TRUE(status.ok()) << status.to_string();
    std::vector<std::vector<index::Hit>> hits;
    for (index::Gathered& one : gathered) hits.push_back(one.take());
    return hits;
  }
  std::vector<uint32_t> truth(size_t query, size_t k, const uint64_t* mask = nullptr) const {
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < kRows; ++slot) {
      if (mask == nullptr || (mask[slot / 64] >> (slot % 64) & 1) != 0) slots.push_back(slot);
    }
    std::sort(slots.begin(), slots.end(), [&](uint32_t a, uint32_t b) {
      return l2(&queries_[query * kDim], rows_.row(a)) < l2(&queries_[query * kDim], rows_.row(b));
    });
    slots.resize(k);
    return slots;
  }
  static std::vector<uint32_t> slots_of(const std::vector<index::Hit>& hits) {
    std::vector<uint32_t> slots;
    for (const index::Hit& hit : hits) slots.push_back(hit.slot);
    return slots;
  }

  std::mt19937 rng_;
  PlainRows rows_;
  index::ExactIndex exact_;
  std::vector<float> queries_;
  SearchPlan plan_;
};

TEST_F(PassesTest, AnIndexThatShufflesAndRepeatsItsRowsGivesEachHitOnce) {
  const ShuffledIndex index(rows_, 0.01F);
  add_leg(index, 0, kRows);
  const auto hits = answers(10, {.recall = 1 - 1e-9});
  for (size_t q = 0; q < hits.size(); ++q) EXPECT_EQ(slots_of(hits[q]), truth(q, 10)) << q;
}

TEST_F(PassesTest, ARowIsMeasuredOnceHoweverOftenItIsOffered) {
  const ShuffledIndex index(rows_, 0.01F);
  add_leg(index, 0, 640);
  plan_.effort = 4 * kRows;  // keeps every offer
  const auto hits = answers(10, {.once = true});
  EXPECT_EQ(rows_.located(), 5U * 640U);
  for (const auto& some : hits) EXPECT_EQ(some.size(), 10U);
}

TEST_F(PassesTest, IndexesThatOverlapGiveEachHitOnce) {
  const ShuffledIndex index(rows_, 0.01F);
  add_leg(index, 0, 2'048);
  add_leg(exact_, 1'024, kRows);
  const auto hits = answers(25, {.recall = 1 - 1e-9});
  for (size_t q = 0; q < hits.size(); ++q) EXPECT_EQ(slots_of(hits[q]), truth(q, 25)) << q;
}

TEST_F(PassesTest, WhatNeedsMoreCandidatesGetsASecondPassIfThatPaysOrElseHasEveryRowMeasured) {
  const ShuffledIndex vague(rows_, 0.2F);  // more candidates needed than were kept
  add_leg(vague, 0, kRows);
  plan_.affordable_alone = kRows;
  auto hits = answers(10, {.recall = 1 - 1e-9});
  EXPECT_EQ(vague.calls(), 2);
  for (size_t q = 0; q < hits.size(); ++q) EXPECT_EQ(slots_of(hits[q]), truth(q, 10)) << q;

  const ShuffledIndex useless(rows_, 50.0F);
  plan_.legs.clear();
  add_leg(useless, 0, kRows);
  plan_.affordable_alone = kRows / 8;
  hits = answers(10, {.recall = 1 - 1e-9});
  EXPECT_EQ(useless.calls(), 1);
  for (size_t q = 0; q < hits.size(); ++q) EXPECT_EQ(slots_of(hits[q]), truth(q, 10)) << q;
}

TEST_F(PassesTest, RowsOutsideTheMaskAreNeverHits) {
  std::vector<uint64_t> mask(kRows / 64 + 1);
  for (uint64_t& word : mask) word = (uint64_t{rng_()} << 32) | rng_();
  mask.back() &= (uint64_t{1} << kRows % 64) - 1;
  const ShuffledIndex vague(rows_, 0.2F);
  add_leg(vague, 0, kRows, mask.data());
  const auto hits = answers(10, {.recall = 1 - 1e-9});
  for (size_t q = 0; q < hits.size(); ++q) {
    EXPECT_EQ(slots_of(hits[q]), truth(q, 10, mask.data())) << q;
  }
}

}  // namespace
}  // namespace omendb::collection
