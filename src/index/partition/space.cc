#include "index/partition/space.h"

#include <algorithm>
#include <cmath>

#include "distance/convert.h"

namespace omendb::index::partition {

namespace {

double squared_length(const float* values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

void scale(float* values, size_t n, double factor) {
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>(values[i] * factor);
}

}  // namespace

Space::Space(Metric metric, Element element, size_t dim, float longest)
    : metric_(metric), element_(element), dim_(dim), longest_(longest) {}

void Space::place_row(const void* row, float* point) const {
  distance::to_f32(element_, row, dim_, point);
  if (metric_ == Metric::kL2) return;
  const double squares = squared_length(point, dim_);
  if (metric_ == Metric::kCosine) {
    if (squares > 0) scale(point, dim_, 1 / std::sqrt(squares));
    return;
  }
  const double most = static_cast<double>(longest_) * longest_;
  point[dim_] = static_cast<float>(std::sqrt(std::max(most - squares, 0.0)));
}

float Space::place_query(const void* query, float* point) const {
  distance::to_f32(element_, query, dim_, point);
  if (metric_ == Metric::kL2) return 1;
  const double length = std::sqrt(squared_length(point, dim_));
  const double wanted = metric_ == Metric::kCosine ? 1 : static_cast<double>(longest_);
  if (metric_ == Metric::kInnerProduct) point[dim_] = 0;
  if (length > 0) scale(point, dim_, wanted / length);
  return wanted > 0 ? static_cast<float>(length / wanted) : 0;
}

}  // namespace omendb::index::partition
