// A batch of queries, prepared once for all the parts that it is searched in.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/stop.h"
#include "codec/rabitq.h"
#include "distance/kernels.h"
#include "index/exact_scan.h"
#include "index/graph/walk.h"
#include "index/partition/ranking.h"
#include "omendb/types.h"

namespace omendb::index {

/// Each form is made when it is first asked for. For one thread at a time.
class PreparedQueries {
 public:
  using Coded = std::vector<codec::rabitq::PreparedQuery>;

  /// @param queries  borrowed, of the rows' element type.
  /// @param stop     borrowed; when searches for these queries give up.
  PreparedQueries(Metric metric, const VectorsView& queries, const Stop& stop);

  Metric metric() const { return metric_; }
  const VectorsView& view() const { return queries_; }
  size_t size() const { return queries_.count; }
  const Stop& stop() const { return stop_; }
  /// Distances of these queries to rows.
  const distance::Kernels& kernels() const { return kernels_; }

  /// For scans that measure every row.
  const BatchScan& for_exact_scan();
  /// One a query, for the codes that `encoder` made. Valid while this lives.
  const Coded& for_codes(const codec::rabitq::Encoder& encoder);
  /// One a query, for the cells of the frame.
  std::span<partition::PlacedQuery> for_cells(const partition::Frame& frame);
  /// One a query, for the graph of the frame.
  std::span<graph::GraphQuery> for_graph(const graph::Frame& frame);

 private:
  Metric metric_;
  VectorsView queries_;
  const distance::Kernels& kernels_;
  const Stop& stop_;
  std::unique_ptr<BatchScan> exact_;
  std::vector<std::pair<const codec::rabitq::Encoder*, std::unique_ptr<Coded>>> coded_;
  std::vector<std::pair<const partition::Frame*, std::vector<partition::PlacedQuery>>> placed_;
  std::vector<std::pair<const graph::Frame*, std::vector<graph::GraphQuery>>> for_graphs_;
};

/// How many rows, a multiple of 64, to pass over between two checks of PreparedQueries::stop().
/// @param row_bytes  that every query reads of a row.
/// @param bytes      that one core reads, for all queries together, in about a millisecond.
uint32_t rows_between_checks(const PreparedQueries& queries, size_t row_bytes, size_t bytes);

}  // namespace omendb::index
