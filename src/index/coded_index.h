// A part searched by estimating every row's distance from its 1-bit code.
#pragma once

#include "index/part_index.h"
#include "index/rows.h"

namespace omendb::index {

/// Estimates; the errors are as the codes state them.
class CodedIndex final : public PartIndex {
 public:
  /// @param rows  borrowed; outlives this. Scopes end at or before its coded_rows().
  explicit CodedIndex(const Rows& rows) : rows_(rows) {}

  bool estimates() const override { return true; }
  Status search(PreparedQueries& queries, const Scope& scope,
                std::span<Gathered* const> out) const override;
  /// The error bound of 1-bit codes: RaBitQ, arXiv 2405.12497, section 3.2.
  Status standard_errors(PreparedQueries& queries, size_t query,
                         std::span<const Candidate> candidates, float* out) const override;

 private:
  const Rows& rows_;
};

}  // namespace omendb::index
