// How long adds take beside a long merge. merge_bench FOLDER [ROWS]: fills a collection with ROWS
// (400,000) vectors of 256 dimensions, then adds batches of 100 while compact() merges all of it
// again and again, and prints how long the adds took.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "omendb/database.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kDim = 256;
constexpr size_t kBatch = 100;
constexpr int kAdds = 1'000;  // 100 MB, a dozen memtables

void must(const omendb::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

double add_ms(omendb::Collection& collection, const std::vector<float>& rows) {
  const auto start = Clock::now();
  must(collection.add({.vectors = {rows.data(), rows.size() / kDim, kDim}}).status());
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void report(const char* what, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) {
    return ms[static_cast<size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  std::printf("%-24s p50 %7.2f ms   p99 %7.2f ms   max %8.2f ms\n", what, at(0.5), at(0.99),
              ms.back());
}

std::vector<double> add_many(omendb::Collection& collection, const std::vector<float>& rows) {
  std::vector<double> ms;
  for (int i = 0; i < kAdds; ++i) ms.push_back(add_ms(collection, rows));
  return ms;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: merge_bench FOLDER [ROWS]\n");
    return 2;
  }
  const size_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 400'000;
  std::filesystem::remove_all(argv[1]);
  {
    auto database = omendb::Database::open(
        argv[1], {.durability = omendb::Durability::kNone, .memtable_bytes = size_t{8} << 20});
    must(database.status());
    auto collection = database->default_collection();
    must(collection.status());
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> batch(kBatch * kDim);
    for (float& x : batch) x = normal(random);
    for (size_t done = 0; done < rows; done += kBatch) add_ms(*collection, batch);
    must(collection->compact());
    report("alone", add_many(*collection, batch));
    std::atomic<bool> stop{false};
    std::atomic<int> merges{0};
    std::thread compacting([&] {
      for (; !stop; ++merges) must(collection->compact());
    });
    report("beside compact()", add_many(*collection, batch));
    stop = true;
    compacting.join();
    std::printf("%d merges of up to %zu rows meanwhile\n", merges.load(),
                rows + 2 * kAdds * kBatch);
  }
  std::filesystem::remove_all(argv[1]);
  return 0;
}
