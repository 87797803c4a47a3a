// How fast adds become durable, beside a bare loop that writes and fdatasyncs the same bytes, in
// turns, round by round:
//   add_bench <folder on the disk to measure> [rounds [milliseconds that each sync takes longer]]
// Group commit pays on disks whose syncs take longer: add_bench <folder> 5 5.5.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "database/database_impl.h"
#include "storage/testing/slow_env.h"

namespace omendb::internal {
namespace {

constexpr size_t kDim = 128;
constexpr size_t kBatch = 1'000;
constexpr size_t kBatches = 100;

using Clock = std::chrono::steady_clock;

void require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

class AddBench {
 public:
  AddBench(std::string folder, std::shared_ptr<storage::Env> env)
      : folder_(std::move(folder)), env_(std::move(env)), vectors_(kBatches * kBatch * kDim) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& x : vectors_) x = normal(random);
  }

  /// @param again  over a file that has its blocks already
  double bare_loop(bool again) {
    const std::string path = storage::join(folder_, "bare");
    auto file = env_->create_file(path);
    require(file.status());
    double rate = 0;
    for (int pass = 0; pass < (again ? 2 : 1); ++pass) {
      uint64_t offset = 0;
      rate = vectors_per_second([&] {
        for (size_t i = 0; i < kBatches; ++i) {
          const auto bytes = std::as_bytes(std::span(batch(i), kBatch * kDim));
          require((*file)->write_at(offset, bytes));
          require((*file)->sync());
          offset += bytes.size();
        }
      });
    }
    require(env_->remove_file(path));
    return rate;
  }

  /// The threads take batches in turn.
  double adds(Durability durability, size_t threads) {
    const std::string path = storage::join(folder_, "database");
    std::filesystem::remove_all(path);
    auto database = DatabaseImpl::open(path, {.durability = durability}, env_);
    require(database.status());
    auto collection = (*database)->collection("default", std::nullopt);
    require(collection.status());
    const double rate = vectors_per_second([&] {
      std::atomic<size_t> next{0};
      std::vector<std::thread> workers;
      for (size_t t = 0; t < threads; ++t) {
        workers.emplace_back([&] {
          for (size_t i = 0; (i = next++) < kBatches;) {
            require((*collection)
                        ->put({.vectors = {batch(i), kBatch, kDim}},
                              collection::CollectionCore::PutMode::kAdd)
                        .status());
          }
        });
      }
      for (std::thread& worker : workers) worker.join();
    });
    require((*database)->close());
    std::filesystem::remove_all(path);
    return rate;
  }

 private:
  const float* batch(size_t i) const { return vectors_.data() + i * kBatch * kDim; }

  static double vectors_per_second(const std::function<void()>& work) {
    const auto start = Clock::now();
    work();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return kBatches * kBatch / seconds;
  }

  const std::string folder_;
  const std::shared_ptr<storage::Env> env_;
  std::vector<float> vectors_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(const std::string& folder, int rounds, double sync_ms) {
  std::filesystem::create_directories(folder);
  const auto longer = std::chrono::microseconds(static_cast<int64_t>(sync_ms * 1'000));
  AddBench bench(folder, std::make_shared<storage::SlowEnv>(storage::Env::posix(), longer));
  const std::vector<std::pair<const char*, std::function<double()>>> contestants = {
      {"bare", [&] { return bench.bare_loop(false); }},
      {"bare, again", [&] { return bench.bare_loop(true); }},
      {"1 thread", [&] { return bench.adds(Durability::kSync, 1); }},
      {"2 threads", [&] { return bench.adds(Durability::kSync, 2); }},
      {"4 threads", [&] { return bench.adds(Durability::kSync, 4); }},
      {"interval", [&] { return bench.adds(Durability::kInterval, 1); }}};
  std::vector<std::vector<double>> rates(contestants.size());
  std::printf("vectors/s, %zu-d f32, batches of %zu; syncs take %.1f ms longer\n%8s", kDim, kBatch,
              sync_ms, "round");
  for (const auto& [name, work] : contestants) std::printf(" %12s", name);
  for (int round = 0; round < rounds; ++round) {
    std::printf("\n%8d", round);
    for (size_t c = 0; c < contestants.size(); ++c) {
      rates[c].push_back(contestants[c].second());
      std::printf(" %12.0f", rates[c].back());
      std::fflush(stdout);
    }
  }
  std::printf("\n%8s", "median");
  for (const auto& values : rates) std::printf(" %12.0f", median(values));
  std::printf("\n%8s", "to bare");
  for (const auto& values : rates) std::printf(" %12.2f", median(values) / median(rates[0]));
  std::printf("\n");
}

}  // namespace
}  // namespace omendb::internal

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: add_bench <folder> [rounds [milliseconds]]\n");
    return 2;
  }
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  omendb::internal::run(argv[1], std::max(rounds, 1), argc > 3 ? std::atof(argv[3]) : 0);
  return 0;
}
