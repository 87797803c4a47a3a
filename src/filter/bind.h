// Prepares a filter for the columns of one collection: finds the names, checks the types, and
// converts constants to the types that the loops of eval.cc compare with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "column/schema.h"
#include "filter/like.h"
#include "omendb/filter.h"
#include "omendb/status.h"

namespace omendb::filter {

/// SQL's three truth values.
enum class Truth : uint8_t { kFalse, kTrue, kNull };

struct JsonTest;  // json_tester.h

/// One node of a bound tree. Tests are NULL where their column is.
struct BoundNode {
  enum class Op : uint8_t {
    kConstant,     ///< truth, whatever the row
    kAnd,          ///< children
    kOr,           ///< children
    kNot,          ///< the child
    kIsTrue,       ///< the child, with FALSE for NULL
    kIsNull,       ///< never NULL itself; of a JSON column, json
    kNever,        ///< FALSE for any value
    kBool,         ///< bool_table[value]
    kIntRange,     ///< int_low <= value <= int_high, int_low <= int_high
    kDoubleRange,  ///< double_low <= value <= double_high
    kString,       ///< value `compare` strings[0]
    kStringRange,  ///< strings[0] <= value <= strings[1]
    kIntSet,       ///< ints, ascending
    kDoubleSet,    ///< doubles, ascending, no NaN
    kStringSet,    ///< strings, ascending
    kLike,         ///< like
    kILike,        ///< like, of the value without its case
    kJson,         ///< json
  };

  Op op = Op::kConstant;
  Truth truth = Truth::kTrue;
  bool any_element = false;  ///< an array column: TRUE if the test holds for an element
  bool of_size = false;      ///< an array column: the test is of the number of elements
  bool negated = false;      ///< TRUE and FALSE change places
  bool null_unless = false;  ///< NULL instead of FALSE: `in` over a list that holds null
  uint32_t column = 0;       ///< in BoundFilter::columns
  uint32_t cost = 0;         ///< rough; cheaper tests of an and/or come first
  bool bool_table[2] = {false, false};
  int64_t int_low = 0;
  int64_t int_high = 0;
  double double_low = 0;
  double double_high = 0;
  Filter::Compare compare = Filter::Compare::kEq;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::vector<std::string> strings;
  LikePattern like;
  std::shared_ptr<const JsonTest> json;
  std::vector<uint32_t> children;  ///< in BoundFilter::nodes, before this one

  bool is_leaf() const { return children.empty(); }
};

/// A column that a filter reads.
struct BoundColumn {
  std::string name;
  ColumnType type = ColumnType::kI64;
  ColumnId id{};
  bool is_id = false;  ///< the points' ids: strings, or u64 numbers as shifted() ints
};

/// A name in a filter that no point has a column for. It is NULL in every row.
struct UnknownColumn {
  std::string name;
  std::string message;  ///< a sentence that suggests the nearest name
};

struct BoundFilter {
  std::vector<BoundNode> nodes;        ///< the root is the last; none: matches everything
  uint32_t depth = 0;                  ///< levels of the tree
  std::vector<BoundColumn> columns;    ///< that it reads
  std::vector<UnknownColumn> unknown;  ///< in the order of their first use

  const BoundNode& root() const { return nodes.back(); }
  bool matches_everything() const {
    return nodes.empty() || (root().op == BoundNode::Op::kConstant && root().truth == Truth::kTrue);
  }
};

/// Numbers compare exactly: an i64 beyond 2^53 is not rounded to meet a decimal.
/// A name that no column has is a path if it is a JSON column's name, a dot and more names.
/// @param ids  of the collection's points; none if it never had any. `id` names them, unless a
///             column has that name.
/// @error kInvalidFilter for a type that does not fit, a malformed timestamp or pattern, a tree
///        that is too deep. It points into the filter's text if it has one.
Result<BoundFilter> bind_filter(const Filter& filter, const column::Schema& schema,
                                std::optional<IdKind> ids = {});

}  // namespace omendb::filter
