// Measures how many rows a second filters test.
#include <benchmark/benchmark.h>

#include <random>

#include "column/columns.h"
#include "filter/eval.h"

namespace omendb::filter {
namespace {

constexpr uint32_t kRows = 1'000'000;

struct Fixture {
  column::Schema schema;
  column::GrowingColumns columns;

  Fixture() {
    std::mt19937 rng(1);
    Column year{.name = "year", .type = ColumnType::kI64};
    Column score{.name = "score", .type = ColumnType::kF64};
    Column doc{.name = "doc", .type = ColumnType::kJson, .string_offsets = {0}};
    Column lang{.name = "lang", .type = ColumnType::kString, .string_offsets = {0}};
    for (uint32_t r = 0; r < kRows; ++r) {
      year.ints.push_back(1990 + static_cast<int64_t>(rng() % 40));
      year.valid.push_back(rng() % 20 != 0);
      score.doubles.push_back(static_cast<double>(rng() % 1'000) / 1'000);
      lang.bytes += rng() % 2 == 0 ? "en" : "de";
      lang.string_offsets.push_back(lang.bytes.size());
      doc.bytes += R"({"title":"On filters","author":{"name":")" + std::to_string(rng() % 100) +
                   R"(","born":1815},"pages":[1,2,3]})";
      doc.string_offsets.push_back(doc.bytes.size());
    }
    const std::vector<Column> batch = {std::move(year), std::move(score), std::move(lang),
                                       std::move(doc)};
    uint32_t next_id = 0;
    column::take_columns(batch, schema, next_id);
    columns.append(batch, schema, kRows);
  }
};

void run(benchmark::State& state, const char* text) {
  static const Fixture fixture;
  const auto bound = bind_filter(*Filter::parse(text), fixture.schema);
  for (auto _ : state) {
    auto rows = evaluate(*bound, {kRows, fixture.columns});
    benchmark::DoNotOptimize(rows);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}

BENCHMARK_CAPTURE(run, int, "year > 2020");
BENCHMARK_CAPTURE(run, double, "score between 0.25 and 0.5");
BENCHMARK_CAPTURE(run, string, "lang = 'en'");
BENCHMARK_CAPTURE(run, string_set, "lang in ('en', 'fr', 'it')");
BENCHMARK_CAPTURE(run, like, "lang like '%n%'");
BENCHMARK_CAPTURE(run, path, "doc.author.name = '7'");
BENCHMARK_CAPTURE(run, both, "year > 2020 and lang in ('en', 'fr')");

}  // namespace
}  // namespace omendb::filter
