#include "filter/json_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/utf8.h"
#include "filter/number.h"
#include "filter/time.h"

namespace omendb::filter {

namespace {

uint32_t hex4(std::string_view digits) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

/// The character that a \u escape writes. `rest` begins behind its backslash and is moved past the
/// escape. Surrogates come in pairs: check_json() has refused all others.
uint32_t read_unicode_escape(std::string_view& rest) {
  uint32_t character = hex4(rest.substr(1, 4));
  rest.remove_prefix(std::min<size_t>(5, rest.size()));
  if (character >= 0xD800 && character < 0xDC00 && rest.size() >= 6) {
    character = 0x10000 + ((character - 0xD800) << 10) + (hex4(rest.substr(2, 4)) - 0xDC00);
    rest.remove_prefix(6);
  }
  return character;
}

/// The content of a string that is written in quotes.
std::string_view unquoted(std::string_view written, std::string& scratch) {
  std::string_view rest = written.substr(1, written.size() - 2);
  if (rest.find('\\') == std::string_view::npos) return rest;
  scratch.clear();
  while (!rest.empty()) {
    const size_t plain = std::min(rest.find('\\'), rest.size());
    scratch += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.size() < 2) break;
    rest.remove_prefix(1);
    if (rest[0] == 'u') {
      append_utf8(scratch, read_unicode_escape(rest));
      continue;
    }
    constexpr std::string_view kLetters = "bfnrt", kMeant = "\b\f\n\r\t";
    const size_t letter = kLetters.find(rest[0]);
    scratch += letter == std::string_view::npos ? rest[0] : kMeant[letter];
    rest.remove_prefix(1);
  }
  return scratch;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool ends_scalar(char c) {
  return c == ',' || c == '}' || c == ']' || is_space(c);
}

/// Where the string that begins at `at` ends; npos if it does not.
size_t string_end(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

/// Where the value that begins at `at` ends; npos if the text ends first. It looks at strings and
/// brackets alone: the text was checked when it was stored (column/json.h).
size_t value_end(std::string_view text, size_t at) {
  for (size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
      ++at;
    } else if (depth > 0) {
      ++at;
    } else {
      while (at < text.size() && !ends_scalar(text[at])) ++at;
    }
    if (depth == 0) return at;
  }
  return std::string_view::npos;
}

JsonValue value_of(JsonValue::Kind kind) {
  JsonValue value;
  value.kind = kind;
  return value;
}

JsonValue string_value(std::string_view text) {
  JsonValue value = value_of(JsonValue::Kind::kString);
  value.text = text;
  return value;
}

/// JSON's numbers, and the names of infinities and NaN, which JSON lacks.
std::optional<JsonValue> read_number(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  JsonValue value = value_of(JsonValue::Kind::kInt);
  if (const auto [stop, error] = std::from_chars(begin, end, value.integer);
      error == std::errc() && stop == end) {
    return value;
  }
  uint64_t natural = 0;
  if (const auto [stop, error] = std::from_chars(begin, end, natural);
      error == std::errc() && stop == end) {
    value.kind = JsonValue::Kind::kNatural;
    value.integer = shifted(natural);
    return value;
  }
  value.kind = JsonValue::Kind::kDouble;
  const auto [stop, error] = std::from_chars(begin, end, value.decimal);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large, or too near to 0
    const size_t e = text.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && text.substr(e + 1, 1) == "-";
    value.decimal = tiny ? 0 : std::numeric_limits<double>::infinity();
    if (text[0] == '-') value.decimal = -value.decimal;
  }
  return value;
}

/// The value of an object that the Python module writes for a value that JSON cannot express.
std::optional<JsonValue> read_tagged(std::string_view text, std::string& scratch) {
  JsonItems items(text);
  if (!items.next() || !items.key().starts_with("\"$") || items.value()[0] != '"') return {};
  const std::string_view tag = items.key().substr(2, items.key().size() - 3);
  const std::string_view written = items.value();
  if (items.next() || items.malformed()) return {};
  const std::string_view content = unquoted(written, scratch);
  if (tag == "uuid" || tag == "time") return string_value(content);
  if (tag == "decimal" || tag == "float") return read_number(content);
  if (tag != "date" && tag != "datetime") return {};
  const auto micros = parse_timestamp(content);
  if (!micros.ok()) return {};
  JsonValue time = value_of(JsonValue::Kind::kTime);
  time.integer = *micros;
  return time;
}

bool starts_with_name(std::string_view path, std::string_view name) {
  return path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '.');
}

}  // namespace

