// Everything at once from several threads. Run under ThreadSanitizer it finds races; the invariants
// checked here hold in any build.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <random>
#include <span>
#include <thread>

#include "oracle.h"

namespace omendb::crash {
namespace {

constexpr size_t kDim = 256;
constexpr size_t kBatchRows = 16;

/// Batch b of a writer holds ids b * kBatchRows and on, and carries b in its metadata.
std::vector<uint64_t> ids_of(uint32_t batch) {
  std::vector<uint64_t> ids(kBatchRows);
  for (size_t i = 0; i < kBatchRows; ++i) ids[i] = uint64_t{batch} * kBatchRows + i;
  return ids;
}

Filter of_batch(uint32_t batch) {
  return Filter::compare("batch", Filter::Compare::kEq, int64_t{batch});
}

/// A call that lost against close() or drop_collection() is no failure.
bool is_over(const Status& status) {
  return status.code() == StatusCode::kClosed || status.code() == StatusCode::kNotFound;
}

class RaceTest : public testing::Test {
 protected:
  RaceTest() {
    auto opened = Database::open(":memory:", {.memtable_bytes = 64 << 10});
    EXPECT_TRUE(opened.ok());
    database_ = std::make_unique<Database>(*std::move(opened));
    // The filters below need their column from the start.
    auto mine = collection();
    EXPECT_TRUE(mine.ok() && write_batch(*mine, ids_of(1), 1, kDim, Put::kAdd).ok());
  }

  Result<Collection> collection() { return database_->default_collection(); }

