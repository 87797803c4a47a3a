// What every row of a collection's vectors looks like.
#pragma once

#include <cstddef>

#include "omendb/types.h"

namespace omendb::segment {

struct VectorSpec {
  size_t dim = 0;
  Metric metric = Metric::kL2;
  Element element = Element::kF32;

  size_t row_bytes() const { return vector_bytes(element, dim); }
  /// Binary vectors are their own one-bit code; all others get one.
  bool coded() const { return element != Element::kBinary; }
};

}  // namespace omendb::segment
