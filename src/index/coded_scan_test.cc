#include "index/coded_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace omendb::index {
namespace {

using codec::rabitq::Encoder;
using codec::rabitq::kBlockRows;
using codec::rabitq::PreparedQuery;

struct Coded {
  Coded(size_t dim, size_t rows, uint32_t seed) : center(dim, 0.0F) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> middles(50 * dim);
    for (float& x : middles) x = normal(random);
    for (size_t i = 0; i < rows; ++i) {
      const float* middle = middles.data() + random() % 50 * dim;
      for (size_t d = 0; d < dim; ++d) vectors.push_back(middle[d] + 0.5F * normal(random));
    }
    const Encoder encoder({.metric = Metric::kL2, .dim = dim, .seed = seed}, center.data());
    blocks.resize(codec::rabitq::coded_bytes(dim, rows));
    for (size_t i = 0; i < rows; i += kBlockRows) {
      encoder.encode_block(vectors.data() + i * dim, dim * sizeof(float),
                           std::min(kBlockRows, rows - i),
                           blocks.data() + i / kBlockRows * encoder.block_bytes());
    }
    for (size_t q = 0; q < 5; ++q) {
      std::vector<float> query(
          vectors.begin() + static_cast<std::ptrdiff_t>(q * 3 % rows * dim),
          vectors.begin() + static_cast<std::ptrdiff_t>((q * 3 % rows + 1) * dim));
      for (float& x : query) x += 0.3F * normal(random);
      queries.push_back(query);
      prepared.push_back(encoder.prepare(query.data()));
    }
  }
  std::vector<float> center;
  std::vector<float> vectors;
  std::vector<std::byte> blocks;
  std::vector<std::vector<float>> queries;
  std::vector<PreparedQuery> prepared;
};

/// All allowed rows' estimates, one block at a time, sorted, cut to `capacity`.
std::vector<Candidate> oracle(const PreparedQuery& query, const CodedRows& rows, size_t capacity) {
  std::vector<Candidate> all;
  const size_t bytes = codec::rabitq::block_bytes(query.padded_dim);
  for (size_t i = 0; i < rows.count; ++i) {
    if (rows.mask != nullptr && (rows.mask[i / 64] >> (i % 64) & 1) == 0) continue;
    float estimates[kBlockRows];
    uint32_t hits = 0;
    codec::rabitq::block_scan()(query, rows.blocks + i / kBlockRows * bytes, 1, 0, estimates,
                                &hits);
    all.push_back(
        {estimates[i % kBlockRows], rows.source, rows.first_slot + static_cast<uint32_t>(i)});
  }
  std::sort(all.begin(), all.end());
  all.resize(std::min(all.size(), capacity));
  return all;
}

std::vector<Candidate> kept(CandidateQueue& queue) {
  const auto sorted = queue.sorted();
  return {sorted.begin(), sorted.end()};
}

