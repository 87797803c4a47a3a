// The centers of partitions: how they are found, and which is nearest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/job_control.h"
#include "omendb/status.h"

namespace omendb::index::partition {

/// Points, row-major, without gaps. Borrowed.
struct PointsView {
  size_t dim = 0;
  std::span<const float> values;

  size_t count() const { return dim == 0 ? 0 : values.size() / dim; }
  const float* at(size_t i) const { return values.data() + i * dim; }
};

struct Points {
  size_t dim = 0;
  std::vector<float> values;

  size_t count() const { return dim == 0 ? 0 : values.size() / dim; }
  const float* at(size_t i) const { return values.data() + i * dim; }
  float* at(size_t i) { return values.data() + i * dim; }
  operator PointsView() const { return {dim, values}; }  // NOLINT: a view of it is meant
};

struct TrainingOptions {
  size_t cells = 0;  ///< 1..the points of the sample
  uint64_t seed = 0;
};

/// k-means in two levels, finished by a pass over all cells at once: about the square root of
/// `cells` groups, cells in each in proportion to its points. Takes about
/// 2 dim (sample (8 sqrt(cells) + cells)) operations and, beside the sample, the cells' memory.
/// @param sample   evenly drawn.
/// @return options.cells centers; of equal points, some may be equal.
/// @error kCancelled
Result<Points> train(const PointsView& sample, const TrainingOptions& options, JobControl& control);

/// Finds, for each of `count` points, the `n` nearest centers by squared distance, nearest first.
/// Exact.
/// @param points  count x centers.dim
/// @param out     count x n; n is at most the number of centers
/// @param squares count x n, or null
void nearest_centers(const PointsView& centers, const float* points, size_t count, size_t n,
                     uint32_t* out, float* squares);

}  // namespace omendb::index::partition
