// Four processes read a database while one writes, compacts, and is killed again and again. Each
// answer that a reader gets must be the state after some batch from the last that was acknowledged
// before it asked to the last that was begun when it had its answer.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "random_batches.h"

namespace omendb::crash {
namespace {

constexpr size_t kReaders = 4;
const OpenOptions kOptions = {.memtable_bytes = 64 << 10};
constexpr char kCollection[] = "points";

/// What the processes tell each other.
struct Shared {
  std::atomic<uint32_t> acknowledged{0};  // the last batch that returned
  std::atomic<uint32_t> begun{0};         // the last batch that was tried
  std::atomic<bool> stop{false};
  std::array<std::atomic<uint64_t>, kReaders> answers{};
  std::array<std::atomic<uint64_t>, kReaders> states{};  // different ones
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

/// The state after each batch, one after the other.
class Model {
 public:
  void advance_to(uint32_t batch) {
    while (batch_ < batch) {
      ++batch_;
      apply(operation(0, batch_), batch_, state_);
    }
  }
  /// Advances to the first batch from here to `last` that leads to `state`.
  bool find(const State& state, uint32_t last) {
    while (state_ != state && batch_ < last) advance_to(batch_ + 1);
    return state_ == state;
  }
  uint32_t batch() const { return batch_; }
  const State& state() const { return state_; }