  /// Calls `step` until stop(), the end of the database, or a failure.
  void spawn(std::function<Status(Collection&)> step) {
    threads_.emplace_back([this, step = std::move(step)] {
      auto mine = collection();
      if (!mine.ok()) return;
      while (!stop_) {
        const Status status = step(*mine);
        if (is_over(status)) return;
        ASSERT_TRUE(status.ok()) << status.to_string();
      }
    });
  }
  /// Adds batches first, first + stride, … and deletes some of them later.
  void spawn_writer(uint32_t first, uint32_t stride);
  void spawn_readers();
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  std::unique_ptr<Database> database_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> newest_{1};   // a batch that was acknowledged
  std::atomic<uint32_t> deleted_{0};  // a batch whose deletion was acknowledged
};

void RaceTest::spawn_writer(uint32_t first, uint32_t stride) {
  spawn([this, stride, batch = first](Collection& c) mutable -> Status {
    const auto put = batch % 3 == 0 ? Put::kUpsert : Put::kAdd;
    if (Status added = write_batch(c, ids_of(batch), batch, kDim, put); !added.ok()) return added;
    newest_ = batch;
    // A search after an acknowledged add sees it: the vector is its own nearest neighbour.
    const uint64_t id = ids_of(batch)[3];
    const auto query = vector_of(id, batch, kDim);
    const auto found = c.search({query.data(), 1, kDim}, {.k = 1, .exact = true});
    if (!found.ok()) return found.status();
    EXPECT_EQ(std::get<std::vector<uint64_t>>(found->points.ids), std::vector<uint64_t>{id});
    if (batch > 20 * stride && batch % 2 == 0) {
      const uint32_t doomed = batch - 20 * stride;
      const auto ids = ids_of(doomed);
      const auto gone = batch % 4 == 0 ? c.delete_where(of_batch(doomed))
                                       : c.delete_ids(std::span<const uint64_t>(ids));
      if (!gone.ok()) return gone.status();
      EXPECT_EQ(*gone, kBatchRows);
      deleted_ = doomed;
    }
    batch += stride;
    return {};
  });
}

void RaceTest::spawn_readers() {
  // A batch is wholly visible or not at all; deleted batches never come back.
  spawn([this](Collection& c) -> Status {
    const uint32_t gone = deleted_;
    const uint32_t newest = newest_;
    for (uint32_t batch = newest; batch < newest + 4; ++batch) {
      const auto count = c.count(of_batch(batch));
      if (!count.ok()) return count.status();
      EXPECT_TRUE(*count == 0 || *count == kBatchRows) << *count << " of batch " << batch;
    }
    if (gone != 0) {
      const auto count = c.count(of_batch(gone));
      if (!count.ok()) return count.status();
      EXPECT_EQ(*count, 0u) << "batch " << gone;
    }
    return {};
  });
  // A scan shows one snapshot, every point of it whole.
  spawn([](Collection& c) -> Status {
    auto scan = c.scan({.batch_size = 100});
    if (!scan.ok()) return scan.status();
    std::map<uint64_t, size_t> rows;
    while (true) {
      const auto points = scan->next();
      if (!points.ok()) return points.status();
      const auto& ids = std::get<std::vector<uint64_t>>(points->ids);
      if (ids.empty()) break;
      for (const uint64_t id : ids) ++rows[id / kBatchRows];
    }
    for (const auto& [batch, count] : rows) EXPECT_EQ(count, kBatchRows) << "batch " << batch;
    return {};
  });
  spawn([](Collection& c) -> Status {
    const auto info = c.info();
    if (!info.ok()) return info.status();
    EXPECT_EQ(info->points % kBatchRows, 0u);
    EXPECT_LE(info->points, info->memory_points + info->segment_points);
    const auto query = vector_of(7, 7, kDim);
    return c.search({query.data(), 1, kDim}, {.k = 5, .columns = {"*"}}).status();
  });
}

TEST_F(RaceTest, AddUpsertDeleteSearchCompactInfoAndCloseKeepBatchesWhole) {
  spawn_writer(2, 2);
  spawn_writer(3, 2);
  spawn_readers();
  spawn([](Collection& c) -> Status {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return c.compact();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
  EXPECT_TRUE(database_->close().ok());
  join();
  EXPECT_GT(newest_, 10u);
}

TEST_F(RaceTest, CollectionsComeAndGoWhileTheyAreUsed) {
  const auto visit = [this](uint32_t seed) {
    return [this, seed, batch = 0U](Collection&) mutable -> Status {
      const std::string name = "c" + std::to_string((seed + batch) % 3);
      ++batch;
      auto c = database_->collection(name);
      if (!c.ok()) return c.status();
      const uint32_t mine = batch * 8 + seed;
      Status status = write_batch(*c, ids_of(mine), mine, kDim, Put::kAdd);
      if (status.ok()) status = c->count().status();
      if (status.ok() && batch % 5 == 0) status = database_->drop_collection(name);
      return status.code() == StatusCode::kNotFound ? Status() : status;
    };
  };
  for (uint32_t seed = 0; seed < 3; ++seed) spawn(visit(seed));
  spawn([this](Collection&) { return database_->collection_names().status(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  stop_ = true;
  join();
  EXPECT_TRUE(database_->close().ok());
}

// A collection without points may be declared anew; one to which a first add is on its way may not,
// or what that add acknowledged would be gone.
TEST_F(RaceTest, ADeclarationNeverTakesAwayAFirstAddThatReturned) {
  const uint64_t id = 3;
  const std::vector<float> row = vector_of(id, 1, kDim);
  int added = 0;
  int declared = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string name = "c" + std::to_string(i);
    auto first = database_->collection(name);
    ASSERT_TRUE(first.ok());
    std::atomic<int> ready{0};
    const auto line_up = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
    };
    Status add_status;
    std::thread adder([&] {
      line_up();
      add_status =
          first->add({.vectors = {row.data(), 1, kDim}, .ids = std::span<const uint64_t>(&id, 1)})
              .status();
    });
    line_up();
    const Status declare_status =
        database_->collection(name, CollectionOptions{.dim = 7, .metric = Metric::kCosine})
            .status();
    adder.join();
    EXPECT_NE(add_status.ok(), declare_status.ok())
        << add_status.to_string() << "; " << declare_status.to_string();
    const CollectionInfo info = database_->collection(name)->info().value();
    EXPECT_EQ(info.points, add_status.ok() ? 1U : 0U);
    EXPECT_EQ(info.dim, add_status.ok() ? kDim : 7U);
    added += add_status.ok() ? 1 : 0;
    declared += declare_status.ok() ? 1 : 0;
    ASSERT_TRUE(database_->drop_collection(name).ok());
  }
  EXPECT_EQ(added + declared, 400);
}

}  // namespace
}  // namespace omendb::crash
