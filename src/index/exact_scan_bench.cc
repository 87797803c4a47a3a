// Exact search over 10,000 rows with the 10 nearest kept: one query at a time, and in batches.
#include "index/exact_scan.h"

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

namespace omendb::index {
namespace {

constexpr size_t kRows = 10'000;
constexpr size_t kNearest = 10;

std::vector<float> normal_rows(size_t count, size_t dim, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(count * dim);
  for (float& value : values) value = normal(random);
  return values;
}

RowBlock block_of(const std::vector<float>& rows, size_t dim) {
  return {.rows = reinterpret_cast<const std::byte*>(rows.data()),
          .stride = dim * sizeof(float),
          .count = kRows,
          .first_slot = 0};
}

// range(0) coordinates, one row in range(1) takes part.
void BM_ExactScan(benchmark::State& state) {
  const size_t dim = static_cast<size_t>(state.range(0));
  const size_t every = static_cast<size_t>(state.range(1));
  const std::vector<float> rows = normal_rows(kRows, dim, 1);
  const std::vector<float> query = normal_rows(1, dim, 2);
  std::vector<uint64_t> mask(kRows / 64 + 1);
  for (size_t i = 0; i < kRows; i += every) mask[i / 64] |= uint64_t{1} << i % 64;
  RowBlock block = block_of(rows, dim);
  if (every > 1) block.mask = mask.data();
  const distance::Kernels& kernels = distance::kernels(Metric::kL2, Element::kF32);
  for (auto _ : state) {
    TopK top(kNearest);
    exact_scan(kernels, query.data(), dim, block, top);
    benchmark::DoNotOptimize(std::move(top).sorted().data());
  }
}
BENCHMARK(BM_ExactScan)->ArgsProduct({{128, 768}, {1, 2, 10, 100}})->Unit(benchmark::kMicrosecond);

// range(0) coordinates, range(1) queries, range(2) the metric. a_query is the time to compare;
// measured_a_query says how many pairs the error bound left to be measured one by one.
void BM_BatchScan(benchmark::State& state) {
  const size_t dim = static_cast<size_t>(state.range(0));
  const size_t count = static_cast<size_t>(state.range(1));
  const auto metric = static_cast<Metric>(state.range(2));
  const std::vector<float> rows = normal_rows(kRows, dim, 1);
  const std::vector<float> queries = normal_rows(count, dim, 2);
  const RowBlock block = block_of(rows, dim);
  BatchStats stats;
  for (auto _ : state) {
    std::vector<TopK> tops(count, TopK(kNearest));
    BatchScan(metric, {queries.data(), count, dim}).scan(block, tops, &stats);
    for (TopK& top : tops) benchmark::DoNotOptimize(std::move(top).sorted().data());
  }
  const double searched = static_cast<double>(state.iterations()) * static_cast<double>(count);
  state.counters["a_query"] =
      benchmark::Counter(searched, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["measured_a_query"] = static_cast<double>(stats.measured) / searched;
}
BENCHMARK(BM_BatchScan)
    ->ArgsProduct({{128, 768}, {4, 16, 64, 256}, {1}})
    ->ArgsProduct({{128}, {64}, {2, 3}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace omendb::index
