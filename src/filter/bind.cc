#include "filter/bind.h"

#include <algorithm>
#include <unordered_map>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "filter/number.h"
#include "filter/suggest.h"
#include "filter/time.h"
#include "filter/tree.h"

namespace omendb::filter {

namespace {

using Compare = Filter::Compare;
using Kind = FilterNode::Kind;
using Op = BoundNode::Op;

class FilterBinder {
 public:
  explicit FilterBinder(const column::Schema& schema) : schema_(schema) {
    for (const auto& column : schema) by_name_.emplace(column.name, &column);
  }

  Result<BoundNode> bind(const FilterNode& node);
  std::vector<column::ColumnSchema> take_columns() { return std::move(columns_); }

 private:
  Result<BoundNode> bind_children(const FilterNode& node, Op op);
  Result<BoundNode> bind_test(const FilterNode& node);
  Result<BoundNode> bind_between(const FilterNode& node, const BoundNode& blank, ColumnType type);
  Result<BoundNode> bind_in(const FilterNode& node, BoundNode test, ColumnType type);
  Result<BoundNode> bind_like(const FilterNode& node, BoundNode test, ColumnType type);
  Status bind_bool_set(const FilterNode& node, BoundNode& test) const;
  Status bind_number_set(const FilterNode& node, ColumnType type, BoundNode& test) const;
  Status bind_string_set(const FilterNode& node, BoundNode& test) const;
  /// values[i] `compare` against an element of the type.
  Result<BoundNode> bind_compare(const FilterNode& node, size_t i, Compare compare, BoundNode test,
                                 ColumnType type) const;

  Result<const column::ColumnSchema*> find(const FilterNode& node) const;
  uint32_t number_of(const column::ColumnSchema& column);
  Result<int64_t> timestamp(const FilterNode& node, size_t i) const;
  Status check_value(const FilterNode& node, size_t i, ColumnType type) const;

  static Status error(const FilterNode& node, size_t at, const std::string& message) {
    if (node.text != nullptr) return filter_error(*node.text, at, message);
    return {StatusCode::kInvalidFilter, message};
  }
  static size_t value_at(const FilterNode& node, size_t i) {
    return i < node.values_at.size() ? node.values_at[i] : 0;
  }

