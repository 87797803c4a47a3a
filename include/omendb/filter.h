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

/// A constant in a filter. Timestamps are written as ISO 8601 strings or as `timestamp '…'`, and
/// take their meaning from the column they meet.
using FilterValue = std::variant<std::nullptr_t, bool, int64_t, double, std::string>;

/// A parsed filter: immutable, cheap to copy, not yet bound to columns. An empty Filter matches
/// every point. SQL's three-valued logic applies: a comparison with a missing field is NULL, NULL
/// propagates through and/or/not as in SQL, and a point matches when the whole is TRUE.
///
/// Grammar (keywords in any case):
///   expr   := expr "or" expr | expr "and" expr | "not" expr | "(" expr ")" | test
///   test   := "true" | "false"
///           | column ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
///           | column ["not"] "in" "(" [value ("," value)*] ")"
///           | column ["not"] "like" string          % any run, _ one character, \ escapes
///           | column ["not"] "between" value "and" value
///           | column "is" ["not"] "null"
///           | column ["not"] "contains" value       array columns
///           | column                                bool columns
///   column := identifier | "quoted ""identifier"""
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
  static Filter between(std::string column, FilterValue low, FilterValue high);
  static Filter is_null(std::string column);
  static Filter contains(std::string column, FilterValue value);
  static Filter all_of(std::vector<Filter> parts);  ///< no parts: matches everything
  static Filter any_of(std::vector<Filter> parts);  ///< no parts: matches nothing
  static Filter negate(Filter part);

  bool empty() const { return tree_ == nullptr; }
  /// Canonical text that parse() takes back to the same tree; "true" if empty.
  std::string to_string() const;
  const FilterTree* tree() const { return tree_.get(); }  ///< null if empty

 private:
  explicit Filter(std::shared_ptr<const FilterTree> tree) : tree_(std::move(tree)) {}

  std::shared_ptr<const FilterTree> tree_;
};

}  // namespace omendb
