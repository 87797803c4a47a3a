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
using Kind = FilterTest::Kind;
using NodeKind = FilterNode::Kind;
using Op = BoundNode::Op;

class FilterBinder {
 public:
  explicit FilterBinder(const column::Schema& schema) : schema_(schema) {
    for (const auto& column : schema) by_name_.emplace(column.name, &column);
  }

  Status bind(const FilterTree& tree);
  BoundFilter take() { return std::move(bound_); }

 private:
  void join(const FilterNode& node, Op op);
  Result<uint32_t> bind_test(const FilterTest& test);
  Result<uint32_t> bind_between(const FilterTest& test, const BoundNode& blank, ColumnType type);
  Result<BoundNode> bind_values(const FilterTest& test, BoundNode node, ColumnType type);
  Result<BoundNode> bind_in(const FilterTest& test, BoundNode node, ColumnType type);
  Result<BoundNode> bind_like(const FilterTest& test, BoundNode node, ColumnType type);
  Status bind_bool_set(const FilterTest& test, BoundNode& node) const;
  Status bind_number_set(const FilterTest& test, ColumnType type, BoundNode& node) const;
  Status bind_string_set(const FilterTest& test, BoundNode& node) const;
  /// values[i] `compare` against an element of the type.
  Result<BoundNode> bind_compare(const FilterTest& test, size_t i, Compare compare, BoundNode node,
                                 ColumnType type) const;

  Result<const column::ColumnSchema*> find(const FilterTest& test) const;
  uint32_t number_of(const column::ColumnSchema& column);
  Result<int64_t> timestamp(const FilterTest& test, size_t i) const;
  Status check_value(const FilterTest& test, size_t i, ColumnType type) const;

  /// Adds a node whose children were added before. @return its number.
  uint32_t add(BoundNode node) {
    bound_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(bound_.nodes.size() - 1);
  }
  uint32_t add_parent(Op op, std::vector<uint32_t> children);

  static Status error(const FilterTest& test, size_t at, const std::string& message) {
    if (test.text != nullptr) return filter_error(*test.text, at, message);
    return {StatusCode::kInvalidFilter, message};
  }
  static size_t value_at(const FilterTest& test, size_t i) {
    return i < test.values_at.size() ? test.values_at[i] : 0;
  }

  const column::Schema& schema_;
  std::unordered_map<std::string_view, const column::ColumnSchema*> by_name_;
  std::unordered_map<std::string_view, uint32_t> numbers_;
  BoundFilter bound_;
  std::vector<uint32_t> waiting_;  ///< bound subtrees that have no parent yet
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
  return 0;  // parents: the sum of their children's
}

BoundNode constant(Truth truth) {
  BoundNode node;
  node.truth = truth;
  return node;
}

std::string type_text(ColumnType type) {
  return std::string(column_type_name(type));
}

uint32_t FilterBinder::add_parent(Op op, std::vector<uint32_t> children) {
  BoundNode node;
  node.op = op;
  for (const uint32_t child : children) node.cost += bound_.nodes[child].cost;
  std::ranges::stable_sort(children, {}, [&](uint32_t child) { return bound_.nodes[child].cost; });
  node.children = std::move(children);
  return add(std::move(node));
}

Status FilterBinder::bind(const FilterTree& tree) {
  if (tree.too_deep) return {StatusCode::kInvalidFilter, too_deep_text()};
  for (const FilterNode& node : tree.nodes) {
    switch (node.kind) {
      case NodeKind::kConstant:
        waiting_.push_back(add(constant(node.constant ? Truth::kTrue : Truth::kFalse)));
        break;
      case NodeKind::kTest: {
        OMEN_ASSIGN_OR_RETURN(const uint32_t bound, bind_test(*node.test));
        waiting_.push_back(bound);
        break;
      }
      case NodeKind::kNot: join(node, Op::kNot); break;
      case NodeKind::kAnd: join(node, Op::kAnd); break;
      case NodeKind::kOr: join(node, Op::kOr); break;
    }
  }
  bound_.depth = tree.nodes.back().depth + 1;  // a test may become two levels
  return {};
}

void FilterBinder::join(const FilterNode& node, Op op) {
  const auto first = waiting_.end() - node.children;
  std::vector<uint32_t> children(first, waiting_.end());
  waiting_.erase(first, waiting_.end());
  waiting_.push_back(add_parent(op, std::move(children)));
}

Result<const column::ColumnSchema*> FilterBinder::find(const FilterTest& test) const {
  const auto found = by_name_.find(test.column);
  if (found != by_name_.end()) return found->second;
  return error(test, test.column_at, unknown_column_text(test.column, schema_));
}

