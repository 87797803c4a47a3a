// Recall, work and time of a partition index over a file of vectors, stage by stage.
//
//   partition_recall l2|cosine|ip BASE QUERY CELLS [spill 0|1] [queries]
//
// Files are u32 n, u32 d and n x d numbers: bytes if their name ends in .u8bin, else floats. Recall
// is of the ten nearest, for the first and the second half of the queries; times are those that the
// process runs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "distance/kernels.h"
#include "index/array_rows.h"
#include "index/exact_scan.h"
#include "index/partition/build.h"
#include "index/partition/partition_index.h"

namespace omendb::index::partition {
namespace {

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
  Run(Metric metric, const Points& base, const Points& queries, const BuiltCells& cells)
      : metric_(metric),
        base_(base),
        queries_(queries),
        truth_(truth_of(metric, base, queries)),
        cells_(cells),
        index_(cells) {}

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
    prepared.for_cells(cells_.frame());
    times.place += since(start);
    start = now();
    const auto rows = static_cast<uint32_t>(base_.count());
    if (!index_.search(prepared, {0, 0, rows, nullptr, rows}, out).ok()) give_up("search failed");
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
  const BuiltCells& cells_;
  PartitionIndex index_;
};

std::optional<Metric> metric_named(std::string_view name) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    if (metric_name(metric) == name) return metric;
  }
  return std::nullopt;
}

int run(int argc, char** argv) {
  const std::optional<Metric> metric = argc < 5 ? std::nullopt : metric_named(argv[1]);
  if (!metric) {
    std::fprintf(stderr, "usage: %s l2|cosine|ip BASE QUERY CELLS [spill 0|1] [queries]\n",
                 argv[0]);
    return 2;
  }
  const Points base = read(argv[2]);
  const Points queries = some_of(read(argv[3]), argc > 6 ? std::stoul(argv[6]) : 1'000);
  const auto bytes = std::as_bytes(std::span(base.values));
  const testing::ArrayRows rows(Element::kF32, base.dim, {bytes.begin(), bytes.end()});
  JobControl control;
  const auto start = now();
  const auto built = build(rows,
                           {.metric = *metric,
                            .dim = base.dim,
                            .seed = 42,
                            .cells = std::stoul(argv[4]),
                            .spill = argc <= 5 || std::string(argv[5]) != "0"},
                           control);
  if (!built.ok()) give_up(built.status().to_string());
  const BuiltCells& cells = **built;
  const double took = since(start);
  const auto n = static_cast<double>(base.count());
  std::printf(
      "%zu x %zu, %zu cells: %.1f K rows/s, %.1f bytes a row\n", base.count(), base.dim,
      cells.frame().cells(), n / took / 1e3,
      static_cast<double>(cells.arrays().codes.size() + 4 * cells.arrays().slots.size()) / n);
  std::printf("  slack / rows looked at, for k = 10:");
  for (const Calibration::Entry& entry : cells.frame().calibration().table()[1]) {
    std::printf(" %.3f/%.0f", static_cast<double>(entry.slack), static_cast<double>(entry.rows));
  }
  std::printf("\n  reach effort   recall by half    place  visit rerank\n");
  Run all(*metric, base, queries, cells);
  for (const double reach : {0.9, 0.95, 0.97, 0.98, 0.99, 0.995}) {
    for (const size_t effort : {50UL, 100UL, 200UL, 400UL}) all.measure(reach, effort);
  }
  return 0;
}

}  // namespace
}  // namespace omendb::index::partition
int main(int argc, char** argv) {
  return omendb::index::partition::run(argc, argv);
}
