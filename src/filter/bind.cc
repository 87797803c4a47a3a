#include "filter/bind.h"

#include <algorithm>
#include <unordered_map>

#include "base/case_fold.h"
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

/// What a name in a filter stands for.
struct Field {
  enum class Kind : uint8_t { kColumn, kId, kUnknown };
  Kind kind = Kind::kUnknown;
  ColumnType type = ColumnType::kI64;

  bool is_u64() const { return kind == Kind::kId && type == ColumnType::kI64; }
  std::string type_name() const { return is_u64() ? "u64" : std::string(column_type_name(type)); }
  /// The same for an element of it.
  Field element() const { return {kind, element_type(type)}; }
};

class FilterBinder {
 public:
  FilterBinder(const column::Schema& schema, std::optional<IdKind> ids)
      : schema_(schema), ids_(ids) {
    for (const auto& column : schema) by_name_.emplace(column.name, &column);
  }

  Status bind(const FilterTree& tree);
  BoundFilter take() { return std::move(bound_); }

 private:
  void join(const FilterNode& node, Op op);
  Result<uint32_t> bind_test(const FilterTest& test);
  Result<BoundNode> bind_unknown(const FilterTest& test);
  Result<uint32_t> bind_between(const FilterTest& test, const BoundNode& blank, const Field& field);
  Result<BoundNode> bind_values(const FilterTest& test, BoundNode node, const Field& field);
  Result<BoundNode> bind_in(const FilterTest& test, BoundNode node, const Field& field);
  Result<BoundNode> bind_part(const FilterTest& test, BoundNode node, const Field& field) const;
  Result<BoundNode> bind_like(const FilterTest& test, BoundNode node, const Field& field);
  Status bind_bool_set(const FilterTest& test, BoundNode& node) const;
  Status bind_number_set(const FilterTest& test, const Field& field, BoundNode& node) const;
  Status bind_string_set(const FilterTest& test, BoundNode& node) const;
  /// values[i] `compare` against a value of the field.
  Result<BoundNode> bind_compare(const FilterTest& test, size_t i, Compare compare, BoundNode node,
                                 const Field& field) const;

  Field resolve(std::string_view name) const;
  uint32_t number_of(const std::string& name, const Field& field);
  static Result<LikePattern> compile_pattern(const FilterTest& test);
  Result<int64_t> timestamp(const FilterTest& test, size_t i) const;
  Status check_value(const FilterTest& test, size_t i, const Field& field) const;

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
  const std::optional<IdKind> ids_;
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
    case Op::kString:
    case Op::kStringRange: return 8 * per_list;
    case Op::kIntSet:
    case Op::kDoubleSet: return 12;
    case Op::kStringSet: return 24;
    case Op::kLike: return 32;
    case Op::kILike: return 64;
    default: break;
  }
  return 0;  // parents: the sum of their children's
}

