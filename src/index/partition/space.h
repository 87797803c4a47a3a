// Where partitions lie: points between which squared distances order rows as the metric does.
#pragma once

#include <cstddef>

#include "omendb/types.h"

namespace omendb::index::partition {

/// Places rows and queries. Immutable and thread-safe.
///
/// Under l2 a row is its own point; under cosine its point is the row at unit length. Under inner
/// products every row gets one coordinate more, which fills its length up to that of the longest
/// row, and a query gets zero there and the length of the longest row: |q - x|^2 is then
/// 2 longest^2 - 2 <q, x>. (Bachrach et al., RecSys 2014.)
class Space {
 public:
  /// @param longest  the length of the longest row; under inner products only.
  Space(Metric metric, Element element, size_t dim, float longest);

  Metric metric() const { return metric_; }
  Element element() const { return element_; }
  /// Coordinates of a point; the first row_dim() are a row's own.
  size_t dim() const { return metric_ == Metric::kInnerProduct ? dim_ + 1 : dim_; }
  size_t row_dim() const { return dim_; }
  float longest() const { return longest_; }

  void place_row(const void* row, float* point) const;
  /// @return what a product with the point stands for: the query's length before, over after.
  float place_query(const void* query, float* point) const;

 private:
  Metric metric_;
  Element element_;
  size_t dim_;
  float longest_;
};

}  // namespace omendb::index::partition
