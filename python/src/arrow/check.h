// Whether an Arrow schema and its array are what they say they are, as far as that can be known.
//
// The C Data Interface passes lengths and offsets but not the sizes of buffers. So this is what a
// reader can hold a producer to: counts of buffers and children, pointers that must be there, sizes
// without overflow, a parent no longer than its children, and a depth that fits the stack.
// Offsets, views, dictionary indices and run ends are checked value by value where they are read
// (decode.h), because the values behind a null may be anything.
#pragma once

#include "abi.h"
#include "omendb/status.h"

namespace omendb::python {

/// Lists in lists, dictionaries and runs count as a level each.
inline constexpr int kMaxArrowDepth = 16;
/// Rows of one array, its offset included. Times the widest fixed width, this fits in 63 bits.
inline constexpr int64_t kMaxArrowRows = int64_t{1} << 40;

/// @error kInvalidArgument for a schema that lacks a format, a child or a dictionary, has a format
///        that does not parse, or nests deeper than kMaxArrowDepth.
Status check_arrow_schema(const ArrowSchema& schema);

/// Checks the parts of `array` that reading it relies on; arrays of types that decode.h does not
/// read are passed over.
/// @param schema  has passed check_arrow_schema().
/// @error kInvalidArgument, with the path of the array at fault and what is wrong with it.
Status check_arrow_array(const ArrowSchema& schema, const ArrowArray& array);

}  // namespace omendb::python