  const column::Schema& schema_;
  std::unordered_map<std::string_view, const column::ColumnSchema*> by_name_;
  std::vector<column::ColumnSchema> columns_;
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

uint32_t cost_of(const BoundNode& node) {
  const uint32_t per_list = node.any_element ? 4 : 1;
  switch (node.op) {
    case Op::kConstant: return 0;
    case Op::kIsNull:
    case Op::kNever: return 1;
    case Op::kBool:
    case Op::kIntRange:
    case Op::kDoubleRange: return 2 * per_list;
    case Op::kString: return 8 * per_list;
    case Op::kIntSet:
    case Op::kDoubleSet: return 12;
    case Op::kStringSet: return 24;
    case Op::kLike: return 32;
    default: break;
  }
  uint32_t sum = 0;
  for (const BoundNode& child : node.children) sum += child.cost;
  return sum;
}

BoundNode constant(Truth truth) {
  BoundNode node;
  node.truth = truth;
  return node;
}

BoundNode joined(Op op, std::vector<BoundNode> children) {
  BoundNode node;
  node.op = op;
  node.children = std::move(children);
  std::ranges::stable_sort(node.children, {}, &BoundNode::cost);
  node.cost = cost_of(node);
  return node;
}

std::string type_text(ColumnType type) {
  return std::string(column_type_name(type));
}

Result<BoundNode> FilterBinder::bind(const FilterNode& node) {
  switch (node.kind) {
    case Kind::kConstant: return constant(node.constant ? Truth::kTrue : Truth::kFalse);
    case Kind::kAnd: return bind_children(node, Op::kAnd);
    case Kind::kOr: return bind_children(node, Op::kOr);
    case Kind::kNot: return bind_children(node, Op::kNot);
    case Kind::kTooDeep:
      return error(
          node, 0,
          "the filter is nested deeper than " + std::to_string(kMaxFilterDepth) + " levels");
    default: return bind_test(node);
  }
}

Result<BoundNode> FilterBinder::bind_children(const FilterNode& node, Op op) {
  std::vector<BoundNode> children;
  for (const auto& child : node.children) {
    OMEN_ASSIGN_OR_RETURN(BoundNode bound, bind(*child));
    children.push_back(std::move(bound));
  }
  return joined(op, std::move(children));
}

Result<const column::ColumnSchema*> FilterBinder::find(const FilterNode& node) const {
  const auto found = by_name_.find(node.column);
  if (found != by_name_.end()) return found->second;
  return error(node, node.column_at, unknown_column_text(node.column, schema_));
}

uint32_t FilterBinder::number_of(const column::ColumnSchema& column) {
  const auto [at, fresh] =
      numbers_.try_emplace(column.name, static_cast<uint32_t>(columns_.size()));
  if (fresh) columns_.push_back(column);
  return at->second;
}

Result<BoundNode> FilterBinder::bind_test(const FilterNode& node) {
  OMEN_ASSIGN_OR_RETURN(const column::ColumnSchema* column, find(node));
  BoundNode test;
  test.column = number_of(*column);
  if (node.kind == Kind::kIsNull) {
    test.op = Op::kIsNull;
    test.cost = cost_of(test);
    return test;
  }
  if (column->type == ColumnType::kJson) {
    return error(node, node.column_at,
                 "\"" + column->name + "\" is json; it is tested with is null");
  }
  if (node.kind == Kind::kContains) {
    if (!is_array(column->type)) {
      return error(
          node, node.column_at,
          "contains needs an array column; \"" + column->name + "\" is " + type_text(column->type) +
              (column->type == ColumnType::kString ? "; for a part of a text, write like '%...%'"
                                                   : ""));
    }
    test.any_element = true;
    return bind_compare(node, 0, Compare::kEq, std::move(test), element_type(column->type));
  }
  if (is_array(column->type)) {
    return error(node, node.column_at,
                 "\"" + column->name + "\" is " + type_text(column->type) +
                     "; arrays are tested with contains and is null");
  }
  switch (node.kind) {
    case Kind::kIn: return bind_in(node, std::move(test), column->type);
    case Kind::kLike: return bind_like(node, std::move(test), column->type);
    case Kind::kBetween: return bind_between(node, test, column->type);
    default: return bind_compare(node, 0, node.compare, std::move(test), column->type);
  }
}

Status FilterBinder::check_value(const FilterNode& node, size_t i, ColumnType type) const {
  const FilterValue& value = node.values[i];
  const bool number =
      std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && !is_utf8(*text)) {
    return error(node, 0, "a string to compare \"" + node.column + "\" with is not valid UTF-8");
  }
  bool fits = std::holds_alternative<std::nullptr_t>(value);
  std::string wanted;
  switch (type) {
    case ColumnType::kBool:
      fits = fits || std::holds_alternative<bool>(value);
      wanted = "true or false";
      break;
    case ColumnType::kString:
      fits = fits || text != nullptr;
      wanted = "a string in single quotes";
      break;
    case ColumnType::kTimestamp:
      fits = fits || text != nullptr;
      wanted = "a time such as '2024-05-01T12:30:00Z'";
      break;
    default: fits = fits || number; wanted = "a number";
  }
  if (fits) return {};
  std::string shown = value_text(value);
  if (shown.size() > 80) shown = "the given string";
  return error(node, value_at(node, i),
               "\"" + node.column + "\" is " + type_text(type) + " and is compared with " + wanted +
                   ", not with " + shown);
}

Result<int64_t> FilterBinder::timestamp(const FilterNode& node, size_t i) const {
  auto micros = parse_timestamp(std::get<std::string>(node.values[i]));
  if (micros.ok()) return micros;
  return error(node, value_at(node, i), micros.status().message());
}

void set_range(BoundNode& test, const ValueRange<int64_t>& range) {
  test.op = range.inside.has_value() ? Op::kIntRange : Op::kNever;
  test.negated = range.outside;
  if (!range.inside.has_value()) return;
  test.int_low = range.inside->low;
  test.int_high = range.inside->high;
}

void set_range(BoundNode& test, const ValueRange<double>& range) {
  test.op = range.inside.has_value() ? Op::kDoubleRange : Op::kNever;
  test.negated = range.outside;
  if (!range.inside.has_value()) return;
  test.double_low = range.inside->low;
  test.double_high = range.inside->high;
}

bool holds(Compare compare, int order) {
  switch (compare) {
    case Compare::kEq: return order == 0;
    case Compare::kNe: return order != 0;
    case Compare::kLt: return order < 0;
    case Compare::kLe: return order <= 0;
    case Compare::kGt: return order > 0;
    case Compare::kGe: return order >= 0;
  }
  return false;
}

Result<BoundNode> FilterBinder::bind_compare(const FilterNode& node, size_t i, Compare compare,
                                             BoundNode test, ColumnType type) const {
  OMEN_RETURN_IF_ERROR(check_value(node, i, type));
  const FilterValue& value = node.values[i];
  if (std::holds_alternative<std::nullptr_t>(value)) return constant(Truth::kNull);
  const auto* integer = std::get_if<int64_t>(&value);
  switch (type) {
    case ColumnType::kBool:
      test.op = Op::kBool;
      for (const int v : {0, 1})
        test.bool_table[v] = holds(compare, v - int{std::get<bool>(value)});
      break;
    case ColumnType::kString:
      test.op = Op::kString;
      test.compare = compare;
      test.strings = {std::get<std::string>(value)};
      break;
    case ColumnType::kTimestamp: {
      OMEN_ASSIGN_OR_RETURN(const int64_t micros, timestamp(node, i));
      set_range(test, int_range(compare, micros));
      break;
    }
    case ColumnType::kF64:
      set_range(test, integer != nullptr ? double_range(compare, *integer)
                                         : double_range(compare, std::get<double>(value)));
      break;
    default:
      set_range(test, integer != nullptr ? int_range(compare, *integer)
                                         : int_range(compare, std::get<double>(value)));
  }
  test.cost = cost_of(test);
  return test;
}

/// low <= column and column <= high, as SQL defines it; one range where both are plain numbers.
Result<BoundNode> FilterBinder::bind_between(const FilterNode& node, const BoundNode& blank,
                                             ColumnType type) {
  OMEN_ASSIGN_OR_RETURN(BoundNode low, bind_compare(node, 0, Compare::kGe, blank, type));
  OMEN_ASSIGN_OR_RETURN(BoundNode high, bind_compare(node, 1, Compare::kLe, blank, type));
  if (low.op == Op::kIntRange && high.op == Op::kIntRange && low.int_low <= high.int_high) {
    low.int_high = high.int_high;
    return low;
  }
  if (low.op == Op::kDoubleRange && high.op == Op::kDoubleRange) {
    low.double_high = high.double_high;
    return low;
  }
  std::vector<BoundNode> both;
  both.push_back(std::move(low));
  both.push_back(std::move(high));
  return joined(Op::kAnd, std::move(both));
}

Result<BoundNode> FilterBinder::bind_in(const FilterNode& node, BoundNode test, ColumnType type) {
  if (node.values.empty()) return constant(Truth::kFalse);
  for (size_t i = 0; i < node.values.size(); ++i) {
    OMEN_RETURN_IF_ERROR(check_value(node, i, type));
    if (std::holds_alternative<std::nullptr_t>(node.values[i])) test.null_unless = true;
  }
  switch (type) {
    case ColumnType::kBool: OMEN_RETURN_IF_ERROR(bind_bool_set(node, test)); break;
    case ColumnType::kString: OMEN_RETURN_IF_ERROR(bind_string_set(node, test)); break;
    default: OMEN_RETURN_IF_ERROR(bind_number_set(node, type, test));
  }
  test.cost = cost_of(test);
  return test;
}

Status FilterBinder::bind_bool_set(const FilterNode& node, BoundNode& test) const {
  test.op = Op::kBool;
  for (const FilterValue& value : node.values) {
    if (const auto* flag = std::get_if<bool>(&value)) test.bool_table[*flag ? 1 : 0] = true;
  }
  return {};
}

Status FilterBinder::bind_string_set(const FilterNode& node, BoundNode& test) const {
  test.op = Op::kStringSet;
  for (const FilterValue& value : node.values) {
    if (const auto* text = std::get_if<std::string>(&value)) test.strings.push_back(*text);
  }
  std::ranges::sort(test.strings);
  return {};
}

/// A number that the column's type cannot hold equals none of its values, and is left out.
Status FilterBinder::bind_number_set(const FilterNode& node, ColumnType type,
                                     BoundNode& test) const {
  for (size_t i = 0; i < node.values.size(); ++i) {
    if (std::holds_alternative<std::nullptr_t>(node.values[i])) continue;
    OMEN_ASSIGN_OR_RETURN(const BoundNode equal,
                          bind_compare(node, i, Compare::kEq, BoundNode(), type));
    if (equal.op == Op::kIntRange) test.ints.push_back(equal.int_low);
    if (equal.op == Op::kDoubleRange) test.doubles.push_back(equal.double_low);
  }
  std::ranges::sort(test.ints);
  std::ranges::sort(test.doubles);
  test.op = type == ColumnType::kF64 ? Op::kDoubleSet : Op::kIntSet;
  return {};
}

Result<BoundNode> FilterBinder::bind_like(const FilterNode& node, BoundNode test, ColumnType type) {
  if (type != ColumnType::kString) {
    return error(node, node.column_at,
                 "like needs a string column; \"" + node.column + "\" is " + type_text(type));
  }
  const auto* pattern = std::get_if<std::string>(&node.values[0]);
  if (pattern == nullptr) return error(node, value_at(node, 0), "like needs a pattern");
  OMEN_RETURN_IF_ERROR(check_value(node, 0, type));
  auto compiled = LikePattern::compile(*pattern);
  if (!compiled.ok()) return error(node, value_at(node, 0), compiled.status().message());
  test.op = Op::kLike;
  test.like = std::move(compiled).value();
  test.cost = cost_of(test);
  return test;
}

uint32_t depth_of(const BoundNode& node) {
  uint32_t deepest = 0;
  for (const BoundNode& child : node.children) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

}  // namespace

Result<BoundFilter> bind_filter(const Filter& filter, const column::Schema& schema) {
  BoundFilter bound;
  if (filter.empty()) return bound;
  FilterBinder binder(schema);
  OMEN_ASSIGN_OR_RETURN(bound.root, binder.bind(*filter.root()));
  bound.columns = binder.take_columns();
  bound.depth = depth_of(bound.root);
  return bound;
}

}  // namespace omendb::filter
