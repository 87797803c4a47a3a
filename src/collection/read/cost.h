// What a search will cost by each plan, from measured figures.
#pragma once

#include <cstdint>

#include "omendb/types.h"

namespace omendb::collection {

/// The work of one query in one part.
struct PartWork {
  uint64_t rows = 0;
  uint64_t matches = 0;         ///< of them, those that match the filter
  bool has_byte_codes = false;  ///< a single query reads 8-bit codes before it measures
};

/// Nanoseconds of one core that a query takes, correct to about a third. Measured on a Zen 4 core
/// with `bench/bench.py --parts promises` (docs/adr/0011). Only the comparison of two plans
/// matters. Other processors compare them much the same way, because the same arithmetic and the
/// same memory limit both plans.
class SearchCost {
 public:
  /// @param queries  that pass over the rows together.
  SearchCost(Element element, size_t dim, size_t queries);

  double measuring(const PartWork& part) const;  ///< every match
  double estimating(double rows) const;          ///< rows, from their 1-bit codes
  double preparing() const;                      ///< a query for its first look at codes
  double candidates(double count) const;         ///< that are kept, and measured one by one

 private:
  Element element_;
  double dim_;
  double row_bytes_;
  bool tiled_;
};

}  // namespace omendb::collection
