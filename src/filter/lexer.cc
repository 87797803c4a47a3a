#include "filter/lexer.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "base/utf8.h"
#include "filter/tree.h"

namespace omendb::filter {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
/// Letters beyond ASCII are letters too: any UTF-8 may stand in a plain name.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
}

}  // namespace

bool Token::is_word(std::string_view word) const {
  return kind == Kind::kWord && equals_word(raw, word);
}

std::string Token::described() const {
  constexpr size_t kShown = 40;
  if (kind == Kind::kEnd) return "the end of the filter";
  std::string_view shown = raw.substr(0, kShown);
  while (shown.size() < raw.size() && (static_cast<uint8_t>(raw[shown.size()]) & 0xC0) == 0x80) {
    shown.remove_suffix(1);
  }
  const char* dots = shown.size() < raw.size() ? "..." : "";
  if (kind == Kind::kString || kind == Kind::kQuotedName) return std::string(shown) + dots;
  return "\"" + std::string(shown) + dots + "\"";
}

Token FilterLexer::token(Token::Kind kind, size_t begin) const {
  Token token;
  token.kind = kind;
  token.at = begin;
  token.raw = text_.substr(begin, at_ - begin);
  return token;
}

bool FilterLexer::is_number_next() const {
  const size_t sign = peek(0) == '-' || peek(0) == '+' ? 1 : 0;
  if (is_digit(peek(sign)) || (peek(sign) == '.' && is_digit(peek(sign + 1)))) return true;
  return sign == 1 && equals_word(text_.substr(at_ + 1, 3), "inf");
}

Result<Token> FilterLexer::next() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  if (at_ == text_.size()) return token(Token::Kind::kEnd, at_);
  const char c = text_[at_];
  if (c == '\'') return quoted(c, Token::Kind::kString);
  if (c == '"') return quoted(c, Token::Kind::kQuotedName);
  if (is_number_next()) return number();
  if (is_letter(c)) return word();
  return symbol();
}

Result<Token> FilterLexer::quoted(char quote, Token::Kind kind) {
  const size_t begin = at_++;
  std::string content;
  for (;;) {
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      return filter_error(text_, begin,
                          kind == Token::Kind::kString
                              ? "this string has no closing ' (a ' inside a string is written '')"
                              : "this quoted name has no closing \"");
    }
    content += text_.substr(at_, end - at_);
    at_ = end + 1;
    if (peek(0) != quote) break;
    content += quote;
    ++at_;
  }
  Token quoted = token(kind, begin);
  quoted.text = std::move(content);
  return quoted;
}

Result<Token> FilterLexer::number() {
  const size_t begin = at_;
  if (!is_digit(peek(0)) && peek(0) != '.') ++at_;  // the sign
  if (lower(peek(0)) == 'i') {
    at_ += 3;
  } else {
    while (is_digit(peek(0))) ++at_;
    if (peek(0) == '.') ++at_;
    while (is_digit(peek(0))) ++at_;
    if (lower(peek(0)) == 'e') {
      at_ += peek(1) == '-' || peek(1) == '+' ? 2 : 1;
      while (is_digit(peek(0))) ++at_;
    }
  }
  const bool trailing = is_letter(peek(0)) || is_digit(peek(0)) || peek(0) == '.';
  while (is_letter(peek(0)) || is_digit(peek(0)) || peek(0) == '.') ++at_;
  Token number = token(Token::Kind::kInteger, begin);
  if (trailing) return filter_error(text_, begin, number.described() + " is not a number");

  std::string_view digits = number.raw;
  if (digits.front() == '+') digits.remove_prefix(1);
  if (number.raw.find_first_of(".eEiI") == std::string_view::npos) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number.integer);
    if (error == std::errc()) return number;
    const auto natural =
        std::from_chars(digits.data(), digits.data() + digits.size(), number.natural);
    if (natural.ec == std::errc()) {
      number.kind = Token::Kind::kNatural;
      return number;
    }
    return filter_error(text_, begin,
                        number.described() + " is out of range; integers have 64 bits");
  }
  number.kind = Token::Kind::kDecimal;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number.decimal);
  if (error == std::errc::result_out_of_range) {
    return filter_error(text_, begin,
                        number.described() + " is out of range; decimals are 64-bit floats");
  }
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return filter_error(text_, begin, number.described() + " is not a number");
  }
  return number;
}

Result<Token> FilterLexer::word() {
  const size_t begin = at_;
  const auto in_name = [](char c) { return is_letter(c) || is_digit(c); };
  while (in_name(peek(0)) || (peek(0) == '.' && in_name(peek(1)))) ++at_;  // author.name
  Token word = token(Token::Kind::kWord, begin);
  word.text = word.raw;
  return word;
}

Result<Token> FilterLexer::symbol() {
  const size_t begin = at_;
  for (const std::string_view symbol :
       {"==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","}) {
    if (!text_.substr(at_).starts_with(symbol)) continue;
    at_ += symbol.size();
    return token(Token::Kind::kSymbol, begin);
  }
  const char c = text_[at_];
  std::string hint;
  if (c == '-' || c == '.') hint = "; a name that holds one is quoted: \"my-column\"";
  if (c == '&') hint = "; write and";
  if (c == '|') hint = "; write or";
  if (c == '!') hint = "; write not, or !=";
  std::string shown = static_cast<uint8_t>(c) < 0x20
                          ? "control character " + std::to_string(static_cast<int>(c))
                          : "\"" + std::string(1, c) + "\"";
  return filter_error(text_, begin, "unexpected " + shown + hint);
}

}  // namespace omendb::filter
