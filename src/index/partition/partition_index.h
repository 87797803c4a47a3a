// A part searched by the cells of rows that lie near the query.
#pragma once

#include "index/part_index.h"
#include "index/partition/cells.h"

namespace omendb::index::partition {

/// Estimates from 1-bit codes; visits the cells that Calibration calls for (IVF with RaBitQ codes:
/// Jegou et al. 2011; arXiv 2405.12497; rows in two cells: SOAR, arXiv 2404.00774).
class PartitionIndex final : public PartIndex {
 public:
  /// @param cells  borrowed; outlives this.
  explicit PartitionIndex(const Cells& cells) : cells_(cells) {}

  uint32_t rows() const override { return cells_.rows(); }
  bool sound() const override { return cells_.sound(); }
  bool estimates() const override { return true; }
  double share_of_misses() const override { return 0.5; }
  double rows_looked_at(const Scope& scope, size_t k, double reach) const override;
  Status search(PreparedQueries& queries, const Scope& scope,
                std::span<Gathered* const> out) const override;
  Status standard_errors(PreparedQueries& queries, size_t query,
                         std::span<const Candidate> candidates, float* out) const override;

 private:
  const Cells& cells_;
};

}  // namespace omendb::index::partition
