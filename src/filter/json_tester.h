// Tests of JSON columns, of a value at a time: what a JSON value is decides which test it meets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filter/bind.h"
#include "filter/json_reader.h"

namespace omendb::filter {

/// A test of the values that a path leads to. It is TRUE if it is TRUE of one of them, NULL if none
/// of them is of a type that it is about. An array is tested by its items and never NULL.
struct JsonTest {
  enum class What : uint8_t {
    kNull,      ///< there is no value but null; never NULL itself
    kNoArray,   ///< there is no array; never NULL itself
    kValue,     ///< the value, or one of the array's items
    kContains,  ///< one of the array's items, or a part of the string
    kSize,      ///< the number of the array's items
  };

  What what = What::kValue;
  std::optional<std::string> path;  ///< inside the column's values; none: they are tested

  // The test of a value of each type; none: NULL of such values.
  std::optional<BoundNode> of_bool;
  std::optional<BoundNode> of_int;  ///< also of sizes
  std::optional<BoundNode> of_natural;
  std::optional<BoundNode> of_double;
  std::optional<BoundNode> of_string;
  std::optional<BoundNode> of_time;
  bool of_time_text = false;         ///< of_time also of strings that are ISO 8601
  std::optional<BoundNode> of_part;  ///< kContains, of a string that is in no array
};

/// Runs JSON tests. For one thread.
class JsonTester {
 public:
  /// @return nothing if the text is malformed.
  std::optional<Truth> eval(const JsonTest& test, std::string_view text);

 private:
  Truth eval_value(const JsonTest& test, std::string_view text);
  Truth eval_items(const JsonTest& test, std::string_view array);
  Truth eval_scalar(const JsonTest& test, const JsonValue& value);
  Truth eval_string(const JsonTest& test, std::string_view text);

  JsonPathFinder finder_;
  std::vector<std::string_view> found_;
  std::string unescaped_;
  std::string folded_;
};

}  // namespace omendb::filter
