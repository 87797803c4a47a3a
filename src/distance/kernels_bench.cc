// Throughput of each kernel on each instruction set; a row is one distance.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "distance/kernels.h"

namespace omendb::distance {
namespace {

constexpr size_t kRows = 10'000;

// Bytes that are small finite numbers in every element type.
std::vector<std::byte> any_rows(Element element, size_t dim, size_t count) {
  std::mt19937_64 random(1);
  std::vector<std::byte> bytes(count * vector_bytes(element, dim));
  if (element == Element::kF32) {
    std::normal_distribution<float> normal(0, 1);
    for (size_t i = 0; i < bytes.size(); i += sizeof(float)) {
      const float value = normal(random);
      std::memcpy(&bytes[i], &value, sizeof(float));
    }
    return bytes;
  }
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0x3f);
  return bytes;
}

void BM_Scan(benchmark::State& state, Isa isa, Metric metric, Element element) {
  const size_t dim = static_cast<size_t>(state.range(0));
  const std::vector<std::byte> query = any_rows(element, dim, 1);
  const std::vector<std::byte> rows = any_rows(element, dim, kRows);
  const Kernels& k = kernels(isa, metric, element);
  std::vector<float> out(kRows);
  for (auto _ : state) {
    k.scan(query.data(), rows.data(), vector_bytes(element, dim), kRows, dim, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(rows.size()));
}

void BM_Gather(benchmark::State& state, Isa isa, Metric metric, Element element) {
  const size_t dim = static_cast<size_t>(state.range(0));
  const std::vector<std::byte> query = any_rows(element, dim, 1);
  const std::vector<std::byte> rows = any_rows(element, dim, kRows);
  const Kernels& k = kernels(isa, metric, element);
  std::vector<uint32_t> slots(1'000);
  std::mt19937 random(2);
  for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % kRows);
  std::vector<float> out(slots.size());
  for (auto _ : state) {
    k.gather(query.data(), rows.data(), vector_bytes(element, dim), slots.data(), slots.size(), dim,
             out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(slots.size()));
}

void register_all(Isa isa, Metric metric, Element element) {
  const std::string what = std::string(isa_name(isa)) + "/" + std::string(metric_name(metric)) +
                           "/" + std::string(element_name(element));
  for (const int64_t dim : {128, 768}) {
    benchmark::RegisterBenchmark(("BM_Scan/" + what).c_str(), BM_Scan, isa, metric, element)
        ->Arg(dim)
        ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("BM_Gather/" + what).c_str(), BM_Gather, isa, metric, element)
        ->Arg(dim)
        ->Unit(benchmark::kMicrosecond);
  }
}

const bool kRegistered = [] {
  for (const Isa isa : supported_isas()) {
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
      for (const Element element : {Element::kF32, Element::kF16, Element::kI8}) {
        register_all(isa, metric, element);
      }
    }
    register_all(isa, Metric::kHamming, Element::kBinary);
  }
  return true;
}();

}  // namespace
}  // namespace omendb::distance