TEST(CodedScan, KeepsExactlyTheBestEstimates) {
  for (const size_t rows : {1UL, 31UL, 32UL, 33UL, 1000UL, 6007UL}) {
    const Coded data(96, rows, 1);
    for (const size_t capacity : {1UL, 10UL, 500UL, 10'000UL}) {
      const CodedRows coded{
          .blocks = data.blocks.data(), .count = rows, .source = 3, .first_slot = 1000};
      CandidateQueue queue(capacity);
      coded_scan(data.prepared[0], coded, queue);
      EXPECT_EQ(kept(queue), oracle(data.prepared[0], coded, capacity))
          << rows << " rows, capacity " << capacity;
    }
  }
}

TEST(CodedScan, MaskedRowsAreNeverCandidates) {
  const size_t rows = 5001;
  const Coded data(64, rows, 2);
  std::mt19937 random(4);
  for (const uint32_t one_in : {1U, 2U, 50U, 1000U, 100000U}) {
    std::vector<uint64_t> mask((rows + 63) / 64, 0);
    for (size_t i = 0; i < mask.size() * 64; ++i) {  // bits past the last row are set, too
      if (random() % one_in == 0 || i >= rows) mask[i / 64] |= uint64_t{1} << (i % 64);
    }
    const CodedRows coded{.blocks = data.blocks.data(), .count = rows, .mask = mask.data()};
    CandidateQueue queue(100);
    coded_scan(data.prepared[1], coded, queue);
    EXPECT_EQ(kept(queue), oracle(data.prepared[1], coded, 100)) << "one in " << one_in;
  }
}

TEST(CodedScan, ABatchGivesEachQueryWhatItGetsAlone) {
  const Coded data(200, 3000, 3);
  const CodedRows coded{.blocks = data.blocks.data(), .count = 3000};
  std::vector<CandidateQueue> queues(data.prepared.size(), CandidateQueue(50));
  std::vector<QueryScan> batch;
  for (size_t q = 0; q < queues.size(); ++q) batch.push_back({&data.prepared[q], &queues[q]});
  coded_scan(batch, coded);
  for (size_t q = 0; q < queues.size(); ++q) {
    CandidateQueue alone(50);
    coded_scan(data.prepared[q], coded, alone);
    EXPECT_EQ(kept(queues[q]), kept(alone)) << "query " << q;
  }
}

TEST(CodedScan, OneQueueCollectsOverManySources) {
  const Coded a(128, 2000, 5);
  const Coded b(128, 2500, 5);  // the same seed: one encoder, other rows
  const CodedRows first{.blocks = a.blocks.data(), .count = 2000, .source = 0};
  const CodedRows second{.blocks = b.blocks.data(), .count = 2500, .source = 1, .first_slot = 7};
  CandidateQueue queue(300);
  coded_scan(a.prepared[0], first, queue);
  coded_scan(a.prepared[0], second, queue);
  std::vector<Candidate> expected = oracle(a.prepared[0], first, 300);
  const std::vector<Candidate> more = oracle(a.prepared[0], second, 300);
  expected.insert(expected.end(), more.begin(), more.end());
  std::sort(expected.begin(), expected.end());
  expected.resize(300);
  EXPECT_EQ(kept(queue), expected);
}

TEST(CodedScan, EqualEstimatesKeepTheFirstRowsAndDoNotGrowTheQueue) {
  const size_t rows = 20'000;
  const std::vector<float> center(64, 0.0F);
  const std::vector<float> same(32 * 64, 1.0F);
  const Encoder encoder({.metric = Metric::kL2, .dim = 64}, center.data());
  std::vector<std::byte> blocks(codec::rabitq::coded_bytes(64, rows));
  for (size_t b = 0; b < rows / kBlockRows; ++b) {
    encoder.encode_block(same.data(), 64 * sizeof(float), 32,
                         blocks.data() + b * encoder.block_bytes());
  }
  const PreparedQuery query = encoder.prepare(same.data());
  CandidateQueue queue(10);
  coded_scan(query, {.blocks = blocks.data(), .count = rows}, queue);
  const auto sorted = queue.sorted();
  ASSERT_EQ(sorted.size(), 10U);
  for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ(sorted[i].slot, i);
}

TEST(CodedScan, RecallOfClusteredDataStaysAboveItsFloor) {
  const size_t dim = 128;
  const size_t rows = 10'000;
  const Coded data(dim, rows, 6);
  size_t found = 0;
  for (size_t q = 0; q < data.queries.size(); ++q) {
    std::vector<std::pair<float, uint32_t>> exact;
    for (size_t i = 0; i < rows; ++i) {
      float distance = 0;
      for (size_t d = 0; d < dim; ++d) {
        const float difference = data.vectors[i * dim + d] - data.queries[q][d];
        distance += difference * difference;
      }
      exact.emplace_back(distance, static_cast<uint32_t>(i));
    }
    std::partial_sort(exact.begin(), exact.begin() + 10, exact.end());
    CandidateQueue queue(200);
    coded_scan(data.prepared[q], {.blocks = data.blocks.data(), .count = rows}, queue);
    for (const Candidate& candidate : queue.sorted()) {
      found += std::any_of(exact.begin(), exact.begin() + 10,
                           [&](const auto& e) { return e.second == candidate.slot; });
    }
  }
  EXPECT_GE(found, 47U) << "of 50 true neighbours";
}

}  // namespace
}  // namespace omendb::index
