// The syntax tree of a filter, as the parser and the builders of omendb::Filter make it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/filter.h"

namespace omendb {

/// Levels of a tree, and of parentheses and `not` in a text. Bounds every recursion over a filter.
inline constexpr uint32_t kMaxFilterDepth = 256;
inline constexpr size_t kMaxFilterBytes = size_t{1} << 20;  ///< of text

/// Immutable once built. The negative forms of the grammar (`not in`, `is not null`, …) are kNot
/// over the positive one; a column on its own is `column = true`.
struct FilterNode {
  enum class Kind : uint8_t {
    kConstant,  ///< constant
    kCompare,   ///< column compare values[0]
    kIn,        ///< column in values; none: FALSE
    kLike,      ///< column like values[0], a string
    kBetween,   ///< column between values[0] and values[1]
    kIsNull,    ///< column is null
    kContains,  ///< column contains values[0]
    kAnd,       ///< all children, at least two
    kOr,        ///< any child; at least two
    kNot,       ///< children[0]
    kTooDeep,   ///< stands for a tree of more than kMaxFilterDepth levels; refused by bind_filter()
  };

  Kind kind = Kind::kConstant;
  bool constant = true;
  Filter::Compare compare = Filter::Compare::kEq;
  uint32_t depth = 1;  ///< levels, this one included
  std::string column;
  std::vector<FilterValue> values;
  std::vector<std::shared_ptr<const FilterNode>> children;

  // Where this was written, for errors; no text if it was built without.
  std::shared_ptr<const std::string> text;
  uint32_t column_at = 0;           ///< byte in text
  std::vector<uint32_t> values_at;  ///< bytes in text, one a value
};

namespace filter {

/// kInvalidFilter: `column 7: <message>`, then the line of `text` and a caret under byte `at`.
Status filter_error(std::string_view text, size_t at, std::string_view message);

/// The value as the grammar writes it.
std::string value_text(const FilterValue& value);
/// The name as the grammar writes it: plain if it can be, else quoted.
std::string column_text(std::string_view name);

/// Whether the word, in any case, cannot be a plain column name.
bool is_filter_keyword(std::string_view word);

/// A parent of children; kTooDeep if they are too deep already.
std::shared_ptr<const FilterNode> join_filters(
    FilterNode::Kind kind, std::vector<std::shared_ptr<const FilterNode>> children);

}  // namespace filter
}  // namespace omendb
