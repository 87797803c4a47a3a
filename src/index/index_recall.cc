// Recall, work and time of partitions, and of a graph, over a file of vectors, stage by stage.
//
//   index_recall l2|cosine|ip BASE QUERY CELLS [queries]
//
// Files are u32 n, u32 d and n x d numbers: bytes if their name ends in .u8bin, else floats. Recall
// is of the ten nearest, for the first and the second half of the queries; times are those that the
// process runs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "distance/kernels.h"
#include "index/array_rows.h"
#include "index/exact_scan.h"
#include "index/graph/build.h"
#include "index/graph/graph_index.h"
#include "index/partition/build.h"
#include "index/partition/partition_index.h"

namespace omendb::index {
namespace {

using partition::Points;

constexpr size_t kNearest = 10;

/// Seconds that this process has run: it has one thread.
double now() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}
double since(double start) {
  return now() - start;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

template <class T>
Points read_as(std::FILE* file, size_t rows, size_t dim) {
  std::vector<T> values(rows * dim);
  if (std::fread(values.data(), sizeof(T), values.size(), file) != values.size()) {
    give_up("the file is short");
  }
  return {dim, {values.begin(), values.end()}};
}

Points read(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  uint32_t head[2] = {0, 0};
  if (file == nullptr || std::fread(head, sizeof head, 1, file) != 1)
    give_up("cannot read " + path);
  Points out = path.ends_with(".u8bin") ? read_as<uint8_t>(file, head[0], head[1])
                                        : read_as<float>(file, head[0], head[1]);
  std::fclose(file);
  return out;
}

/// Evenly drawn.
Points some_of(const Points& points, size_t n) {
  Points out{points.dim, {}};
  const size_t step = std::max<size_t>(1, points.count() / n);
  for (size_t i = 0; i < points.count(); i += step) {
    out.values.insert(out.values.end(), points.at(i), points.at(i) + points.dim);
  }
  return out;
}

VectorsView view_of(const Points& points) {
  return {points.values.data(), points.count(), points.dim, Element::kF32, 0};
}

std::vector<std::vector<Neighbor>> truth_of(Metric metric, const Points& base,
                                            const Points& queries) {
  const BatchScan scan(metric, view_of(queries));
  std::vector<TopK> tops(queries.count(), TopK(kNearest));
  const void* const rows = base.values.data();
  scan.scan({static_cast<const std::byte*>(rows), base.dim * sizeof(float), base.count(), 0}, tops);
  std::vector<std::vector<Neighbor>> out;
  out.reserve(tops.size());
  for (TopK& top : tops) out.push_back(std::move(top).sorted());
  return out;
}

struct Times {
  double place = 0;
  double visit = 0;
  double rerank = 0;
};

class Run {
 public:
  Run(Metric metric, const Points& base, const Points& queries)
      : metric_(metric), base_(base), queries_(queries), truth_(truth_of(metric, base, queries)) {}

  /// The index that measure() is about. Both are borrowed.
  /// @param place  makes queries ready for it
  void choose(const PartIndex& index, const std::function<void(PreparedQueries&)>& place) {
    index_ = &index;
    place_ = &place;
  }
  void measure(double reach, size_t effort) {
    Times times;
    size_t found[2] = {0, 0};
    for (size_t q = 0; q < queries_.count(); ++q) {
      found[2 * q / queries_.count()] += search(q, reach, effort, times);
    }
    const double per = 1e6 / static_cast<double>(queries_.count());
    const double of = static_cast<double>(queries_.count() * kNearest) / 2;
    std::printf("  %.3f %6zu   %.4f / %.4f   %5.1f %6.1f %6.1f = %6.1f us\n", reach, effort,
                static_cast<double>(found[0]) / of, static_cast<double>(found[1]) / of,
                times.place * per, times.visit * per, times.rerank * per,
                (times.place + times.visit + times.rerank) * per);
  }

 private:
  /// @return neighbours found
  size_t search(size_t q, double reach, size_t effort, Times& times) {
    const Stop never;
    PreparedQueries prepared(metric_, {queries_.at(q), 1, queries_.dim, Element::kF32, 0}, never);
    Gathered gathered(kNearest, INFINITY);
    gathered.open({.candidates = effort, .reach = reach, .margin = margin_});
    Gathered* const out[] = {&gathered};
    auto start = now();
    (*place_)(prepared);
    times.place += since(start);
    start = now();
    const auto rows = static_cast<uint32_t>(base_.count());
    if (!index_->search(prepared, {0, 0, rows, nullptr, rows}, out).ok()) give_up("search failed");
    times.visit += since(start);
    start = now();
    const auto kept = gathered.candidates().kept();
    for (size_t i = 0; i < kept.size(); ++i) {
      if (i + 8 < kept.size()) prefetch(base_.at(kept[i + 8].slot));
      if (!gathered.claim(0, kept[i].slot)) continue;
      const float distance =
          prepared.kernels().pair(queries_.at(q), base_.at(kept[i].slot), base_.dim);
      gathered.add_new({distance, 0, kept[i].slot});
    }
    const std::vector<Hit> hits = gathered.take();
    times.rerank += since(start);
    size_t found = 0;
    for (size_t i = 0; i < std::min(kNearest, hits.size()); ++i) {
      found += std::ranges::count(truth_[q], hits[i].slot, &Neighbor::slot) > 0 ? 1 : 0;
    }
    return found;
  }
  void prefetch(const float* row) const {
    for (size_t d = 0; d < base_.dim; d += 16) __builtin_prefetch(row + d);
  }

  static constexpr float margin_ = 3;
  Metric metric_;
  const Points& base_;
  const Points& queries_;
  std::vector<std::vector<Neighbor>> truth_;
  const PartIndex* index_ = nullptr;
  const std::function<void(PreparedQueries&)>* place_ = nullptr;
};

std::optional<Metric> metric_named(std::string_view name) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    if (metric_name(metric) == name) return metric;
  }
  return std::nullopt;
}

