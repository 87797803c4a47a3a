// Throughput of the 8-bit codes: encoding, preparing a query, and distances on each instruction
// set. A row is one vector.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "codec/sq8.h"

namespace omendb::codec::sq8 {
namespace {

constexpr size_t kRows = 10'000;

std::vector<float> any_rows(size_t dim, size_t count) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(count * dim);
  for (float& x : values) x = normal(random);
  return values;
}

std::vector<std::byte> any_codes(const Encoder& encoder) {
  const size_t dim = encoder.options().dim;
  const std::vector<float> rows = any_rows(dim, kRows);
  std::vector<std::byte> codes(kRows * encoder.code_bytes());
  encoder.encode(rows.data(), dim * sizeof(float), kRows, codes.data());
  return codes;
}

/// Distances, or lower bounds.
template <auto kKernel>
void BM_Sq8Scan(benchmark::State& state, distance::Isa isa) {
  const Encoder encoder({.dim = static_cast<size_t>(state.range(0))});
  const std::vector<std::byte> codes = any_codes(encoder);
  const PreparedQuery query = encoder.prepare(any_rows(encoder.options().dim, 1).data());
  std::vector<float> out(kRows);
  for (auto _ : state) {
    (kernels(isa).*kKernel)(query, codes.data(), encoder.code_bytes(), kRows, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}

template <auto kKernel>
void BM_Sq8Gather(benchmark::State& state, distance::Isa isa) {
  const Encoder encoder({.dim = static_cast<size_t>(state.range(0))});
  const std::vector<std::byte> codes = any_codes(encoder);
  const PreparedQuery query = encoder.prepare(any_rows(encoder.options().dim, 1).data());
  std::vector<uint32_t> slots(1'000);
  std::mt19937 random(2);
  for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % kRows);
  std::vector<float> out(slots.size());
  for (auto _ : state) {
    (kernels(isa).*kKernel)(query, codes.data(), encoder.code_bytes(), slots.data(), slots.size(),
                            out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(slots.size()));
}

void BM_Sq8Encode(benchmark::State& state) {
  const auto dim = static_cast<size_t>(state.range(0));
  const Encoder encoder({.dim = dim});
  const std::vector<float> rows = any_rows(dim, 1'000);
  std::vector<std::byte> codes(1'000 * encoder.code_bytes());
  for (auto _ : state) {
    encoder.encode(rows.data(), dim * sizeof(float), 1'000, codes.data());
    benchmark::DoNotOptimize(codes.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 1'000);
}

void BM_Sq8Prepare(benchmark::State& state) {
  const auto dim = static_cast<size_t>(state.range(0));
  const Encoder encoder({.dim = dim});
  const std::vector<float> query = any_rows(dim, 1);
  for (auto _ : state) benchmark::DoNotOptimize(encoder.prepare(query.data()));
}

BENCHMARK(BM_Sq8Encode)->Arg(128)->Arg(768)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Sq8Prepare)->Arg(128)->Arg(768)->Unit(benchmark::kNanosecond);

const bool kRegistered = [] {
  for (const distance::Isa isa : distance::supported_isas()) {
    const std::string name(distance::isa_name(isa));
    const auto add = [&](const char* what, auto function) {
      benchmark::RegisterBenchmark((what + name).c_str(), function, isa)
          ->Arg(128)
          ->Arg(768)
          ->Unit(benchmark::kMicrosecond);
    };
    add("BM_Sq8Scan/", BM_Sq8Scan<&Kernels::scan>);
    add("BM_Sq8Bounds/", BM_Sq8Scan<&Kernels::bounds>);
    add("BM_Sq8Gather/", BM_Sq8Gather<&Kernels::gather>);
    add("BM_Sq8GatherBounds/", BM_Sq8Gather<&Kernels::gather_bounds>);
  }
  return true;
}();

}  // namespace
}  // namespace omendb::codec::sq8
