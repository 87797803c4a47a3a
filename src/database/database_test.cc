// The embedded database from the outside: what a user of the C++ API relies on.
#include "omendb/database.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

namespace omendb {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("omendb_test_" + std::to_string(std::random_device()()))) {}
  ~DatabaseTest() override { std::filesystem::remove_all(folder_); }

  Database open(const OpenOptions& options = {}) {
    auto database = Database::open(folder_.string(), options);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return std::move(database).value();
  }

  const std::filesystem::path folder_;
};

/// Small integers, so that distances are exact whatever the order of summation.
std::vector<float> integer_vectors(size_t count, size_t dim, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count * dim);
  for (float& v : values) v = static_cast<float>(static_cast<int>(random() % 21) - 10);
  return values;
}

struct Hit {
  uint64_t id;
  float distance;
  bool operator==(const Hit&) const = default;
};

std::vector<Hit> brute_force(const std::vector<float>& rows, const std::vector<uint64_t>& ids,
                             const float* query, size_t dim, size_t k) {
  std::vector<Hit> hits;
  for (size_t r = 0; r < ids.size(); ++r) {
    double sum = 0;
    for (size_t i = 0; i < dim; ++i) {
      const double difference = rows[r * dim + i] - query[i];
      sum += difference * difference;
    }
    hits.push_back({ids[r], static_cast<float>(sum)});
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
  });
  hits.resize(std::min(k, hits.size()));
  return hits;
}

std::vector<Hit> hits_of(const SearchResult& result, size_t query) {
  std::vector<Hit> hits;
  const auto& ids = std::get<std::vector<uint64_t>>(result.points.ids);
  for (uint64_t i = result.offsets[query]; i < result.offsets[query + 1]; ++i) {
    hits.push_back({ids[i], result.distances[i]});
  }
  return hits;
}

