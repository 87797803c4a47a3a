// Reads JSON texts for filters: the items of an object or an array, the value to compare, and the
// values that a dotted path leads to. Nothing here recurses, so that no text can exhaust a stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::filter {

/// Walks the members of an object or the items of an array.
///
///   for (JsonItems items(text); items.next();) use(items.key(), items.value());
class JsonItems {
 public:
  /// @param text  borrowed; begins with { or [.
  explicit JsonItems(std::string_view text) : text_(text), object_(text[0] == '{') {}

  /// Moves on to the next item. @return false behind the last, or where the text is malformed.
  bool next();
  bool malformed() const { return malformed_; }
  /// Of an object's member: the key as it is written, in quotes.
  std::string_view key() const { return key_; }
  /// As it is written, without space around it.
  std::string_view value() const { return value_; }

 private:
  bool skip_space();
  bool read(std::string_view& out);

  const std::string_view text_;
  const bool object_;
  size_t at_ = 1;
  bool malformed_ = false;
  std::string_view key_;
  std::string_view value_;
};

/// A JSON value as comparisons take it.
struct JsonValue {
  enum class Kind : uint8_t {
    kNull,
    kBool,     ///< boolean
    kInt,      ///< integer
    kNatural,  ///< integer, as shifted(): past INT64_MAX
    kDouble,   ///< decimal
    kString,   ///< text
    kTime,     ///< integer, microseconds since 1970
    kArray,    ///< text, as it is written
    kObject,
  };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double decimal = 0;
  std::string_view text;
};

/// Reads one value. The objects that docs/python.md lists ("Values as JSON") are what they stand
/// for: {"$date": ...} and {"$datetime": ...} are times, {"$decimal": ...} and {"$float": ...} are
/// numbers, {"$uuid": ...} and {"$time": ...} are strings. A number that no type holds exactly is
/// the nearest double.
/// @param text     well-formed JSON without space around it.
/// @param scratch  what a string with escapes is written to; text may point into it.
JsonValue read_json_value(std::string_view text, std::string& scratch);

/// Finds what a path leads to. In an object, a path goes to the member whose name it begins with,
/// up to a dot or its end; of several, to the one with the longest name, and of equal names to the
/// last. In an array, a number goes to the item at that position, from 0; any other name goes to
/// each item that is an object.
class JsonPathFinder {
 public:
  /// @param text   JSON.
  /// @param found  emptied, then filled with values as they are written, in no order.
  /// @return false if the text is malformed where it was read.
  bool find(std::string_view text, std::string_view path, std::vector<std::string_view>& found);

 private:
  /// A value, and what of the path remains to be followed in it.
  struct Place {
    std::string_view value;
    std::string_view path;
    bool arrived = false;
  };

  bool enter_object(const Place& place);
  bool enter_array(const Place& place);
  static Place place_after(std::string_view value, std::string_view path, size_t name_size);

  std::vector<Place> open_;
  std::string scratch_;
};

/// The text without the space around it, as JSON defines space.
std::string_view trim_json(std::string_view text);

}  // namespace omendb::filter
