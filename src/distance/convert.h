// Converts between f32 and the element types that vectors are stored in.
#pragma once

#include <cstddef>

#include "omendb/types.h"

namespace omendb::distance {

/// Widens one vector. Not for Element::kBinary. `row` needs no alignment.
void to_f32(Element element, const void* row, size_t dim, float* out);
/// Rounds one vector to nearest, ties to even. Values must be in the element's range.
void from_f32(Element element, const float* values, size_t dim, std::byte* out);

}  // namespace omendb::distance
