// Arrow arrays to OmenDB columns.
#pragma once

#include "arrow_abi.h"
#include "columns.h"

namespace omendb::python {

/// Rows [first, first + count) of an Arrow array as a column; none if its type is "null".
/// Raises TypeMismatchError for a type that has no place here.
std::optional<Column> decode_column(const ArrowSchema& schema, const ArrowArray& array,
                                    int64_t first, int64_t count, const std::string& name);

/// Whether value `i` (without the array's own offset) is present.
bool arrow_valid(const ArrowArray& array, int64_t i);

/// The string at value `i` of a utf8, large_utf8 or utf8_view array.
std::string_view arrow_string(std::string_view format, const ArrowArray& array, int64_t i);

/// The integer at value `i`; `fits` is cleared when it needs more than 63 bits.
int64_t arrow_int(char format, const ArrowArray& array, int64_t i, bool* fits);

/// Where in its dictionary the value `i` of a dictionary-encoded array is. Raises for an index that
/// points past it; `name` is the column's.
int64_t arrow_dictionary_index(const std::string& name, const ArrowSchema& schema,
                               const ArrowArray& array, int64_t i);

/// Where the list at value `i` starts and ends in its child, for the formats +l, +L and +w:N.
std::pair<int64_t, int64_t> arrow_list(std::string_view format, const ArrowArray& array, int64_t i);

bool is_arrow_int(std::string_view format);
bool is_arrow_float(std::string_view format);
bool is_arrow_string(std::string_view format);
bool is_arrow_list(std::string_view format);
/// "list<float32>" and the like, for people.
std::string arrow_type_name(const ArrowSchema& schema);

}  // namespace omendb::python