 private:
  uint32_t batch_ = 0;
  State state_;
};

[[noreturn]] void fail(const char* who, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", who, why.c_str());
  ::_exit(1);
}

/// A child: never returns.
[[noreturn]] void write_until_killed(const std::string& path, Shared& shared) {
  auto database = Database::open(path, kOptions);
  if (!database.ok()) fail("writer", database.status().to_string());
  auto collection = database->collection(kCollection);
  if (!collection.ok()) fail("writer", collection.status().to_string());
  const auto recovered = read_state(*collection, kBatchDim);
  if (!recovered.ok()) fail("writer", recovered.status().to_string());
  Model model;
  model.advance_to(shared.acknowledged);
  if (!model.find(*recovered, shared.begun)) {
    fail("writer", "recovered neither the acknowledged state nor the next");
  }
  for (uint32_t batch = model.batch() + 1;; ++batch) {
    shared.acknowledged = batch - 1;
    shared.begun = batch;
    if (const Status issued = issue(*collection, operation(0, batch), batch); !issued.ok()) {
      fail("writer", issued.to_string());
    }
    shared.acknowledged = batch;
    if (batch % 40 != 0) continue;
    if (const Status done = collection->compact(); !done.ok()) fail("writer", done.to_string());
  }
}

/// All points, by one scan or by one exact search: either sees one state.
Result<State> answer_of(Collection& collection, bool by_search) {
  State state;
  if (by_search) {
    const std::vector<float> query(kBatchDim, 1.0F);
    auto found =
        collection.search({query.data(), 1, kBatchDim},
                          {.k = 1'000, .exact = true, .with_vectors = true, .columns = {"*"}});
    if (!found.ok()) return found.status();
    const Status read = read_points(found->points, kBatchDim, state);
    return read.ok() ? Result<State>(std::move(state)) : Result<State>(read);
  }
  auto scan = collection.scan({.batch_size = 100});
  if (!scan.ok()) return scan.status();
  for (;;) {
    auto points = scan->next();
    if (!points.ok()) return points.status();
    if (std::get<std::vector<uint64_t>>(points->ids).empty()) return state;
    if (Status read = read_points(*points, kBatchDim, state); !read.ok()) return read;
  }
}

/// A child: never returns.
[[noreturn]] void read_until_told(const std::string& path, size_t reader, Shared& shared) {
  Result<Database> database = Database::open(path, {.mode = OpenMode::kRead});
  while (!database.ok() && database.status().code() == StatusCode::kNotFound) {
    database = Database::open(path, {.mode = OpenMode::kRead});
  }
  if (!database.ok()) fail("reader", database.status().to_string());
  Result<Collection> collection = database->collection(kCollection);
  while (!collection.ok() && collection.status().code() == StatusCode::kNotFound) {
    collection = database->collection(kCollection);
  }
  if (!collection.ok()) fail("reader", collection.status().to_string());
  Model model;
  for (uint64_t round = reader; !shared.stop; ++round) {
    const uint32_t acknowledged = shared.acknowledged;
    const auto answer = answer_of(*collection, round % 2 == 0);
    const uint32_t begun = shared.begun;
    // Before the first batch the collection has no dimension to search by, and no ids.
    if (acknowledged == 0) continue;
    if (!answer.ok()) fail("reader", answer.status().to_string());
    const uint32_t before = model.batch();
    model.advance_to(acknowledged);
    const State expected = model.state();
    if (!model.find(*answer, begun)) {
      fail("reader", "saw none of the states from batch " + std::to_string(acknowledged) + " to " +
                         std::to_string(begun) + ": has " + describe(*answer) +
                         "; acknowledged is " + describe(expected));
    }
    ++shared.answers[reader];
    if (model.batch() != before) ++shared.states[reader];
  }
  ::_exit(0);
}

class ReaderKillTest : public testing::Test {
 protected:
  ReaderKillTest()
      : seed_(std::random_device()()),
        folder_(std::filesystem::temp_directory_path() /
                ("omendb_reader_kill_" + std::to_string(seed_))),
        random_(seed_) {}
  ~ReaderKillTest() override {
    for (const pid_t reader : readers_) ::kill(reader, SIGKILL);
    std::filesystem::remove_all(folder_);
  }

  void kill_writer_once();

  const uint64_t seed_;
  const std::filesystem::path folder_;
  std::mt19937_64 random_;
  std::vector<pid_t> readers_;
  Shared* shared_ = nullptr;
};

void ReaderKillTest::kill_writer_once() {
  const uint32_t before = shared_->acknowledged;
  const pid_t writer = ::fork();
  ASSERT_GE(writer, 0);
  if (writer == 0) write_until_killed(folder_.string(), *shared_);
  int status = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (shared_->acknowledged == before && std::chrono::steady_clock::now() < deadline &&
         ::waitpid(writer, &status, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_GT(shared_->acknowledged, before) << "the writer wrote nothing";
  std::this_thread::sleep_for(std::chrono::microseconds(random_() % 60'000));
  ASSERT_EQ(::kill(writer, SIGKILL), 0);
  ASSERT_EQ(::waitpid(writer, &status, 0), writer);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
  for (const pid_t reader : readers_) {
    ASSERT_EQ(::waitpid(reader, &status, WNOHANG), 0) << "a reader failed";
  }
}

TEST_F(ReaderKillTest, ReadersSeeEachAcknowledgedWriteAtOnceThoughTheWriterIsKilled) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  shared_ = new (memory) Shared();
  for (size_t i = 0; i < kReaders; ++i) {
    const pid_t reader = ::fork();
    ASSERT_GE(reader, 0);
    if (reader == 0) read_until_told(folder_.string(), i, *shared_);
    readers_.push_back(reader);
  }
  const int kills = std::getenv("OMENDB_LONG") != nullptr ? 200 : 10;
  for (int i = 0; i < kills; ++i) {
    kill_writer_once();
    if (HasFatalFailure()) FAIL() << "kill " << i << ", seed " << seed_;
  }
  shared_->stop = true;
  for (const pid_t reader : std::exchange(readers_, {})) {
    int status = 0;
    ASSERT_EQ(::waitpid(reader, &status, 0), reader);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a reader failed; seed " << seed_;
  }
  uint64_t answers = 0;
  for (size_t i = 0; i < kReaders; ++i) {
    answers += shared_->answers[i];
    EXPECT_GT(shared_->states[i], static_cast<uint64_t>(kills)) << "reader " << i;
  }
  RecordProperty("answers", std::to_string(answers));
  RecordProperty("batches", std::to_string(shared_->acknowledged.load()));
  ::munmap(memory, sizeof(Shared));
}

}  // namespace
}  // namespace omendb::crash