BoundNode constant(Truth truth) {
  BoundNode node;
  node.truth = truth;
  return node;
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
      case NodeKind::kIsTrue: join(node, Op::kIsTrue); break;
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

/// A column goes before what else has its name.
Field FilterBinder::resolve(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return {Field::Kind::kColumn, found->second->type};
  if (name != "id" || !ids_) return {};
  return {Field::Kind::kId, *ids_ == IdKind::kU64 ? ColumnType::kI64 : ColumnType::kString};
}

uint32_t FilterBinder::number_of(const std::string& name, const Field& field) {
  const auto [at, fresh] = numbers_.try_emplace(name, static_cast<uint32_t>(numbers_.size()));
  if (fresh) bound_.columns.push_back({name, field.type, field.kind == Field::Kind::kId});
  return at->second;
}

/// A test of a column that is NULL in every row.
Result<BoundNode> FilterBinder::bind_unknown(const FilterTest& test) {
  // Where no point ever was, every name is unknown, and nobody misspelled anything.
  const auto known = [&](const UnknownColumn& column) { return column.name == test.column; };
  if (ids_ && std::ranges::none_of(bound_.unknown, known)) {
    bound_.unknown.push_back({test.column, unknown_column_text(test.column, schema_)});
  }
  if (test.kind == Kind::kLike || test.kind == Kind::kILike) {
    OMEN_RETURN_IF_ERROR(compile_pattern(test).status());
  }
  if (test.kind == Kind::kIsNull) return constant(Truth::kTrue);
  if (test.kind == Kind::kIn && test.values.empty()) return constant(Truth::kFalse);
  return constant(Truth::kNull);
}

Result<uint32_t> FilterBinder::bind_test(const FilterTest& test) {
  Field field = resolve(test.column);
  if (field.kind == Field::Kind::kUnknown) {
    OMEN_ASSIGN_OR_RETURN(BoundNode node, bind_unknown(test));
    return add(std::move(node));
  }
  BoundNode node;
  node.column = number_of(test.column, field);
  const std::string is_what = "\"" + test.column + "\" is " + field.type_name();
  if (test.of_size && !is_array(field.type)) {
    return error(test, test.column_at, "size(...) needs an array column; " + is_what);
  }
  if (test.kind == Kind::kIsNull) {
    node.op = field.kind == Field::Kind::kId ? Op::kNever : Op::kIsNull;
    node.cost = cost_of(node);
    return add(std::move(node));
  }
  if (field.type == ColumnType::kJson) {
    return error(test, test.column_at, is_what + "; it is tested with is null");
  }
  if (test.of_size) {
    node.of_size = true;
    field.type = ColumnType::kI64;
  } else if (is_array(field.type)) {
    if (test.kind == Kind::kCompare && test.compare == Compare::kNe) {
      return error(test, test.column_at,
                   is_what +
                       ", and != could mean two things; that no element is equal is written "
                       "not " +
                       column_text(test.column) + " = ...");
    }
    node.any_element = true;
    field = field.element();
  } else if (test.kind == Kind::kContains && field.type != ColumnType::kString) {
    return error(test, test.column_at, "contains needs an array or a string column; " + is_what);
  }
  if (test.kind == Kind::kBetween) return bind_between(test, node, field);
  OMEN_ASSIGN_OR_RETURN(node, bind_values(test, std::move(node), field));
  return add(std::move(node));
}

Result<BoundNode> FilterBinder::bind_values(const FilterTest& test, BoundNode node,
                                            const Field& field) {
  switch (test.kind) {
    case Kind::kIn: return bind_in(test, std::move(node), field);
    case Kind::kLike:
    case Kind::kILike: return bind_like(test, std::move(node), field);
    case Kind::kContains:
      if (!node.any_element) return bind_part(test, std::move(node), field);
      return bind_compare(test, 0, Compare::kEq, std::move(node), field);
    default: return bind_compare(test, 0, test.compare, std::move(node), field);
  }
}

Status FilterBinder::check_value(const FilterTest& test, size_t i, const Field& field) const {
  const FilterValue& value = test.values[i];
  const auto* text = std::get_if<std::string>(&value);
  const auto* time = std::get_if<FilterTime>(&value);
  if (text != nullptr && !is_utf8(*text)) {
    return error(test, 0, "a string to compare \"" + test.column + "\" with is not valid UTF-8");
  }
  if (time != nullptr && (time->micros < kFirstTimestamp || time->micros > kLastTimestamp)) {
    return error(test, 0,
                 "a time to compare \"" + test.column + "\" with lies outside the years 1 to 9999");
  }
  bool fits = std::holds_alternative<std::nullptr_t>(value);
  std::string wanted;
  switch (field.type) {
    case ColumnType::kBool:
      fits = fits || std::holds_alternative<bool>(value);
      wanted = "true or false";
      break;
    case ColumnType::kString:
      fits = fits || text != nullptr;
      wanted = "a string in single quotes";
      break;
    case ColumnType::kTimestamp:
      fits = fits || text != nullptr || time != nullptr;
      wanted = "a time such as '2024-05-01T12:30:00Z'";
      break;
    default:
      fits = fits || std::holds_alternative<int64_t>(value) ||
             std::holds_alternative<uint64_t>(value) || std::holds_alternative<double>(value);
      wanted = "a number";
  }
  if (fits) return {};
  std::string shown = value_text(value);
  if (shown.size() > 80) shown = "the given string";
  const std::string is_what = test.of_size ? "size(" + column_text(test.column) + ") is a number"
                                           : "\"" + test.column + "\" is " + field.type_name();
  return error(test, value_at(test, i),
               is_what + " and is compared with " + wanted + ", not with " + shown);
}

Result<int64_t> FilterBinder::timestamp(const FilterTest& test, size_t i) const {
  if (const auto* time = std::get_if<FilterTime>(&test.values[i])) return time->micros;
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
                                             BoundNode node, const Field& field) const {
  OMEN_RETURN_IF_ERROR(check_value(test, i, field));
  const FilterValue& value = test.values[i];
  if (std::holds_alternative<std::nullptr_t>(value)) return constant(Truth::kNull);
  switch (field.type) {
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
    case ColumnType::kF64: set_range(node, range_for(CompareDoubles{compare}, value)); break;
    default:
      if (field.is_u64()) {
        set_range(node, range_for(CompareShifted{compare}, value));
      } else {
        set_range(node, range_for(CompareInts{compare}, value));
      }
  }
  node.cost = cost_of(node);
  return node;
}

/// Narrows `low`, of values >= a bound, to those that `high`, of values <= a bound, lets through
/// too.
void narrow(BoundNode& low, BoundNode high) {
  switch (low.op) {
    case Op::kBool:
      for (const int v : {0, 1}) low.bool_table[v] = low.bool_table[v] && high.bool_table[v];
      break;
    case Op::kIntRange:
      low.int_high = high.int_high;
      if (low.int_low > low.int_high) low.op = Op::kNever;
      break;
    case Op::kDoubleRange: low.double_high = high.double_high; break;
    default: low.op = Op::kStringRange; low.strings.push_back(std::move(high.strings[0]));
  }
}

/// low <= column and column <= high, as SQL defines it; of an array, for one element.
Result<uint32_t> FilterBinder::bind_between(const FilterTest& test, const BoundNode& blank,
                                            const Field& field) {
  OMEN_ASSIGN_OR_RETURN(BoundNode low, bind_compare(test, 0, Compare::kGe, blank, field));
  OMEN_ASSIGN_OR_RETURN(BoundNode high, bind_compare(test, 1, Compare::kLe, blank, field));
  if (low.op == Op::kConstant || high.op == Op::kConstant) {  // a bound is null
    std::vector<uint32_t> both = {add(std::move(low)), add(std::move(high))};
    return add_parent(Op::kAnd, std::move(both));
  }
  if (low.op == Op::kNever || high.op == Op::kNever) {
    low.op = Op::kNever;
  } else {
    narrow(low, std::move(high));
  }
  return add(std::move(low));
}

Result<BoundNode> FilterBinder::bind_in(const FilterTest& test, BoundNode node,
                                        const Field& field) {
  if (test.values.empty()) return constant(Truth::kFalse);
  for (size_t i = 0; i < test.values.size(); ++i) {
    OMEN_RETURN_IF_ERROR(check_value(test, i, field));
    if (std::holds_alternative<std::nullptr_t>(test.values[i])) node.null_unless = true;
  }
  switch (field.type) {
    case ColumnType::kBool: OMEN_RETURN_IF_ERROR(bind_bool_set(test, node)); break;
    case ColumnType::kString: OMEN_RETURN_IF_ERROR(bind_string_set(test, node)); break;
    default: OMEN_RETURN_IF_ERROR(bind_number_set(test, field, node));
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
Status FilterBinder::bind_number_set(const FilterTest& test, const Field& field,
                                     BoundNode& node) const {
  for (size_t i = 0; i < test.values.size(); ++i) {
    if (std::holds_alternative<std::nullptr_t>(test.values[i])) continue;
    OMEN_ASSIGN_OR_RETURN(const BoundNode equal,
                          bind_compare(test, i, Compare::kEq, BoundNode(), field));
    if (equal.op == Op::kIntRange) node.ints.push_back(equal.int_low);
    if (equal.op == Op::kDoubleRange) node.doubles.push_back(equal.double_low);
  }
  std::ranges::sort(node.ints);
  std::ranges::sort(node.doubles);
  node.op = field.type == ColumnType::kF64 ? Op::kDoubleSet : Op::kIntSet;
  return {};
}

/// A string column holds the string as a part.
Result<BoundNode> FilterBinder::bind_part(const FilterTest& test, BoundNode node,
                                          const Field& field) const {
  OMEN_RETURN_IF_ERROR(check_value(test, 0, field));
  const auto* part = std::get_if<std::string>(&test.values[0]);
  if (part == nullptr) return constant(Truth::kNull);
  node.op = Op::kLike;
  node.like = LikePattern::containing(*part);
  node.cost = cost_of(node);
  return node;
}

Result<LikePattern> FilterBinder::compile_pattern(const FilterTest& test) {
  const auto* pattern = std::get_if<std::string>(&test.values[0]);
  if (pattern == nullptr) return error(test, value_at(test, 0), "like needs a pattern");
  std::string folded;
  if (test.kind == Kind::kILike) fold_case(*pattern, folded);
  auto compiled = LikePattern::compile(test.kind == Kind::kILike ? folded : *pattern);
  if (compiled.ok()) return compiled;
  return error(test, value_at(test, 0), compiled.status().message());
}

Result<BoundNode> FilterBinder::bind_like(const FilterTest& test, BoundNode node,
                                          const Field& field) {
  if (field.type != ColumnType::kString) {
    return error(test, test.column_at,
                 "like needs a string column; \"" + test.column + "\" is " + field.type_name());
  }
  OMEN_RETURN_IF_ERROR(check_value(test, 0, field));
  OMEN_ASSIGN_OR_RETURN(node.like, compile_pattern(test));
  node.op = test.kind == Kind::kILike ? Op::kILike : Op::kLike;
  node.cost = cost_of(node);
  return node;
}

}  // namespace

Result<BoundFilter> bind_filter(const Filter& filter, const column::Schema& schema,
                                std::optional<IdKind> ids) {
  if (filter.empty()) return BoundFilter();
  FilterBinder binder(schema, ids);
  OMEN_RETURN_IF_ERROR(binder.bind(*filter.tree()));
  return binder.take();
}

}  // namespace omendb::filter
