// The syntax tree of a filter, as the parser and the builders of omendb::Filter make it.
//
// A tree is one array in which children stand before their parent. So parsing, binding, writing and
// freeing are loops, and a deep filter needs no more of a thread's stack than a flat one.
//
//   a = 1 and not (b = 2 or c = 3)
//   -> [a = 1] [b = 2] [c = 3] [or of 2] [not of 1] [and of 2]
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/filter.h"

namespace omendb {

/// Levels of a tree, and of parentheses and `not` in a text.
inline constexpr uint32_t kMaxFilterDepth = 256;
inline constexpr size_t kMaxFilterBytes = size_t{1} << 20;  ///< of text

/// One test of a column. Immutable once built, so that trees share it.
struct FilterTest {
  enum class Kind : uint8_t {
    kCompare,   ///< column compare values[0]
    kIn,        ///< column in values; none: FALSE
    kLike,      ///< column like values[0], a string
    kILike,     ///< the same, whatever the case
    kBetween,   ///< column between values[0] and values[1]
    kIsNull,    ///< column is null
    kContains,  ///< column contains values[0]
  };

  Kind kind = Kind::kCompare;
  bool of_size = false;  ///< of the number of the array's elements, not of their values
  Filter::Compare compare = Filter::Compare::kEq;
  std::string column;
  std::vector<FilterValue> values;

  // Where this was written, for errors; no text if it was built without.
  std::shared_ptr<const std::string> text;
  uint32_t column_at = 0;           ///< byte in text
  std::vector<uint32_t> values_at;  ///< bytes in text, one a value
};

/// The negative forms of the grammar (`not in`, `is not null`, `is not true`, …) are kNot over the
/// positive one; a column on its own is `column = true`.
struct FilterNode {
  enum class Kind : uint8_t {
    kConstant,  ///< constant
    kTest,      ///< test
    kAnd,       ///< all children, at least two
    kOr,        ///< any child; at least two
    kNot,       ///< the child; NULL stays NULL
    kIsTrue,    ///< the child; NULL becomes FALSE
  };

  Kind kind = Kind::kConstant;
  bool constant = true;
  uint32_t children = 0;  ///< subtrees that end right before this node
  uint32_t size = 1;      ///< nodes of the subtree that ends here, this one included
  uint32_t depth = 1;     ///< levels of that subtree
  std::shared_ptr<const FilterTest> test;
};

struct FilterTree {
  std::vector<FilterNode> nodes;  ///< children before parents; the root is the last
  bool too_deep = false;          ///< more than kMaxFilterDepth levels, which bind_filter() refuses

  void add_constant(bool value);
  void add_test(FilterTest test);
  /// Makes the last `children` subtrees the children of a new node. @pre there are as many.
  void join(FilterNode::Kind kind, uint32_t children);
  /// Adds the other tree's nodes behind these.
  void append(const FilterTree& other);
};

namespace filter {

/// kInvalidFilter: `column 7: <message>`, then the line of `text` and a caret under byte `at`.
Status filter_error(std::string_view text, size_t at, std::string_view message);

/// The error for a tree that is too deep.
std::string too_deep_text();

/// The value as the grammar writes it.
std::string value_text(const FilterValue& value);
/// The name as the grammar writes it: plain if it can be, else quoted.
std::string column_text(std::string_view name);

/// Whether the word, in any case, cannot be a plain column name.
bool is_filter_keyword(std::string_view word);

}  // namespace filter
}  // namespace omendb
