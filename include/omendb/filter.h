// Filters over metadata. Text, and the functions below, build the same tree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "omendb/status.h"

namespace omendb {

struct FilterTree;  // the syntax tree; see src/filter/tree.h

/// A moment, as timestamp columns hold it.
struct FilterTime {
  int64_t micros = 0;  ///< since 1970-01-01T00:00:00Z
  bool operator==(const FilterTime&) const = default;
};

/// A constant in a filter. A string that is compared with a timestamp column is read as ISO 8601; a
/// FilterTime can only be compared with timestamps. uint64_t is for ids above INT64_MAX.
using FilterValue =
    std::variant<std::nullptr_t, bool, int64_t, double, std::string, uint64_t, FilterTime>;

/// A parsed filter: immutable, cheap to copy, not yet bound to columns. An empty Filter matches
/// every point. SQL's three-valued logic applies: a comparison with a missing field is NULL, NULL
/// propagates through and/or/not as in SQL, and a point matches when the whole is TRUE. A column
/// that no point has is NULL in all points; Collection::filter_warnings() names such columns.
///
/// `id` is the point's id and never NULL, unless a metadata column has the name `id`.
///
/// A name that no column has, and that begins with a JSON column's name and a dot, is a path into
/// its values: `author.name`. In an object, a path step selects the member of that name. In an
/// array, a number selects the item at that position (from 0), and any other step goes into each
/// object of the array. A path that leads nowhere, or to null, is NULL. A JSON value is compared
/// with constants of its own type; a comparison with another type is NULL. An array is tested by
/// its items, and `!=` holds if no item is equal. The objects in which Python stores values that
/// JSON lacks (docs/python.md) count as times, numbers and strings.
///
/// A comparison, `in`, `like` or `between` of an array column holds if it holds for at least one
/// element; `!=` is refused there, because it has two possible meanings.
///
/// Grammar (keywords in any case):
///   expr   := expr "or" expr | expr "and" expr | "not" expr | "(" expr ")" | test
///           | "(" expr ")" "is" ["not"] ("true" | "false")   never NULL
///   test   := "true" | "false"
///           | field ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
///           | field ["not"] "in" "(" [value ("," value)*] ")"
///           | column ["not"] ("like" | "ilike") string   % any run, _ one character, \ escapes;
///                                                        ilike ignores case
///           | field ["not"] "between" value "and" value
///           | column "is" ["not"] "null"
///           | column ["not"] "contains" value            an element, or a part of a string
///           | column ["not"] "contains" ("any" | "all") "(" value ("," value)* ")"
///           | column ["is" ["not"] ("true" | "false")]   bool columns
///   field  := column | "size" "(" column ")"             elements of an array
///   column := identifier ("." (identifier | digits))* | "quoted ""identifier"""
///   value  := integer | decimal | 'string''s' | true | false | null | timestamp 'ISO 8601'
///           | inf | -inf | nan
/// At most 1 MiB of text and 256 levels of nesting.
class Filter {
 public:
  enum class Compare : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };

  Filter() = default;

  /// @error kInvalidFilter with the 1-based column of the mistake, the text, and a caret under it.
  static Result<Filter> parse(std::string_view text);

  // Build the same tree without text, for dict and JSON forms.
  static Filter compare(std::string column, Compare op, FilterValue value);
  static Filter in(std::string column, std::vector<FilterValue> values);
  static Filter like(std::string column, std::string pattern);
  static Filter ilike(std::string column, std::string pattern);  ///< ignores case
  static Filter between(std::string column, FilterValue low, FilterValue high);
  static Filter is_null(std::string column);
  static Filter contains(std::string column, FilterValue value);
  /// Compares the number of an array's elements with `count`.
  static Filter size(std::string column, Compare op, int64_t count);
  static Filter all_of(std::vector<Filter> parts);  ///< no parts: matches everything
  static Filter any_of(std::vector<Filter> parts);  ///< no parts: matches nothing
  static Filter negate(Filter part);                ///< SQL's `not`: NULL where the part is NULL
  /// TRUE where the part is TRUE, FALSE elsewhere: `(part) is true`.
  static Filter is_true(Filter part);
  /// Matches every point that the part does not match, also points without the field: `(part) is
  /// not true`. `$not`, `$ne` and `$nin` of a dict mean this.
  static Filter complement(Filter part);

  bool empty() const { return tree_ == nullptr; }
  /// @return canonical text, from which parse() builds the same tree; "true" if empty.
  std::string to_string() const;
  const FilterTree* tree() const { return tree_.get(); }  ///< null if empty

 private:
  explicit Filter(std::shared_ptr<const FilterTree> tree) : tree_(std::move(tree)) {}

  std::shared_ptr<const FilterTree> tree_;
};

}  // namespace omendb
