// Measures what following a writer costs a reader: a call when nothing is new, and a call that
// applies a write.
//
//   build/release/src/database/reader_bench [folder]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include "omendb/database.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kDim = 128;
constexpr size_t kRows = 10'000;
constexpr int kCalls = 100'000;
constexpr int kWrites = 5'000;

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// Microseconds a call of count() takes.
double time_of_count(const omendb::Collection& collection) {
  const auto start = Clock::now();
  for (int i = 0; i < kCalls; ++i) {
    if (!collection.count().ok()) return -1;
  }
  return microseconds(Clock::now() - start) / kCalls;
}

int run(const std::string& folder) {
  auto writer = omendb::Database::open(folder, {.durability = omendb::Durability::kNone});
  if (!writer.ok()) return 1;
  auto written = *writer->default_collection();
  std::vector<float> rows(kRows * kDim, 0.5F);
  if (!written.add({.vectors = {rows.data(), kRows, kDim}}).ok()) return 1;
  auto reader = omendb::Database::open(folder, {.mode = omendb::OpenMode::kRead});
  if (!reader.ok()) return 1;
  const auto read = *reader->default_collection();

  std::printf("count() of the writer          %8.2f us\n", time_of_count(written));
  std::printf("count() of a reader, no news   %8.2f us\n", time_of_count(read));

  std::vector<double> times;
  for (int i = 1; i <= kWrites; ++i) {
    if (!written.add({.vectors = {rows.data(), 1, kDim}}).ok()) return 1;
    const auto acknowledged = Clock::now();
    const auto count = read.count();
    times.push_back(microseconds(Clock::now() - acknowledged));
    if (!count.ok() || *count != kRows + i) return 2;  // not fresh
  }
  std::ranges::sort(times);
  std::printf(
      "from a write's return to the reader's answer that has it: median %.1f us, p99 %.1f us, "
      "most %.1f us\n",
      times[kWrites / 2], times[kWrites * 99 / 100], times.back());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path parent = argc > 1 ? argv[1] : std::filesystem::temp_directory_path();
  const auto folder = parent / ("omendb_reader_bench_" + std::to_string(std::random_device()()));
  const int result = run(folder.string());
  std::filesystem::remove_all(folder);
  if (result != 0) std::fprintf(stderr, "reader_bench failed (%d)\n", result);
  return result;
}