uint32_t FilterBinder::number_of(const column::ColumnSchema& column) {
  const auto [at, fresh] =
      numbers_.try_emplace(column.name, static_cast<uint32_t>(bound_.columns.size()));
  if (fresh) bound_.columns.push_back(column);
  return at->second;
}

Result<uint32_t> FilterBinder::bind_test(const FilterTest& test) {
  OMEN_ASSIGN_OR_RETURN(const column::ColumnSchema* column, find(test));
  BoundNode node;
  node.column = number_of(*column);
  if (test.kind == Kind::kIsNull) {
    node.op = Op::kIsNull;
    node.cost = cost_of(node);
    return add(std::move(node));
  }
  if (column->type == ColumnType::kJson) {
    return error(test, test.column_at,
                 "\"" + column->name + "\" is json; it is tested with is null");
  }
  if (test.kind == Kind::kContains && !is_array(column->type)) {
    return error(
        test, test.column_at,
        "contains needs an array column; \"" + column->name + "\" is " + type_text(column->type) +
            (column->type == ColumnType::kString ? "; for a part of a text, write like '%...%'"
                                                 : ""));
  }
  if (test.kind != Kind::kContains && is_array(column->type)) {
    return error(test, test.column_at,
                 "\"" + column->name + "\" is " + type_text(column->type) +
                     "; arrays are tested with contains and is null");
  }
  if (test.kind == Kind::kBetween) return bind_between(test, node, column->type);
  OMEN_ASSIGN_OR_RETURN(node, bind_values(test, std::move(node), column->type));
  return add(std::move(node));
}

Result<BoundNode> FilterBinder::bind_values(const FilterTest& test, BoundNode node,
                                            ColumnType type) {
  switch (test.kind) {
    case Kind::kIn: return bind_in(test, std::move(node), type);
    case Kind::kLike: return bind_like(test, std::move(node), type);
    case Kind::kContains:
      node.any_element = true;
      return bind_compare(test, 0, Compare::kEq, std::move(node), element_type(type));
    default: return bind_compare(test, 0, test.compare, std::move(node), type);
  }
}

Status FilterBinder::check_value(const FilterTest& test, size_t i, ColumnType type) const {
  const FilterValue& value = test.values[i];
  const bool number =
      std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && !is_utf8(*text)) {
    return error(test, 0, "a string to compare \"" + test.column + "\" with is not valid UTF-8");
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
  return error(test, value_at(test, i),
               "\"" + test.column + "\" is " + type_text(type) + " and is compared with " + wanted +
                   ", not with " + shown);
}

Result<int64_t> FilterBinder::timestamp(const FilterTest& test, size_t i) const {
  auto micros = parse_timestamp(std::get<std::string>(test.values[i]));
  if (micros.ok()) return micros;
  return error(test, value_at(test, i), micros.status().message());
}

void set_range(BoundNode& node, const ValueRange<int64_t>& range) {
  node.op = range.inside.has_value() ? Op::kIntRange : Op::kNever;
  node.negated = range.outside;
  if (!range.inside.has_value()) return;
  node.int_low = range.inside->low;
  node.int_high = range.inside->high;
}