void print_calibration(const Calibration& calibration) {
  std::printf("  slack / work, for k = 10:");
  for (const Calibration::Entry& entry : calibration.table()[1]) {
    std::printf(" %.3f/%.0f", static_cast<double>(entry.slack), static_cast<double>(entry.rows));
  }
  std::printf("\n  reach effort   recall by half    place  visit rerank\n");
}

struct Data {
  Metric metric;
  Points base;
  Points queries;
  testing::ArrayRows rows;

  double rows_per_ms(double seconds) const {
    return static_cast<double>(base.count()) / seconds / 1e3;
  }
};

constexpr uint64_t kSeed = 42;

void try_partitions(const Data& data, const partition::BuiltCells& cells, Run& run) {
  const size_t bytes = cells.arrays().codes.size() + 4 * cells.arrays().slots.size();
  std::printf("  %zu cells, %.1f bytes a row\n", cells.frame().cells(),
              static_cast<double>(bytes) / static_cast<double>(data.base.count()));
  print_calibration(cells.frame().calibration());
  const partition::PartitionIndex index(cells);
  const std::function place = [&](PreparedQueries& q) { q.for_cells(cells.frame()); };
  run.choose(index, place);
  for (const double reach : {0.9, 0.95, 0.97, 0.98, 0.99, 0.995}) {
    for (const size_t effort : {50UL, 100UL, 200UL, 400UL}) run.measure(reach, effort);
  }
}

void try_graph(const Data& data, const partition::BuiltCells& cells, Run& run) {
  JobControl control;
  const double start = now();
  const auto built = graph::build(
      data.rows, cells, {.metric = data.metric, .dim = data.base.dim, .seed = kSeed}, control);
  if (!built.ok()) give_up(built.status().to_string());
  const graph::BuiltNodes& nodes = **built;
  std::printf("graph: %.1f K rows/s, %zu bytes a row\n", data.rows_per_ms(since(start)),
              nodes.frame().layout().bytes);
  print_calibration(nodes.frame().calibration());
  const graph::GraphIndex index(nodes);
  const std::function place = [&](PreparedQueries& q) { q.for_graph(nodes.frame()); };
  run.choose(index, place);
  for (const double reach : {0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99}) {
    for (const size_t effort : {12UL, 20UL}) run.measure(reach, effort);
  }
}

int run(int argc, char** argv) {
  const std::optional<Metric> metric = argc < 5 ? std::nullopt : metric_named(argv[1]);
  if (!metric) {
    std::fprintf(stderr, "usage: %s l2|cosine|ip BASE QUERY CELLS [queries]\n", argv[0]);
    return 2;
  }
  Points base = read(argv[2]);
  const auto bytes = std::as_bytes(std::span(base.values));
  testing::ArrayRows rows(Element::kF32, base.dim, {bytes.begin(), bytes.end()});
  const Data data{*metric, std::move(base),
                  some_of(read(argv[3]), argc > 5 ? std::stoul(argv[5]) : 1'000), std::move(rows)};
  JobControl control;
  const double start = now();
  const auto cells = partition::build(
      data.rows,
      {.metric = *metric, .dim = data.base.dim, .seed = kSeed, .cells = std::stoul(argv[4])},
      control);
  if (!cells.ok()) give_up(cells.status().to_string());
  std::printf("%zu x %zu\npartitions: %.1f K rows/s\n", data.base.count(), data.base.dim,
              data.rows_per_ms(since(start)));
  Run all(*metric, data.base, data.queries);
  try_partitions(data, **cells, all);
  try_graph(data, **cells, all);
  return 0;
}

}  // namespace
}  // namespace omendb::index
int main(int argc, char** argv) {
  return omendb::index::run(argc, argv);
}
