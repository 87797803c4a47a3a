// A part searched by estimating every row's distance from its 1-bit code.
#pragma once

#include "index/codes.h"
#include "index/part_index.h"

namespace omendb::index {

/// Estimates; the errors are as the codes state them.
class CodedIndex final : public PartIndex {
 public:
  /// In fewer dimensions a code of 12 bytes is hardly shorter than the vector, and rows that point
  /// the same way err the same way: of 8,192 rows of 2 and 3 dimensions, .62 and .45 of the nearest
  /// were found where .80 was asked for.
  static constexpr size_t kLeastDim = 8;

  /// @param codes  borrowed; outlives this.
  explicit CodedIndex(const Codes& codes) : codes_(codes) {}

  const Codes& codes() const { return codes_; }
  uint32_t rows() const override { return codes_.rows(); }
  bool sound() const override { return codes_.sound(); }
  bool estimates() const override { return true; }
  /// Blocks without a row that may be returned are skipped.
  double rows_looked_at(const Scope& scope, size_t k, double reach) const override;
  Status search(PreparedQueries& queries, const Scope& scope,
                std::span<Gathered* const> out) const override;
  /// The error bound of 1-bit codes: RaBitQ, arXiv 2405.12497, section 3.2.
  Status standard_errors(PreparedQueries& queries, size_t query,
                         std::span<const Candidate> candidates, float* out) const override;

 private:
  const Codes& codes_;
};

}  // namespace omendb::index