void set_range(BoundNode& node, const ValueRange<double>& range) {
  node.op = range.inside.has_value() ? Op::kDoubleRange : Op::kNever;
  node.negated = range.outside;
  if (!range.inside.has_value()) return;
  node.double_low = range.inside->low;
  node.double_high = range.inside->high;
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

Result<BoundNode> FilterBinder::bind_compare(const FilterTest& test, size_t i, Compare compare,
                                             BoundNode node, ColumnType type) const {
  OMEN_RETURN_IF_ERROR(check_value(test, i, type));
  const FilterValue& value = test.values[i];
  if (std::holds_alternative<std::nullptr_t>(value)) return constant(Truth::kNull);
  const auto* integer = std::get_if<int64_t>(&value);
  switch (type) {
    case ColumnType::kBool:
      node.op = Op::kBool;
      for (const int v : {0, 1})
        node.bool_table[v] = holds(compare, v - int{std::get<bool>(value)});
      break;
    case ColumnType::kString:
      node.op = Op::kString;
      node.compare = compare;
      node.strings = {std::get<std::string>(value)};
      break;
    case ColumnType::kTimestamp: {
      OMEN_ASSIGN_OR_RETURN(const int64_t micros, timestamp(test, i));
      set_range(node, int_range(compare, micros));
      break;
    }
    case ColumnType::kF64:
      set_range(node, integer != nullptr ? double_range(compare, *integer)
                                         : double_range(compare, std::get<double>(value)));
      break;
    default:
      set_range(node, integer != nullptr ? int_range(compare, *integer)
                                         : int_range(compare, std::get<double>(value)));
  }
  node.cost = cost_of(node);
  return node;
}

/// low <= column and column <= high, as SQL defines it; one range where both are plain numbers.
Result<uint32_t> FilterBinder::bind_between(const FilterTest& test, const BoundNode& blank,
                                            ColumnType type) {
  OMEN_ASSIGN_OR_RETURN(BoundNode low, bind_compare(test, 0, Compare::kGe, blank, type));
  OMEN_ASSIGN_OR_RETURN(BoundNode high, bind_compare(test, 1, Compare::kLe, blank, type));
  if (low.op == Op::kIntRange && high.op == Op::kIntRange && low.int_low <= high.int_high) {
    low.int_high = high.int_high;
    return add(std::move(low));
  }
  if (low.op == Op::kDoubleRange && high.op == Op::kDoubleRange) {
    low.double_high = high.double_high;
    return add(std::move(low));
  }
  std::vector<uint32_t> both = {add(std::move(low)), add(std::move(high))};
  return add_parent(Op::kAnd, std::move(both));
}

Result<BoundNode> FilterBinder::bind_in(const FilterTest& test, BoundNode node, ColumnType type) {
  if (test.values.empty()) return constant(Truth::kFalse);
  for (size_t i = 0; i < test.values.size(); ++i) {
    OMEN_RETURN_IF_ERROR(check_value(test, i, type));
    if (std::holds_alternative<std::nullptr_t>(test.values[i])) node.null_unless = true;
  }
  switch (type) {
    case ColumnType::kBool: OMEN_RETURN_IF_ERROR(bind_bool_set(test, node)); break;
    case ColumnType::kString: OMEN_RETURN_IF_ERROR(bind_string_set(test, node)); break;
    default: OMEN_RETURN_IF_ERROR(bind_number_set(test, type, node));
  }
  node.cost = cost_of(node);
  return node;
}

Status FilterBinder::bind_bool_set(const FilterTest& test, BoundNode& node) const {
  node.op = Op::kBool;
  for (const FilterValue& value : test.values) {
    if (const auto* flag = std::get_if<bool>(&value)) node.bool_table[*flag ? 1 : 0] = true;
  }
  return {};
}

Status FilterBinder::bind_string_set(const FilterTest& test, BoundNode& node) const {
  node.op = Op::kStringSet;
  for (const FilterValue& value : test.values) {
    if (const auto* text = std::get_if<std::string>(&value)) node.strings.push_back(*text);
  }
  std::ranges::sort(node.strings);
  return {};
}

/// A number that the column's type cannot hold equals none of its values, and is left out.
Status FilterBinder::bind_number_set(const FilterTest& test, ColumnType type,
                                     BoundNode& node) const {
  for (size_t i = 0; i < test.values.size(); ++i) {
    if (std::holds_alternative<std::nullptr_t>(test.values[i])) continue;
    OMEN_ASSIGN_OR_RETURN(const BoundNode equal,
                          bind_compare(test, i, Compare::kEq, BoundNode(), type));
    if (equal.op == Op::kIntRange) node.ints.push_back(equal.int_low);
    if (equal.op == Op::kDoubleRange) node.doubles.push_back(equal.double_low);
  }
  std::ranges::sort(node.ints);
  std::ranges::sort(node.doubles);
  node.op = type == ColumnType::kF64 ? Op::kDoubleSet : Op::kIntSet;
  return {};
}

Result<BoundNode> FilterBinder::bind_like(const FilterTest& test, BoundNode node, ColumnType type) {
  if (type != ColumnType::kString) {
    return error(test, test.column_at,
                 "like needs a string column; \"" + test.column + "\" is " + type_text(type));
  }
  const auto* pattern = std::get_if<std::string>(&test.values[0]);
  if (pattern == nullptr) return error(test, value_at(test, 0), "like needs a pattern");
  OMEN_RETURN_IF_ERROR(check_value(test, 0, type));
  auto compiled = LikePattern::compile(*pattern);
  if (!compiled.ok()) return error(test, value_at(test, 0), compiled.status().message());
  node.op = Op::kLike;
  node.like = std::move(compiled).value();
  node.cost = cost_of(node);
  return node;
}

}  // namespace

Result<BoundFilter> bind_filter(const Filter& filter, const column::Schema& schema) {
  if (filter.empty()) return BoundFilter();
  FilterBinder binder(schema);
  OMEN_RETURN_IF_ERROR(binder.bind(*filter.tree()));
  return binder.take();
}

}  // namespace omendb::filter