TEST_F(DatabaseTest, OpeningWaitsUpToTheTimeoutForALockThatAnotherHolds) {
  std::optional<Database> holder = open();
  const auto refused = Database::open(folder_.string(), {.lock_timeout_ms = 10});
  ASSERT_EQ(refused.status().code(), StatusCode::kLocked);
  EXPECT_NE(refused.status().message().find("after 10 ms"), std::string::npos)
      << refused.status().message();
  std::thread closing([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    holder.reset();
  });
  const auto waited = Database::open(folder_.string(), {.lock_timeout_ms = 60'000});
  EXPECT_TRUE(waited.ok()) << waited.status().to_string();
  closing.join();
  const auto endless = Database::open(folder_.string(), {.lock_timeout_ms = UINT64_MAX});
  EXPECT_EQ(endless.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(DatabaseTest, WhatWasAddedIsFoundAgainAfterReopening) {
  constexpr size_t kDim = 24;
  constexpr size_t kCount = 3'000;
  const auto rows = integer_vectors(kCount, kDim, 1);
  const auto queries = integer_vectors(20, kDim, 2);
  std::vector<uint64_t> ids;
  {
    Database database = open();
    auto collection = database.default_collection();
    ASSERT_TRUE(collection.ok()) << collection.status().to_string();
    auto added = collection->add({.vectors = {rows.data(), kCount, kDim}});
    ASSERT_TRUE(added.ok()) << added.status().to_string();
    ids = std::get<std::vector<uint64_t>>(*added);
    ASSERT_EQ(ids.size(), kCount);
    ASSERT_TRUE(database.close().ok());
  }
  Database database = open();
  auto collection = database.default_collection();
  ASSERT_TRUE(collection.ok());
  EXPECT_EQ(collection->count().value(), kCount);
  auto batch = collection->search({queries.data(), 20, kDim}, {.k = 10, .exact = true});
  ASSERT_TRUE(batch.ok()) << batch.status().to_string();
  for (size_t q = 0; q < 20; ++q) {
    const float* query = queries.data() + q * kDim;
    const auto expected = brute_force(rows, ids, query, kDim, 10);
    EXPECT_EQ(hits_of(*batch, q), expected) << "query " << q;
    auto single = collection->search({query, 1, kDim}, {.k = 10, .exact = true});
    ASSERT_TRUE(single.ok());
    EXPECT_EQ(hits_of(*single, 0), expected) << "query " << q;
  }
}

TEST_F(DatabaseTest, SealsMergesAndStaysExactWhileItGrows) {
  constexpr size_t kDim = 16;
  constexpr size_t kBatch = 500;
  Database database = open({.memtable_bytes = 64 << 10});  // 1,024 rows
  auto collection = database.default_collection();
  ASSERT_TRUE(collection.ok());
  std::vector<float> rows;
  std::vector<uint64_t> ids;
  for (uint32_t b = 0; b < 40; ++b) {
    const auto batch = integer_vectors(kBatch, kDim, 100 + b);
    auto added = collection->add({.vectors = {batch.data(), kBatch, kDim}});
    ASSERT_TRUE(added.ok()) << added.status().to_string();
    const auto& new_ids = std::get<std::vector<uint64_t>>(*added);
    ids.insert(ids.end(), new_ids.begin(), new_ids.end());
    rows.insert(rows.end(), batch.begin(), batch.end());
    const auto query = integer_vectors(1, kDim, 1'000 + b);
    auto found = collection->search({query.data(), 1, kDim}, {.k = 15, .exact = true});
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(hits_of(*found, 0), brute_force(rows, ids, query.data(), kDim, 15)) << "batch " << b;
  }
  ASSERT_TRUE(collection->compact().ok());
  auto info = collection->info();
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->segments, 1u);
  EXPECT_EQ(info->points, ids.size());
  const auto query = integer_vectors(1, kDim, 7);
  auto found = collection->search({query.data(), 1, kDim}, {.k = 15, .exact = true});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(hits_of(*found, 0), brute_force(rows, ids, query.data(), kDim, 15));
}

TEST_F(DatabaseTest, LargeBatchesFromManyThreadsAreWholeWhicheverThreadFillsThem) {
  constexpr size_t kDim = 128;
  constexpr size_t kThreads = 4;
  constexpr size_t kBatches = 8;
  const auto batch_rows = [](size_t thread, size_t b) { return 700 + 311 * ((thread + b) % 5); };
  for (const Durability durability : {Durability::kSync, Durability::kNone}) {
    std::filesystem::remove_all(folder_);
    uint64_t points = 0;
    for (const bool reopened : {false, true}) {
      Database database = open({.durability = durability});
      auto collection = database.default_collection();
      ASSERT_TRUE(collection.ok());
      std::atomic<size_t> failures{0};
      std::vector<std::thread> threads;
      for (size_t t = 0; t < kThreads && !reopened; ++t) {
        threads.emplace_back([&, t] {
          for (size_t b = 0; b < kBatches; ++b) {
            const size_t rows = batch_rows(t, b);
            const auto batch = integer_vectors(rows, kDim, static_cast<uint32_t>(t * 100 + b));
            std::vector<uint64_t> ids(rows);
            for (size_t i = 0; i < rows; ++i) ids[i] = (t * kBatches + b) * 10'000 + i;
            if (!collection->add({.vectors = {batch.data(), rows, kDim}, .ids = ids}).ok()) {
              ++failures;
            }
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      ASSERT_EQ(failures, 0U);
      points = 0;
      for (size_t t = 0; t < kThreads; ++t) {
        for (size_t b = 0; b < kBatches; ++b) {
          const size_t rows = batch_rows(t, b);
          const auto expected = integer_vectors(rows, kDim, static_cast<uint32_t>(t * 100 + b));
          std::vector<uint64_t> ids(rows);
          for (size_t i = 0; i < rows; ++i) ids[i] = (t * kBatches + b) * 10'000 + i;
          const auto got = collection->get(std::span<const uint64_t>(ids), {});
          ASSERT_TRUE(got.ok()) << got.status().to_string();
          const auto* values = reinterpret_cast<const float*>(got->points.vectors.data());
          for (size_t i = 0; i < rows; ++i) {
            ASSERT_TRUE(std::equal(values + i * kDim, values + (i + 1) * kDim,
                                   expected.begin() + static_cast<ptrdiff_t>(i * kDim)))
                << "row " << i << " of batch " << b << " of thread " << t;
          }
          points += rows;
        }
      }
      EXPECT_EQ(collection->count().value(), points);
      // The codes, too, are those of the rows: the nearest of a row is itself.
      const auto probe = integer_vectors(batch_rows(1, 1), kDim, 101);
      for (size_t i = 0; i < probe.size() / kDim; i += 97) {
        const uint64_t id = (kBatches + 1) * 10'000 + i;
        const auto found = collection->search({&probe[i * kDim], 1, kDim}, {.k = 1});
        ASSERT_TRUE(found.ok());
        EXPECT_EQ(hits_of(*found, 0), (std::vector<Hit>{{id, 0}}));
      }
    }
  }
}

TEST_F(DatabaseTest, ExactQueriesNeedNoAlignment) {
  constexpr size_t kDim = 40;
  constexpr size_t kCount = 2'000;
  Database database = open();
  auto collection = database.default_collection();
  const auto rows = integer_vectors(kCount, kDim, 3);
  ASSERT_TRUE(collection->add({.vectors = {rows.data(), kCount, kDim}}).ok());
  std::vector<std::byte> bytes(kDim * sizeof(float) + 1);
  std::memcpy(bytes.data() + 1, &rows[77 * kDim], kDim * sizeof(float));
  const VectorsView query{bytes.data() + 1, 1, kDim, Element::kF32};
  const auto found = collection->search(query, {.k = 4, .exact = true});
  const auto aligned = collection->search({&rows[77 * kDim], 1, kDim}, {.k = 4, .exact = true});
  ASSERT_TRUE(found.ok() && aligned.ok());
  EXPECT_EQ(hits_of(*found, 0), hits_of(*aligned, 0));
}

/// Hits of `want` that `got` has, both of one query.
size_t shared_hits(const std::vector<Hit>& got, const std::vector<Hit>& want) {
  return static_cast<size_t>(std::ranges::count_if(
      want, [&](const Hit& hit) { return std::ranges::find(got, hit) != got.end(); }));
}

// Vectors without any structure, whose neighbours all lie right at the k-th distance; such as
// one-bit codes hardly tell apart, because one coordinate outweighs all others, or because they lie
// far from their center; and lengths that differ, where the longest are the nearest and known
// least.
TEST_F(DatabaseTest, CodedSearchFindsTheWantedShareOfTheTrueNeighbours) {
  constexpr size_t kCount = 30'000;
  constexpr size_t kQueries = 100;
  struct Data {
    Metric metric;
    size_t dim;
    float first_coordinate = 1;
    float norms = 0;   // standard deviation of their logarithms
    float groups = 0;  // how far apart the two are
  };
  for (const Data& data :
       {Data{Metric::kL2, 64}, Data{Metric::kL2, 128}, Data{Metric::kL2, 64, 1e4F},
        Data{Metric::kInnerProduct, 64, 1, 1.5F}, Data{Metric::kInnerProduct, 64, 1, 0, 50},
        Data{Metric::kInnerProduct, 64, 1, 0, 200}}) {
    SCOPED_TRACE(std::string(metric_name(data.metric)) + ", dim " + std::to_string(data.dim) +
                 ", first coordinate times " + std::to_string(data.first_coordinate) + ", norms " +
                 std::to_string(data.norms) + ", groups " + std::to_string(data.groups));
    const size_t dim = data.dim;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    const auto draw = [&](size_t count) {
      std::vector<float> rows(count * dim);
      float norm = 1;
      float shift = 0;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (i % dim == 0) {
          norm = std::exp(data.norms * normal(random));
          shift = random() % 2 == 0 ? 3 : 3 + data.groups;
        }
        rows[i] = norm * (normal(random) + shift) * (i % dim == 0 ? data.first_coordinate : 1);
      }
      return rows;
    };
    const std::vector<float> rows = draw(kCount);
    const std::vector<float> queries = draw(kQueries);
    std::filesystem::remove_all(folder_);
    Database database = open({.memtable_bytes = 4 << 20});
    auto collection = database.collection("c", CollectionOptions{.metric = data.metric});
    ASSERT_TRUE(collection.ok());
    for (size_t i = 0; i < kCount; i += 1'000) {
      ASSERT_TRUE(collection->add({.vectors = {rows.data() + i * dim, 1'000, dim}}).ok());
    }
    const VectorsView all{queries.data(), kQueries, dim};
    const auto exact = collection->search(all, {.k = 10, .exact = true});
    for (const double recall : {0.9, 0.95}) {
      const auto together = collection->search(all, {.k = 10, .recall = recall});
      ASSERT_TRUE(exact.ok() && together.ok());
      size_t alone_matches = 0;
      size_t together_matches = 0;
      for (size_t q = 0; q < kQueries; ++q) {
        const auto alone =
            collection->search({&queries[q * dim], 1, dim}, {.k = 10, .recall = recall});
        ASSERT_TRUE(alone.ok());
        alone_matches += shared_hits(hits_of(*alone, 0), hits_of(*exact, q));
        together_matches += shared_hits(hits_of(*together, q), hits_of(*exact, q));
      }
      EXPECT_GE(alone_matches, kQueries * 10 * recall) << "of 1,000";
      EXPECT_GE(together_matches, kQueries * 10 * recall) << "of 1,000";
    }
  }
}

TEST_F(DatabaseTest, UpsertReplacesAndDeleteRemovesAcrossReopening) {
  constexpr size_t kDim = 4;
  const float a[kDim] = {1, 0, 0, 0};
  const float b[kDim] = {0, 2, 0, 0};
  const std::vector<uint64_t> ids = {7};
  const IdsView seven = std::span<const uint64_t>(ids);
  {
    Database database = open();
    auto collection = database.default_collection();
    ASSERT_TRUE(collection->add({.vectors = {a, 1, kDim}, .ids = seven}).ok());
    EXPECT_EQ(collection->add({.vectors = {a, 1, kDim}, .ids = seven}).status().code(),
              StatusCode::kAlreadyExists);
    ASSERT_TRUE(collection->upsert({.vectors = {b, 1, kDim}, .ids = seven}).ok());
    EXPECT_EQ(collection->count().value(), 1u);
  }
  {
    Database database = open();
    auto collection = database.default_collection();
    auto got = collection->get(seven);
    ASSERT_TRUE(got.ok());
    ASSERT_EQ(got->found[0], 1);
    EXPECT_EQ(std::memcmp(got->points.vectors.data(), b, sizeof b), 0);
    EXPECT_EQ(collection->delete_ids(seven).value(), 1u);
    EXPECT_EQ(collection->delete_ids(seven).value(), 0u);
    EXPECT_EQ(collection->count().value(), 0u);
  }
  Database database = open();
  EXPECT_EQ(database.default_collection()->count().value(), 0u);
}

}  // namespace
}  // namespace omendb