std::string_view trim_json(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool JsonItems::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size();
}

bool JsonItems::read(std::string_view& out) {
  if (!skip_space()) return false;
  const size_t begin = at_;
  at_ = value_end(text_, at_);
  if (at_ == std::string_view::npos) at_ = text_.size();
  out = text_.substr(begin, at_ - begin);
  return at_ > begin && at_ < text_.size();  // something closes the object or array
}

bool JsonItems::next() {
  if (malformed_ || !skip_space()) {
    malformed_ = true;
    return false;
  }
  if (text_[at_] == '}' || text_[at_] == ']') return false;
  if (text_[at_] == ',') ++at_;
  malformed_ = true;  // until this item has been read
  if (object_) {
    if (!read(key_) || key_[0] != '"' || !skip_space() || text_[at_] != ':') return false;
    ++at_;
  }
  malformed_ = !read(value_);
  return !malformed_;
}

JsonValue read_json_value(std::string_view text, std::string& scratch) {
  if (text.empty()) return {};
  switch (text[0]) {
    case 'n': return {};
    case 't':
    case 'f': {
      JsonValue value = value_of(JsonValue::Kind::kBool);
      value.boolean = text[0] == 't';
      return value;
    }
    case '"': return string_value(unquoted(text, scratch));
    case '[': {
      JsonValue value = value_of(JsonValue::Kind::kArray);
      value.text = text;
      return value;
    }
    case '{': return read_tagged(text, scratch).value_or(value_of(JsonValue::Kind::kObject));
    default: return read_number(text).value_or(JsonValue());
  }
}

JsonPathFinder::Place JsonPathFinder::place_after(std::string_view value, std::string_view path,
                                                  size_t name_size) {
  if (name_size == path.size()) return {value, {}, true};
  return {value, path.substr(name_size + 1)};
}

bool JsonPathFinder::find(std::string_view text, std::string_view path,
                          std::vector<std::string_view>& found) {
  found.clear();
  open_.clear();
  open_.push_back({trim_json(text), path});
  while (!open_.empty()) {
    const Place place = open_.back();
    open_.pop_back();
    if (place.value.empty()) return false;
    if (place.arrived) {
      found.push_back(place.value);
    } else if (place.value[0] == '{') {
      if (!enter_object(place)) return false;
    } else if (place.value[0] == '[') {
      if (!enter_array(place)) return false;
    }
  }
  return true;
}

bool JsonPathFinder::enter_object(const Place& place) {
  std::optional<Place> next;
  size_t longest = 0, members = 0;
  JsonItems items(place.value);
  for (; items.next(); ++members) {
    const std::string_view name = unquoted(items.key(), scratch_);
    if (!starts_with_name(place.path, name) || (next && name.size() < longest)) continue;
    longest = name.size();
    next = place_after(items.value(), place.path, name.size());
  }
  if (items.malformed()) return false;
  // A dict of one key that begins with $ is kept with one $ more.
  if (members == 1 && !next && items.key().starts_with("\"$$")) {
    const std::string_view name = unquoted(items.key(), scratch_).substr(1);
    if (starts_with_name(place.path, name)) {
      next = place_after(items.value(), place.path, name.size());
    }
  }
  if (next) open_.push_back(*next);
  return true;
}

bool JsonPathFinder::enter_array(const Place& place) {
  const size_t name_size = std::min(place.path.find('.'), place.path.size());
  const std::string_view name = place.path.substr(0, name_size);
  uint64_t position = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name_size, position);
  const bool by_position = error == std::errc() && stop == name.data() + name_size;
  JsonItems items(place.value);
  for (uint64_t i = 0; items.next(); ++i) {
    if (by_position && i == position) {
      open_.push_back(place_after(items.value(), place.path, name_size));
      return true;
    }
    if (!by_position && items.value()[0] == '{') open_.push_back({items.value(), place.path});
  }
  return !items.malformed();
}

}  // namespace omendb::filter
