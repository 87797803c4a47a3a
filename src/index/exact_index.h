// A part searched by measuring every row.
#pragma once

#include "index/part_index.h"
#include "index/rows.h"

namespace omendb::index {

/// Exact; needs nothing but the vectors. Equal distances at the k-th place are decided by the order
/// of the rows' ids.
class ExactIndex final : public PartIndex {
 public:
  /// @param rows  borrowed; outlives this.
  explicit ExactIndex(const Rows& rows) : rows_(rows) {}

  uint32_t rows() const override { return rows_.rows(); }
  bool estimates() const override { return false; }
  double rows_looked_at(const Scope& scope, size_t /*k*/, double /*reach*/) const override {
    return static_cast<double>(scope.matches);
  }
  Status search(PreparedQueries& queries, const Scope& scope,
                std::span<Gathered* const> out) const override;
  Status standard_errors(PreparedQueries& queries, size_t query,
                         std::span<const Candidate> candidates, float* out) const override;

 private:
  const Rows& rows_;
};

}  // namespace omendb::index
