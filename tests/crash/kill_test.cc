// kill -9 at random moments under load. A child process writes from two threads and tells, through
// a pipe, which batches were acknowledged; the parent kills it and looks at what is left.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <thread>

#include "random_batches.h"

namespace omendb::crash {
namespace {

constexpr uint32_t kWriters = 2;
const OpenOptions kOptions = {.memtable_bytes = 64 << 10};

/// One collection a writer: batches of two writers have no order between them.
std::string collection_of(uint32_t writer) {
  return "writer" + std::to_string(writer);
}

struct Acknowledgement {
  uint32_t writer;
  uint32_t batch;
};

/// The child: never returns.
[[noreturn]] void write_until_killed(const std::string& path, const std::vector<uint32_t>& from,
                                     int out) {
  auto database = Database::open(path, kOptions);
  if (!database.ok()) ::_exit(3);
  std::vector<std::thread> threads;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      auto collection = database->collection(collection_of(writer));
      if (!collection.ok()) ::_exit(4);
      for (uint32_t batch = from[writer] + 1;; ++batch) {
        if (!issue(*collection, operation(writer, batch), batch).ok()) ::_exit(5);
        const Acknowledgement news{writer, batch};
        if (::write(out, &news, sizeof news) != sizeof news) ::_exit(6);
        if (writer == 0 && batch % 40 == 0 && !collection->compact().ok()) ::_exit(7);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ::_exit(8);
}

class KillTest : public testing::Test {
 protected:
  KillTest()
      : seed_(std::random_device()()),
        folder_(std::filesystem::temp_directory_path() / ("omendb_kill_" + std::to_string(seed_))),
        random_(seed_),
        states_(kWriters),
        batches_(kWriters, 0) {}
  ~KillTest() override { std::filesystem::remove_all(folder_); }

  /// Lets a child write for a while, kills it, and compares.
  void kill_once();
  /// Finds the prefix of the writer's batches, past what was acknowledged, that the state is.
  void expect_prefix(uint32_t writer, uint32_t acknowledged, const State& recovered);

  const uint64_t seed_;
  const std::filesystem::path folder_;
  std::mt19937_64 random_;
  std::vector<State> states_;      // of each writer's collection
  std::vector<uint32_t> batches_;  // that led there
  uint64_t acknowledged_ = 0;
};

void KillTest::kill_once() {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(folder_.string(), batches_, ends[1]);
  }
  ::close(ends[1]);
  const auto patience = std::chrono::microseconds(random_() % 60'000);
  pollfd first{ends[0], POLLIN, 0};
  ASSERT_EQ(::poll(&first, 1, 60'000), 1) << "the child never acknowledged anything";
  std::this_thread::sleep_for(patience);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself with " << WEXITSTATUS(status);

  std::vector<uint32_t> acknowledged = batches_;
  Acknowledgement news{};
  while (::read(ends[0], &news, sizeof news) == sizeof news) {
    acknowledged[news.writer] = news.batch;
    ++acknowledged_;
  }
  ::close(ends[0]);

  auto database = Database::open(folder_.string(), kOptions);
  ASSERT_TRUE(database.ok()) << database.status().to_string();
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    auto collection = database->collection(collection_of(writer));
    ASSERT_TRUE(collection.ok()) << collection.status().to_string();
    if (random_() % 4 == 0) {
      ASSERT_TRUE(collection->compact().ok());
    }
    const auto recovered = read_state(*collection, kBatchDim);
    ASSERT_TRUE(recovered.ok()) << recovered.status().to_string();
    expect_prefix(writer, acknowledged[writer], *recovered);
  }
}

void KillTest::expect_prefix(uint32_t writer, uint32_t acknowledged, const State& recovered) {
  State& state = states_[writer];
  uint32_t& batch = batches_[writer];
  while (batch < acknowledged) {
    ++batch;
    apply(operation(writer, batch), batch, state);
  }
  if (state == recovered) return;
  // A thread has one batch under way at most.
  State next = state;
  apply(operation(writer, batch + 1), batch + 1, next);
  ASSERT_EQ(describe(recovered), describe(next))
      << "acknowledged up to " << acknowledged << ": " << describe(state);
  ASSERT_TRUE(recovered == next);
  state = std::move(next);
  ++batch;
}

TEST_F(KillTest, WhatWasAcknowledgedBeforeAKillIsThereAfterwards) {
  const int kills = std::getenv("OMENDB_LONG") != nullptr ? 2'000 : 20;
  for (int i = 0; i < kills; ++i) {
    kill_once();
    if (HasFatalFailure()) FAIL() << "kill " << i << ", seed " << seed_;
  }
  RecordProperty("acknowledged", std::to_string(acknowledged_));
  EXPECT_GT(acknowledged_, static_cast<uint64_t>(kills));
}

}  // namespace
}  // namespace omendb::crash
