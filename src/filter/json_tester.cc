#include "filter/json_tester.h"

#include "filter/passes.h"
#include "filter/time.h"

namespace omendb::filter {

namespace {

using Kind = JsonValue::Kind;
using What = JsonTest::What;

Truth truth_of(bool holds) {
  return holds ? Truth::kTrue : Truth::kFalse;
}

template <class Value>
Truth pass(const std::optional<BoundNode>& node, Value value) {
  return node ? truth_of(passes(*node, value)) : Truth::kNull;
}

}  // namespace

std::optional<Truth> JsonTester::eval(const JsonTest& test, std::string_view text) {
  if (!test.path) {
    found_.assign(1, trim_json(text));
  } else if (!finder_.find(text, *test.path, found_)) {
    return std::nullopt;
  }
  if (test.what == What::kNull || test.what == What::kNoArray) {
    const bool array = test.what == What::kNoArray;
    for (const std::string_view value : found_) {
      if (array ? value.starts_with('[') : value != "null") return Truth::kFalse;
    }
    return Truth::kTrue;
  }
  Truth result = Truth::kNull;
  for (const std::string_view value : found_) {
    const Truth one = eval_value(test, value);
    if (one == Truth::kTrue) return one;
    if (one == Truth::kFalse) result = one;
  }
  return result;
}

Truth JsonTester::eval_value(const JsonTest& test, std::string_view text) {
  const JsonValue value = read_json_value(text, unescaped_);
  if (value.kind == Kind::kArray) return eval_items(test, value.text);
  if (test.what == What::kSize) return Truth::kNull;
  if (test.what != What::kContains) return eval_scalar(test, value);
  if (value.kind != Kind::kString || !test.of_part) return Truth::kNull;
  return truth_of(passes(*test.of_part, value.text, folded_));
}

Truth JsonTester::eval_items(const JsonTest& test, std::string_view array) {
  int64_t size = 0;
  for (JsonItems items(array); items.next(); ++size) {
    if (test.what == What::kSize) continue;
    const JsonValue item = read_json_value(items.value(), unescaped_);
    if (eval_scalar(test, item) == Truth::kTrue) return Truth::kTrue;
  }
  return test.what == What::kSize ? pass(test.of_int, size) : Truth::kFalse;
}

Truth JsonTester::eval_scalar(const JsonTest& test, const JsonValue& value) {
  switch (value.kind) {
    case Kind::kBool: return pass(test.of_bool, value.boolean);
    case Kind::kInt: return pass(test.of_int, value.integer);
    case Kind::kNatural: return pass(test.of_natural, value.integer);
    case Kind::kDouble: return pass(test.of_double, value.decimal);
    case Kind::kTime: return pass(test.of_time, value.integer);
    case Kind::kString: return eval_string(test, value.text);
    default: return Truth::kNull;  // null, objects, arrays in arrays
  }
}

Truth JsonTester::eval_string(const JsonTest& test, std::string_view text) {
  if (test.of_string && passes(*test.of_string, text, folded_)) return Truth::kTrue;
  if (test.of_time_text && test.of_time) {
    if (const auto micros = parse_timestamp(text); micros.ok()) return pass(test.of_time, *micros);
  }
  return test.of_string ? Truth::kFalse : Truth::kNull;
}

}  // namespace omendb::filter
