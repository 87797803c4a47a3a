#include "column/json.h"

#include <bitset>
#include <cstdint>

#include "omendb/types.h"

namespace omendb::column {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Four hexadecimal digits, or -1.
int32_t hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const int32_t digit = is_digit(c)            ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

class Scanner {
 public:
  Scanner(std::string_view text, size_t at) : text_(text), at_(at) {}

  std::optional<JsonFault> scan_value();
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  size_t at() const { return at_; }

 private:
  /// What may come next.
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kSeparator };

  std::optional<JsonFault> fault(const char* what) const { return JsonFault{at_, what}; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::optional<JsonFault> open(bool object);
  void close() {
    --depth_;
    expect_ = Expect::kSeparator;
  }
  std::optional<JsonFault> scan_item();
  std::optional<JsonFault> scan_key();
  std::optional<JsonFault> scan_separator();
  std::optional<JsonFault> scan_string();
  std::optional<JsonFault> scan_escape();
  std::optional<JsonFault> scan_number();
  bool skip_digits();

  const std::string_view text_;
  size_t at_;
  Expect expect_ = Expect::kValue;
  size_t depth_ = 0;
  std::bitset<kMaxJsonDepth> objects_;  // which of the open levels are objects
};

std::optional<JsonFault> Scanner::scan_value() {
  do {
    skip_space();
    std::optional<JsonFault> bad;
    switch (expect_) {
      case Expect::kValue:
      case Expect::kValueOrEnd: bad = scan_item(); break;
      case Expect::kKey:
      case Expect::kKeyOrEnd: bad = scan_key(); break;
      case Expect::kSeparator: bad = scan_separator(); break;
    }
    if (bad) return bad;
  } while (depth_ > 0);
  return {};
}

std::optional<JsonFault> Scanner::open(bool object) {
  if (depth_ == kMaxJsonDepth) return fault("is nested too deeply");
  objects_[depth_++] = object;
  expect_ = object ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return {};
}

std::optional<JsonFault> Scanner::scan_item() {
  if (expect_ == Expect::kValueOrEnd && take(']')) {
    close();
    return {};
  }
  if (take('{')) return open(true);
  if (take('[')) return open(false);
  expect_ = Expect::kSeparator;
  if (at_ < text_.size() && text_[at_] == '"') return scan_string();
  if (at_ < text_.size() && (text_[at_] == '-' || is_digit(text_[at_]))) return scan_number();
  if (take("true") || take("false") || take("null")) return {};
  return fault("lacks a value");
}

std::optional<JsonFault> Scanner::scan_key() {
  if (expect_ == Expect::kKeyOrEnd && take('}')) {
    close();
    return {};
  }
  if (at_ >= text_.size() || text_[at_] != '"') return fault("lacks a key in double quotes");
  if (auto bad = scan_string()) return bad;
  skip_space();
  if (!take(':')) return fault("lacks a colon after a key");
  expect_ = Expect::kValue;
  return {};
}

std::optional<JsonFault> Scanner::scan_separator() {
  const bool object = objects_[depth_ - 1];
  if (take(',')) {
    expect_ = object ? Expect::kKey : Expect::kValue;
    return {};
  }
  if (!take(object ? '}' : ']')) {
    return fault(object ? "lacks a comma or } after a member" : "lacks a comma or ] after an item");
  }
  close();
  return {};
}

std::optional<JsonFault> Scanner::scan_string() {
  ++at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return {};
    }
    if (static_cast<uint8_t>(c) < 0x20) return fault("has a control character in a string");
    if (c != '\\') {
      ++at_;
    } else if (auto bad = scan_escape()) {
      return bad;
    }
  }
  return fault("ends inside a string");
}

std::optional<JsonFault> Scanner::scan_escape() {
  const std::string_view rest = text_.substr(at_);
  if (rest.size() < 2) return fault("ends inside a string");
  if (rest[1] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(rest[1]) == std::string_view::npos) {
      return fault("has an unknown escape");
    }
    at_ += 2;
    return {};
  }
  const int32_t unit = hex4(rest.substr(2));
  if (unit < 0) return fault("has a malformed \\u escape");
  if (unit < 0xD800 || unit > 0xDFFF) {
    at_ += 6;
    return {};
  }
  const bool has_low = unit <= 0xDBFF && rest.size() >= 12 && rest.substr(6, 2) == "\\u";
  const int32_t low = has_low ? hex4(rest.substr(8)) : -1;
  if (low < 0xDC00 || low > 0xDFFF) return fault("escapes half a surrogate pair");
  at_ += 12;
  return {};
}

bool Scanner::skip_digits() {
  const size_t before = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > before;
}

std::optional<JsonFault> Scanner::scan_number() {
  take('-');
  if (!take('0') && !skip_digits()) return fault("has a malformed number");
  if (take('.') && !skip_digits()) return fault("has a malformed number");
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (!skip_digits()) return fault("has a malformed number");
  }
  return {};
}

}  // namespace

std::optional<JsonFault> skip_json_value(std::string_view text, size_t& at) {
  Scanner scanner(text, at);
  auto bad = scanner.scan_value();
  if (!bad) at = scanner.at();
  return bad;
}

std::optional<JsonFault> check_json(std::string_view text) {
  Scanner scanner(text, 0);
  if (auto bad = scanner.scan_value()) return bad;
  scanner.skip_space();
  if (scanner.at() < text.size()) return JsonFault{scanner.at(), "goes on after its value"};
  return {};
}

}  // namespace omendb::column
