#include "index/partition/centroids.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "base/check.h"
#include "base/status_macros.h"
#include "index/exact_scan.h"
#include "index/top_k.h"

namespace omendb::index::partition {

namespace {

/// Points that are compared with the centers together.
constexpr size_t kStep = 1'024;
constexpr size_t kRounds = 8;        // of k-means within a level
constexpr size_t kPointsACell = 64;  // that the first level looks at

using Random = std::mt19937_64;

/// A random number below n. std::uniform_int_distribution differs between libraries.
size_t below(Random& random, size_t n) {
  return static_cast<size_t>(random() % n);
}

std::vector<uint32_t> nearest(const PointsView& centers, const PointsView& points) {
  std::vector<uint32_t> cells(points.count());
  for (size_t i = 0; i < cells.size(); i += kStep) {
    const size_t n = std::min(kStep, cells.size() - i);
    nearest_centers(centers, points.at(i), n, 1, cells.data() + i, nullptr);
  }
  return cells;
}

/// Moves each center to the mean of its points. A center without points goes to a point that is
/// drawn from those of all cells.
void move_centers(const PointsView& points, std::span<const uint32_t> cells, Random& random,
                  Points& centers) {
  std::vector<double> sums(centers.values.size(), 0.0);
  std::vector<size_t> counts(centers.count(), 0);
  for (size_t i = 0; i < cells.size(); ++i) {
    const float* const point = points.at(i);
    double* const sum = sums.data() + cells[i] * points.dim;
    for (size_t d = 0; d < points.dim; ++d) sum[d] += static_cast<double>(point[d]);
    ++counts[cells[i]];
  }
  for (size_t c = 0; c < counts.size(); ++c) {
    float* const center = centers.at(c);
    if (counts[c] == 0) {
      std::copy_n(points.at(below(random, points.count())), points.dim, center);
      continue;
    }
    const auto n = static_cast<double>(counts[c]);
    for (size_t d = 0; d < points.dim; ++d) {
      center[d] = static_cast<float>(sums[c * points.dim + d] / n);
    }
  }
}

/// `n` different points of the sample, or all.
Points draw(const PointsView& sample, size_t n, Random& random) {
  std::vector<uint32_t> order(sample.count());
  std::iota(order.begin(), order.end(), 0U);
  n = std::min(n, order.size());
  Points drawn{sample.dim, std::vector<float>(n * sample.dim)};
  for (size_t i = 0; i < n; ++i) {
    std::swap(order[i], order[i + below(random, order.size() - i)]);
    std::copy_n(sample.at(order[i]), sample.dim, drawn.at(i));
  }
  return drawn;
}

/// One level of k-means. @return min(cells, points) centers
Points cluster(const PointsView& points, size_t cells, Random& random) {
  Points centers = draw(points, cells, random);
  if (centers.count() == points.count()) return centers;
  for (size_t round = 0; round < kRounds && centers.count() > 1; ++round) {
    move_centers(points, nearest(centers, points), random, centers);
  }
  if (centers.count() == 1) {
    move_centers(points, std::vector<uint32_t>(points.count(), 0), random, centers);
  }
  return centers;
}

/// How many of `cells` each group gets: in proportion to its points, at least one if it has any,
/// at most as many as it has points.
std::vector<size_t> share_out(size_t cells, std::span<const size_t> points) {
  std::vector<size_t> shares(points.size(), 0);
  const size_t total = std::accumulate(points.begin(), points.end(), size_t{0});
  size_t given = 0;
  for (size_t g = 0; g < points.size(); ++g) {
    shares[g] =
        std::min(points[g], std::max<size_t>(points[g] > 0 ? 1 : 0, cells * points[g] / total));
    given += shares[g];
  }
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](size_t g) { return points[g]; });
  while (given != cells) {
    for (const size_t g : order) {
      if (given < cells && shares[g] < points[g]) {
        ++shares[g];
        ++given;
      } else if (given > cells && shares[g] > 1) {
        --shares[g];
        --given;
      }
      if (given == cells) break;
    }
  }
  return shares;
}

}  // namespace

void nearest_centers(const PointsView& centers, const float* points, size_t count, size_t n,
                     uint32_t* out, float* squares) {
  OMEN_CHECK(n <= centers.count());
  const VectorsView queries{points, count, centers.dim, Element::kF32, 0};
  const BatchScan scan(Metric::kL2, queries);
  std::vector<TopK> tops(count, TopK(n));
  const RowBlock block{reinterpret_cast<const std::byte*>(centers.values.data()),
                       centers.dim * sizeof(float), centers.count(), 0};
  scan.scan(block, tops);
  for (size_t i = 0; i < count; ++i) {
    const std::vector<Neighbor> found = std::move(tops[i]).sorted();
    for (size_t j = 0; j < n; ++j) {
      out[i * n + j] = found[j].slot;
      if (squares != nullptr) squares[i * n + j] = found[j].distance;
    }
  }
}

Result<Points> train(const PointsView& sample, const TrainingOptions& options,
                     JobControl& control) {
  OMEN_CHECK(options.cells >= 1 && options.cells <= sample.count());
  Random random(options.seed);
  const auto groups = static_cast<size_t>(std::sqrt(static_cast<double>(options.cells)));
  const Points few = draw(sample, groups * kPointsACell * 4, random);
  const Points coarse = cluster(few, groups, random);
  const std::vector<uint32_t> group_of = nearest(coarse, sample);
  std::vector<size_t> counts(coarse.count(), 0);
  for (const uint32_t g : group_of) ++counts[g];
  const std::vector<size_t> shares = share_out(options.cells, counts);

  Points centers{sample.dim, {}};
  centers.values.reserve(options.cells * sample.dim);
  for (size_t g = 0; g < counts.size(); ++g) {
    OMEN_RETURN_IF_ERROR(control.proceed(0));
    if (shares[g] == 0) continue;
    Points members{sample.dim, {}};
    members.values.reserve(counts[g] * sample.dim);
    for (size_t i = 0; i < group_of.size(); ++i) {
      if (group_of[i] != g) continue;
      members.values.insert(members.values.end(), sample.at(i), sample.at(i) + sample.dim);
    }
    const Points fine = cluster(members, shares[g], random);
    centers.values.insert(centers.values.end(), fine.values.begin(), fine.values.end());
  }
  OMEN_RETURN_IF_ERROR(control.proceed(0));
  move_centers(sample, nearest(centers, sample), random, centers);
  return centers;
}

}  // namespace omendb::index::partition
