// Prepares the tests of a filter for the types of the columns that they test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filter/bind.h"
#include "filter/tree.h"

namespace omendb::filter {

/// What a name in a filter stands for.
struct Field {
  enum class Kind : uint8_t { kColumn, kId, kUnknown };
  Kind kind = Kind::kUnknown;
  ColumnType type = ColumnType::kI64;
  std::string_view column;               ///< the column's name: the field's, but for a path
  std::optional<std::string_view> path;  ///< in the values of a JSON column

  bool is_u64() const { return kind == Kind::kId && type == ColumnType::kI64; }
  std::string type_name() const { return is_u64() ? "u64" : std::string(column_type_name(type)); }
  /// The same for values of another type, such as an array's elements.
  Field with(ColumnType other) const { return {kind, other, column}; }
};

/// kInvalidFilter; with its place in the filter's text, if it has one.
Status test_error(const FilterTest& test, size_t at, const std::string& message);

BoundNode constant(Truth truth);

/// How much a test costs a row, roughly.
uint32_t cost_of(const BoundNode& node);

/// @error kInvalidFilter if the test's pattern is none. @pre kLike or kILike.
Result<LikePattern> compile_pattern(const FilterTest& test);

/// @param node   what is known of it: the column, and whether its elements are tested.
/// @param field  of the type that is compared: an array's elements, a size.
/// @pre not kIsNull; of kBetween, no bound is null.
Result<BoundNode> bind_value_test(const FilterTest& test, BoundNode node, const Field& field);

/// The same for a JSON column, or a path in it: for each type that a value can have, a test by the
/// constants of that type. @pre as above; kIsNull too.
Result<BoundNode> bind_json_test(const FilterTest& test, BoundNode node, const Field& field);

}  // namespace omendb::filter
