// Writes that run out of memory, at each of their allocations in turn. Whatever happens, what was
// acknowledged is there after reopening, once, and nobody waits for ever.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "database/database_impl.h"
#include "omendb/database.h"

namespace {

/// Allocations of this thread that still succeed; below 0: all do.
thread_local long allocations_left = -1;

bool refuse() {
  return allocations_left >= 0 && allocations_left-- == 0;
}

}  // namespace

// The operators of this program: all that the engine allocates goes through them, but for the
// arrays of a memtable. They are not inlined: g++ warns where it sees free() meet operator new.
[[gnu::noinline]] void* operator new(size_t bytes) {
  void* memory = refuse() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new[](size_t bytes) {
  return operator new(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

namespace omendb {
namespace {

constexpr size_t kDim = 64;
constexpr size_t kPoints = 1'200;  // 300 KiB: large enough for the pool to take part

class OutOfMemoryTest : public testing::Test {
 protected:
  OutOfMemoryTest() : vectors_(kPoints * kDim) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& x : vectors_) x = normal(random);
  }

  Database open() {
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    EXPECT_TRUE(impl.ok()) << impl.status().to_string();
    return Database(*impl);
  }
  Status add(Database& database, size_t points) {
    auto collection = database.default_collection();
    if (!collection.ok()) return collection.status();
    return collection->add({.vectors = {vectors_.data(), points, kDim}}).status();
  }

  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  std::vector<float> vectors_;
};

/// Ids of all points; each is met once.
std::set<uint64_t> ids_of(Database& database) {
  std::set<uint64_t> ids;
  auto scan = database.default_collection()->scan();
  EXPECT_TRUE(scan.ok());
  while (scan.ok()) {
    const auto points = scan->next();
    EXPECT_TRUE(points.ok()) << points.status().to_string();
    if (!points.ok()) break;
    const auto& some = std::get<std::vector<uint64_t>>(points->ids);
    if (some.empty()) break;
    for (const uint64_t id : some) EXPECT_TRUE(ids.insert(id).second) << "id " << id << " twice";
  }
  return ids;
}

TEST_F(OutOfMemoryTest, AWriteThatRunsOutOfMemoryAnywhereLosesNothingAcknowledged) {
  size_t acknowledged = 0;
  size_t issued = 0;
  long failures = 0;
  for (long n = 0;; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Database database = open();
    auto collection = database.default_collection();
    ASSERT_TRUE(collection.ok());
    const WriteBatch batch{.vectors = {vectors_.data(), kPoints, kDim}};
    allocations_left = n;
    const auto added = collection->add(batch);
    const bool fired = allocations_left < 0;
    allocations_left = -1;
    issued += kPoints;
    if (added.ok()) acknowledged += kPoints;
    if (!fired) {
      EXPECT_TRUE(added.ok()) << added.status().to_string();
      break;
    }
    ++failures;
    // The next write is refused, or it is as good as any.
    issued += 10;
    if (const Status next = add(database, 10); next.ok()) {
      acknowledged += 10;
    } else {
      EXPECT_EQ(next.code(), StatusCode::kReadOnly) << next.to_string();
    }
    database.close().ignore();
    Database again = open();
    const size_t there = ids_of(again).size();
    ASSERT_GE(there, acknowledged);
    ASSERT_LE(there, issued);
    ASSERT_EQ(again.default_collection()->count().value(), there);
    acknowledged = issued = there;
    ASSERT_TRUE(add(again, 1).ok());
    acknowledged = ++issued;
    ASSERT_TRUE(again.close().ok());
  }
  EXPECT_GT(failures, 20);
}

TEST_F(OutOfMemoryTest, ASearchThatRunsOutOfMemoryAnywhereSaysSoAndTheNextOneAnswers) {
  Database database = open();
  ASSERT_TRUE(add(database, kPoints).ok());
  auto collection = database.default_collection();
  const VectorsView queries{vectors_.data(), 40, kDim};
  const auto expected = collection->search(queries, {.k = 3, .exact = true});
  ASSERT_TRUE(expected.ok());
  for (long n = 0;; ++n) {
    allocations_left = n;
    const auto found = collection->search(queries, {.k = 3, .exact = true});
    const bool fired = allocations_left < 0;
    allocations_left = -1;
    if (found.ok()) {
      EXPECT_EQ(found->distances, expected->distances);
    } else {
      EXPECT_EQ(found.status().code(), StatusCode::kOutOfMemory);
      EXPECT_EQ(found.status().message(), "out of memory");
    }
    if (!fired) break;
  }
  EXPECT_EQ(collection->search(queries, {.k = 3, .exact = true}).value().distances,
            expected->distances);
}

TEST_F(OutOfMemoryTest, AScanThatRunsOutOfMemoryAnywhereSaysSoAndPassesNoPointOver) {
  Database database = open();
  ASSERT_TRUE(add(database, kPoints).ok());
  auto scan = database.default_collection()->scan({.batch_size = 500});
  ASSERT_TRUE(scan.ok());
  std::vector<uint64_t> ids;
  long failures = 0;
  for (bool more = true; more;) {
    for (long n = 0;; ++n) {
      allocations_left = n;
      const auto points = scan->next();
      allocations_left = -1;
      if (!points.ok()) {
        EXPECT_EQ(points.status().code(), StatusCode::kOutOfMemory);
        EXPECT_EQ(points.status().message(), "out of memory");
        ++failures;
        continue;
      }
      const auto& some = std::get<std::vector<uint64_t>>(points->ids);
      ids.insert(ids.end(), some.begin(), some.end());
      more = !some.empty();
      break;
    }
  }
  EXPECT_GT(failures, 3);
  std::vector<uint64_t> all(kPoints);
  std::iota(all.begin(), all.end(), uint64_t{0});
  EXPECT_EQ(ids, all);
}

TEST_F(OutOfMemoryTest, OpeningThatRunsOutOfMemoryAnywhereSaysSo) {
  long failures = 0;
  for (long n = 0;; ++n) {
    allocations_left = n;
    const auto opened = Database::open(":memory:");
    const bool fired = allocations_left < 0;
    allocations_left = -1;
    if (!fired) {
      EXPECT_TRUE(opened.ok()) << opened.status().to_string();
      break;
    }
    if (opened.ok()) continue;  // without a thread of the pool, say
    EXPECT_EQ(opened.status().message(), "out of memory");
    ++failures;
  }
  EXPECT_GT(failures, 10);
}

}  // namespace
}  // namespace omendb
