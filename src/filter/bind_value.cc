#include "filter/bind_value.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/case_fold.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "filter/json_tester.h"
#include "filter/number.h"
#include "filter/time.h"

namespace omendb::filter {

namespace {

using Compare = Filter::Compare;
using Kind = FilterTest::Kind;
using Op = BoundNode::Op;

size_t value_at(const FilterTest& test, size_t i) {
  return i < test.values_at.size() ? test.values_at[i] : 0;
}

bool is_null(const FilterValue& value) {
  return std::holds_alternative<std::nullptr_t>(value);
}

bool is_time(const FilterValue& value) {
  return std::holds_alternative<FilterTime>(value);
}

/// Checks what does not depend on the column: that text is UTF-8, and that a time is in range.
Status check_value(const FilterTest& test, size_t i) {
  const auto* text = std::get_if<std::string>(&test.values[i]);
  const auto* time = std::get_if<FilterTime>(&test.values[i]);
  if (text != nullptr && !is_utf8(*text)) {
    return test_error(test, 0,
                      "a string to compare \"" + test.column + "\" with is not valid UTF-8");
  }
  if (time != nullptr && (time->micros < kFirstTimestamp || time->micros > kLastTimestamp)) {
    return test_error(
        test, 0, "a time to compare \"" + test.column + "\" with lies outside the years 1 to 9999");
  }
  return {};
}

/// Whether values of the type compare with this one; null compares with all, and is NULL.
bool fits(const FilterValue& value, ColumnType type) {
  if (is_null(value)) return true;
  const bool text = std::holds_alternative<std::string>(value);
  const bool time = is_time(value);
  const bool flag = std::holds_alternative<bool>(value);
  switch (type) {
    case ColumnType::kBool: return flag;
    case ColumnType::kString: return text;
    case ColumnType::kTimestamp: return text || time;
    default: return !text && !time && !flag;
  }
}

Status check_type(const FilterTest& test, size_t i, const Field& field) {
  OMEN_RETURN_IF_ERROR(check_value(test, i));
  if (fits(test.values[i], field.type)) return {};
  const char* wanted = "a number";
  if (field.type == ColumnType::kBool) wanted = "true or false";
  if (field.type == ColumnType::kString) wanted = "a string in single quotes";
  if (field.type == ColumnType::kTimestamp) wanted = "a time such as '2024-05-01T12:30:00Z'";
  std::string shown = value_text(test.values[i]);
  if (shown.size() > 80) shown = "the given string";
  const std::string is_what = test.of_size ? "size(" + column_text(test.column) + ") is a number"
                                           : "\"" + test.column + "\" is " + field.type_name();
  return test_error(test, value_at(test, i),
                    is_what + " and is compared with " + wanted + ", not with " + shown);
}

Result<int64_t> timestamp(const FilterTest& test, size_t i) {
  if (const auto* time = std::get_if<FilterTime>(&test.values[i])) return time->micros;
  auto micros = parse_timestamp(std::get<std::string>(test.values[i]));
  if (micros.ok()) return micros;
  return test_error(test, value_at(test, i), micros.status().message());
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

Result<BoundNode> bind_compare(const FilterTest& test, size_t i, Compare compare, BoundNode node,
                               const Field& field) {
  OMEN_RETURN_IF_ERROR(check_type(test, i, field));
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

/// Narrows `low`, a range of values >= a bound, to its common part with `high`, a range of values
/// <= a bound.
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

/// low <= value and value <= high; of an array, for one element.
Result<BoundNode> bind_range(const FilterTest& test, const BoundNode& blank, const Field& field) {
  OMEN_ASSIGN_OR_RETURN(BoundNode low, bind_compare(test, 0, Compare::kGe, blank, field));
  OMEN_ASSIGN_OR_RETURN(BoundNode high, bind_compare(test, 1, Compare::kLe, blank, field));
  if (low.op == Op::kNever || high.op == Op::kNever) {
    low.op = Op::kNever;
  } else {
    narrow(low, std::move(high));
  }
  return low;
}

Status bind_bool_set(const FilterTest& test, BoundNode& node) {
  node.op = Op::kBool;
  for (const FilterValue& value : test.values) {
    if (const auto* flag = std::get_if<bool>(&value)) node.bool_table[*flag ? 1 : 0] = true;
  }
  return {};
}

Status bind_string_set(const FilterTest& test, BoundNode& node) {
  node.op = Op::kStringSet;
  for (const FilterValue& value : test.values) {
    if (const auto* text = std::get_if<std::string>(&value)) node.strings.push_back(*text);
  }
  std::ranges::sort(node.strings);
  return {};
}

/// A number that the column's type cannot hold equals none of its values, and is left out.
Status bind_number_set(const FilterTest& test, const Field& field, BoundNode& node) {
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

Result<BoundNode> bind_in(const FilterTest& test, BoundNode node, const Field& field) {
  if (test.values.empty()) return constant(Truth::kFalse);
  for (size_t i = 0; i < test.values.size(); ++i) {
    OMEN_RETURN_IF_ERROR(check_type(test, i, field));
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

/// A string column holds the string as a part.
Result<BoundNode> bind_part(const FilterTest& test, BoundNode node, const Field& field) {
  OMEN_RETURN_IF_ERROR(check_type(test, 0, field));
  const auto* part = std::get_if<std::string>(&test.values[0]);
  if (part == nullptr) return constant(Truth::kNull);
  node.op = Op::kLike;
  node.like = LikePattern::containing(*part);
  node.cost = cost_of(node);
  return node;
}

Result<BoundNode> bind_like(const FilterTest& test, BoundNode node, const Field& field) {
  if (field.type != ColumnType::kString) {
    return test_error(
        test, test.column_at,
        "like needs a string column; \"" + test.column + "\" is " + field.type_name());
  }
  OMEN_RETURN_IF_ERROR(check_type(test, 0, field));
  OMEN_ASSIGN_OR_RETURN(node.like, compile_pattern(test));
  node.op = test.kind == Kind::kILike ? Op::kILike : Op::kLike;
  node.cost = cost_of(node);
  return node;
}

/// A type that values of a JSON column can have, and the test of those values.
struct JsonType {
  ColumnType type;
  Field::Kind kind;
  std::optional<BoundNode> JsonTest::*test;
};

constexpr JsonType kJsonTypes[] = {
    {ColumnType::kBool, Field::Kind::kColumn, &JsonTest::of_bool},
    {ColumnType::kI64, Field::Kind::kColumn, &JsonTest::of_int},
    {ColumnType::kI64, Field::Kind::kId, &JsonTest::of_natural},
    {ColumnType::kF64, Field::Kind::kColumn, &JsonTest::of_double},
    {ColumnType::kString, Field::Kind::kColumn, &JsonTest::of_string},
    {ColumnType::kTimestamp, Field::Kind::kColumn, &JsonTest::of_time},
};

/// The test with only those constants that compare with values of the type.
FilterTest only(const FilterTest& test, ColumnType type) {
  FilterTest some = test;
  some.values.clear();
  some.values_at.clear();
  for (size_t i = 0; i < test.values.size(); ++i) {
    const FilterValue& value = test.values[i];
    if (is_null(value) || !fits(value, type)) continue;
    const auto* text = std::get_if<std::string>(&value);
    // A string that is no time compares with strings only.
    if (type == ColumnType::kTimestamp && text != nullptr && !parse_timestamp(*text).ok()) continue;
    some.values.push_back(value);
    some.values_at.push_back(static_cast<uint32_t>(value_at(test, i)));
  }
  return some;
}

/// The test of a size is one of an integer, whose flags become the node's own.
Status bind_json_size(const FilterTest& test, const Field& field, BoundNode& node, JsonTest& json) {
  const Field size{Field::Kind::kColumn, ColumnType::kI64, field.column};
  OMEN_ASSIGN_OR_RETURN(BoundNode of_size, bind_value_test(test, BoundNode(), size));
  node.null_unless = std::exchange(of_size.null_unless, false);
  node.negated = std::exchange(of_size.negated, false);
  json.what = JsonTest::What::kSize;
  json.of_int = std::move(of_size);
  return {};
}

Status bind_json_values(const FilterTest& test, const Field& field, BoundNode& node,
                        JsonTest& json) {
  const bool pattern = test.kind == Kind::kLike || test.kind == Kind::kILike;
  bool any = false;
  for (const JsonType& type : kJsonTypes) {
    if (pattern && type.type != ColumnType::kString) continue;
    FilterTest typed = only(test, type.type);
    if (typed.values.empty() || (test.kind == Kind::kBetween && typed.values.size() < 2)) continue;
    if (test.kind == Kind::kContains) typed.kind = Kind::kCompare;
    if (typed.compare == Compare::kNe) typed.compare = Compare::kEq;
    const Field value{type.kind, type.type, field.column};
    OMEN_ASSIGN_OR_RETURN(json.*type.test, bind_value_test(typed, BoundNode(), value));
    any = true;
  }
  if (!any && test.kind == Kind::kBetween) {
    return test_error(test, value_at(test, 1),
                      "between needs two values of one type, not " + value_text(test.values[0]) +
                          " and " + value_text(test.values[1]));
  }
  if (test.kind == Kind::kContains && json.of_string) {
    const Field text{Field::Kind::kColumn, ColumnType::kString, field.column};
    OMEN_ASSIGN_OR_RETURN(json.of_part, bind_value_test(test, BoundNode(), text));
  }
  if (test.kind == Kind::kContains) json.what = JsonTest::What::kContains;
  json.of_time_text = std::ranges::any_of(test.values, is_time);
  node.null_unless = std::ranges::any_of(test.values, is_null);  // of `in`
  node.negated = test.kind == Kind::kCompare && test.compare == Compare::kNe;
  return {};
}

}  // namespace

Status test_error(const FilterTest& test, size_t at, const std::string& message) {
  if (test.text != nullptr) return filter_error(*test.text, at, message);
  return {StatusCode::kInvalidFilter, message};
}

Result<LikePattern> compile_pattern(const FilterTest& test) {
  const auto* pattern = std::get_if<std::string>(&test.values[0]);
  if (pattern == nullptr) return test_error(test, value_at(test, 0), "like needs a pattern");
  std::string folded;
  if (test.kind == Kind::kILike) fold_case(*pattern, folded);
  auto compiled = LikePattern::compile(test.kind == Kind::kILike ? folded : *pattern);
  if (compiled.ok()) return compiled;
  return test_error(test, value_at(test, 0), compiled.status().message());
}

BoundNode constant(Truth truth) {
  BoundNode node;
  node.truth = truth;
  return node;
}

uint32_t cost_of(const BoundNode& node) {
  const uint32_t per_list = node.any_element ? 4 : 1;
  switch (node.op) {
    case Op::kConstant: return 0;
    case Op::kIsNull: return node.json == nullptr ? 1 : 128;
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
    case Op::kJson: return 256;
    default: break;
  }
  return 0;  // parents: the sum of their children's
}

Result<BoundNode> bind_value_test(const FilterTest& test, BoundNode node, const Field& field) {
  switch (test.kind) {
    case Kind::kIn: return bind_in(test, std::move(node), field);
    case Kind::kLike:
    case Kind::kILike: return bind_like(test, std::move(node), field);
    case Kind::kBetween: return bind_range(test, node, field);
    case Kind::kContains:
      if (!node.any_element) return bind_part(test, std::move(node), field);
      return bind_compare(test, 0, Compare::kEq, std::move(node), field);
    default: return bind_compare(test, 0, test.compare, std::move(node), field);
  }
}

Result<BoundNode> bind_json_test(const FilterTest& test, BoundNode node, const Field& field) {
  for (size_t i = 0; i < test.values.size(); ++i) OMEN_RETURN_IF_ERROR(check_value(test, i));
  const bool listed = test.kind == Kind::kIn;
  if (listed && test.values.empty()) return constant(Truth::kFalse);
  JsonTest json;
  if (field.path) json.path = *field.path;
  if (test.kind == Kind::kIsNull) {
    node.op = Op::kIsNull;
    json.what = test.of_size ? JsonTest::What::kNoArray : JsonTest::What::kNull;
  } else {
    if (!listed && is_null(test.values[0])) return constant(Truth::kNull);
    node.op = Op::kJson;
    OMEN_RETURN_IF_ERROR(test.of_size ? bind_json_size(test, field, node, json)
                                      : bind_json_values(test, field, node, json));
  }
  node.json = std::make_shared<const JsonTest>(std::move(json));
  node.cost = cost_of(node);
  return node;
}

}  // namespace omendb::filter
