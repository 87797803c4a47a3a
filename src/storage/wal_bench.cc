// How fast writes become durable, beside a bare loop that appends the same bytes and fdatasyncs,
// the two interleaved round by round:
//   wal_bench <folder on the disk to measure> [rounds]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "storage/env.h"
#include "storage/wal.h"

namespace omendb::storage {
namespace {

constexpr size_t kBatchBytes = 512'000;  // 1,000 vectors of 128 floats
constexpr int kBatches = 100;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

double batches_per_second(int batches, double seconds) {
  return batches / seconds;
}

double bare_loop(Env& env, const std::string& folder, std::span<const std::byte> batch) {
  auto file = env.create_file(join(folder, "bare"));
  require(file.status());
  const auto start = Clock::now();
  for (int i = 0; i < kBatches; ++i) {
    require((*file)->append(batch));
    require((*file)->sync());
  }
  const double seconds = seconds_since(start);
  require(env.remove_file(join(folder, "bare")));
  return batches_per_second(kBatches, seconds);
}

// `threads` threads share kBatches; what came before is trimmed now and then, as sealing does.
double log_rate(Wal& wal, int threads, std::span<const std::byte> batch) {
  std::vector<std::thread> workers;
  const auto start = Clock::now();
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&] {
      for (int i = 0; i < kBatches / threads; ++i) {
        const auto lsn = wal.append(std::span(&batch, 1));
        require(lsn.status());
        wal.start_flush();
        require(wal.wait_durable(*lsn));
      }
    });
  }
  for (auto& worker : workers) worker.join();
  const double seconds = seconds_since(start);
  require(wal.trim(Lsn{to_int(wal.last_appended()) - 1}));
  return batches_per_second(kBatches / threads * threads, seconds);
}

void run(const std::string& folder, int rounds) {
  const auto env = Env::posix();
  require(env->make_directory(folder));
  const std::vector<std::byte> batch(kBatchBytes, std::byte{0x5a});
  const auto open = [&](const char* name, const WalOptions& options) {
    auto wal = Wal::open(
        env, join(folder, name), options, Lsn{0},
        [](Lsn, std::span<const std::byte>) { return Status(); }, nullptr);
    require(wal.status());
    return std::move(*wal);
  };
  const auto sync = open("sync", {});
  const auto interval = open("interval", {.sync_on_wait = false, .sync_interval_ms = 100});
  std::printf("batches of %zu bytes a second (x1,000 = vectors of 512 bytes)\n", kBatchBytes);
  std::printf("%5s %10s %10s %10s %10s\n", "round", "bare loop", "1 thread", "4 threads",
              "interval");
  for (int round = 0; round < rounds; ++round) {
    const double bare = bare_loop(*env, folder, batch);
    const double one = log_rate(*sync, 1, batch);
    const double four = log_rate(*sync, 4, batch);
    const double handed = log_rate(*interval, 1, batch);
    std::printf("%5d %10.0f %10.0f %10.0f %10.0f\n", round, bare, one, four, handed);
  }
}

}  // namespace
}  // namespace omendb::storage

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: wal_bench <folder> [rounds]\n");
    return 2;
  }
  omendb::storage::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 5);
  return 0;
}
