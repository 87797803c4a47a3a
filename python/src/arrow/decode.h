// Values of Arrow arrays, and arrays as OmenDB columns. Nothing here knows Python.
//
// Every array has passed check_arrow_array() (check.h); what only the values can tell (an offset, a
// view, a dictionary index, the end of a run) is checked here, before it is followed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "abi.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb::python {

bool is_arrow_int(std::string_view format);
bool is_arrow_float(std::string_view format);
bool is_arrow_string(std::string_view format);
/// Strings and bytes of any width, views included.
bool is_arrow_text(std::string_view format);
/// Bytes of one width or of any.
bool is_arrow_bytes(std::string_view format);
/// Timestamps and dates.
bool is_arrow_time(std::string_view format);
/// Lists and list views of any width, and lists of one size.
bool is_arrow_list(std::string_view format);
bool is_arrow_list_view(std::string_view format);
bool is_arrow_runs(std::string_view format);
/// N of "w:N" and "+w:N"; none if it is no number from 0 to 2^31 - 1.
std::optional<int64_t> arrow_fixed_size(std::string_view format);
/// The name of the extension type of the values, such as "pandas.period"; empty if they have none.
/// The extension says what the numbers of its storage mean.
std::string_view arrow_extension(const ArrowSchema& schema);
/// "list<float32>" and the like, for people.
std::string arrow_type_name(const ArrowSchema& schema);

/// The schema of the values themselves: behind dictionaries and runs.
const ArrowSchema& arrow_value_schema(const ArrowSchema& schema);

/// Where a value really lies: behind its run, in its dictionary.
struct ArrowPlace {
  const ArrowSchema* schema = nullptr;
  const ArrowArray* array = nullptr;
  int64_t index = 0;  ///< without the array's own offset
  bool present = false;
};

/// Value `i` of an array, which counts without the array's offset.
/// @error kInvalidArgument for a dictionary index or a run that points past its values.
Result<ArrowPlace> arrow_place(const ArrowSchema& schema, const ArrowArray& array, int64_t i);

/// The text or the bytes at a place of is_arrow_text() or is_arrow_bytes().
/// @error kInvalidArgument for offsets that fall, and for a view past its buffer.
Result<std::string_view> arrow_bytes(const ArrowPlace& place);

/// The integer at a place; none if it needs 64 bits without a sign.
std::optional<int64_t> arrow_int(const ArrowPlace& place);
/// The same of a uint64 array, whole.
uint64_t arrow_uint64(const ArrowPlace& place);

struct ArrowRange {
  int64_t start = 0;
  int64_t stop = 0;
};
/// Where the list at a place starts and ends in its child, without the child's own offset.
/// @error kInvalidArgument for a list that points past its values.
Result<ArrowRange> arrow_list(const ArrowPlace& place);

/// Rows [first, first + count) of an array as a column; none if its type is "null".
/// @error kTypeMismatch for a type that has no place here, kInvalidArgument for malformed data.
Result<std::optional<Column>> decode_column(const ArrowSchema& schema, const ArrowArray& array,
                                            int64_t first, int64_t count, const std::string& name);

}  // namespace omendb::python
