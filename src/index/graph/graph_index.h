// A part searched along the edges of a graph.
#pragma once

#include "index/graph/nodes.h"
#include "index/graph/walk.h"
#include "index/part_index.h"

namespace omendb::index::graph {

/// Visits nodes, nearest first, until Calibration says that the rest is too far.
class GraphIndex final : public PartIndex {
 public:
  /// @param nodes  borrowed; outlives this.
  explicit GraphIndex(const Nodes& nodes) : nodes_(nodes) {}

  uint32_t rows() const override { return nodes_.rows(); }
  bool sound() const override { return nodes_.sound(); }
  bool estimates() const override { return true; }
  double share_of_misses() const override { return 0.85; }
  double rows_looked_at(const Scope& scope, size_t k, double reach) const override;
  Status search(PreparedQueries& queries, const Scope& scope,
                std::span<Gathered* const> out) const override;
  Status standard_errors(PreparedQueries& queries, size_t query,
                         std::span<const Candidate> candidates, float* out) const override;

 private:
  Status search_one(GraphQuery& query, const Scope& scope, const Stop& stop, Walk& walk,
                    Gathered& out) const;

  const Nodes& nodes_;
};

}  // namespace omendb::index::graph
