#include "collection/read/cost.h"

#include <algorithm>

#include "codec/rabitq.h"
#include "index/exact_scan.h"

namespace omendb::collection {

namespace {

/// Rows that lie apart are measured at about half the speed: 8,000 of 40,000 rows of 128 dimensions
/// at 14.6 ns a row against 7.0.
constexpr double kApart = 2;
constexpr double kMostlyThere = 0.75;  // from this share on the stretch is scanned whole

}  // namespace

SearchCost::SearchCost(Element element, size_t dim, size_t queries)
    : element_(element),
      dim_(static_cast<double>(dim)),
      row_bytes_(static_cast<double>(vector_bytes(element, dim))),
      tiled_(element == Element::kF32 && index::tile_pays(queries, dim)) {}

double SearchCost::measuring(const PartWork& part) const {
  double row = 0;
  if (tiled_) {  // 0.65, 1.4, 2.7, 4.7 and 16.4 ns at 16, 64, 128, 256 and 768 dimensions
    row = 0.25 + 0.021 * dim_;
  } else if (part.has_byte_codes) {  // 3.2, 3.4, 6.2, 11 and 32 ns
    row = std::max(3.2, 0.8 + 0.041 * dim_);
  } else if (element_ == Element::kF32) {  // bound by memory
    row = 1 + 0.07 * row_bytes_;
  } else {  // i8 4.7 and 19 ns, f16 9 and 41 ns at 128 and 768 dimensions
    row = 1.5 + 0.028 * row_bytes_;
  }
  const auto matches = static_cast<double>(part.matches);
  const bool apart = matches < kMostlyThere * static_cast<double>(part.rows);
  return matches * row * (apart ? kApart : 1);
}

double SearchCost::estimating(double rows) const {
  // 0.55, 0.98 and 2.6 to 3.9 ns at 16, 128 and 768 dimensions.
  const auto padded = static_cast<double>(codec::rabitq::padded_dim(static_cast<size_t>(dim_)));
  return rows * (0.4 + 0.0045 * padded);
}

double SearchCost::preparing() const {
  return 10'000 + 30 * dim_;  // 4 to 16 us, 15 to 48 us in a batch
}

double SearchCost::candidates(double count) const {
  return count * (150 + 0.07 * row_bytes_);  // 141 to 181 ns, 350 ns at 768 dimensions
}

}  // namespace omendb::collection
