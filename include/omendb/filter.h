// Filters over metadata: one grammar, one tree, whatever the caller writes.
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

/// A constant in a filter. A string that meets a timestamp column is read as ISO 8601; a FilterTime
/// meets nothing else. uint64_t is for ids past INT64_MAX.
using FilterValue =
    std::variant<std::nullptr_t, bool, int64_t, double, std::string, uint64_t, FilterTime>;

/// A parsed filter: immutable, cheap to copy, not yet bound to columns. An empty Filter matches
/// every point. SQL's three-valued logic applies: a comparison with a missing field is NULL, NULL
/// propagates through and/or/not as in SQL, and a point matches when the whole is TRUE. A column
/// that no point has is NULL in all of them; Collection::filter_warnings() names those.
///
/// `id` is the point's id and never NULL, unless a column is called so.
///
/// A name that no column has, and that begins with a JSON column's name and a dot, is a path into
/// its values: `author.name`. In an object a path goes to the member that it names, in an array to
/// the item at that position (from 0) or else into each of its objects; where it leads nowhere, or
/// to null, it is NULL. JSON values compare by their type, and with a value of another type give
/// NULL; an array is tested by its items, and `!=` holds if none is equal. The objects in which
/// Python keeps what JSON lacks (docs/python.md) are times, numbers and strings.
///
/// A comparison, `in`, `like` or `between` of an array column holds if it holds for at least one
/// element; `!=` is refused there, for it could be meant in two ways.
///
/// Grammar (keywords in any case):
///   expr   := expr "or" expr | expr "and" expr | "not" expr | "(" expr ")" | test
///           | "(" expr ")" "is" ["not"] ("true" | "false")   never NULL
///   test   := "true" | "false"
///           | field ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
///           | field ["not"] "in" "(" [value ("," value)*] ")"
///           | column ["not"] ("like" | "ilike") string   % any run, _ one character, \ escapes;
///                                                        case does not count in ilike
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

  // The same tree without text, for dict and JSON forms.
  static Filter compare(std::string column, Compare op, FilterValue value);
  static Filter in(std::string column, std::vector<FilterValue> values);
  static Filter like(std::string column, std::string pattern);
  static Filter ilike(std::string column, std::string pattern);  ///< case does not count
  static Filter between(std::string column, FilterValue low, FilterValue high);
  static Filter is_null(std::string column);
  static Filter contains(std::string column, FilterValue value);
  /// size(column) compare count: the number of an array's elements.
  static Filter size(std::string column, Compare op, int64_t count);
  static Filter all_of(std::vector<Filter> parts);  ///< no parts: matches everything
  static Filter any_of(std::vector<Filter> parts);  ///< no parts: matches nothing
  static Filter negate(Filter part);                ///< SQL's `not`: NULL where the part is NULL
  /// TRUE where the part is TRUE, FALSE elsewhere: `(part) is true`.
  static Filter is_true(Filter part);
  /// The points that the part does not match, those without the field among them: `(part) is not
  /// true`. It is what `$not`, `$ne` and `$nin` of a dict mean.
  static Filter complement(Filter part);

  bool empty() const { return tree_ == nullptr; }
  /// Canonical text that parse() takes back to the same tree; "true" if empty.
  std::string to_string() const;
  const FilterTree* tree() const { return tree_.get(); }  ///< null if empty

 private:
  explicit Filter(std::shared_ptr<const FilterTree> tree) : tree_(std::move(tree)) {}

  std::shared_ptr<const FilterTree> tree_;
};

}  // namespace omendb
