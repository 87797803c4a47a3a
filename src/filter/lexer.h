// Splits a filter's text into tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "omendb/status.h"

namespace omendb::filter {

struct Token {
  enum class Kind : uint8_t {
    kEnd,
    kWord,
    kQuotedName,
    kString,
    kInteger,
    kNatural,
    kDecimal,
    kSymbol
  };

  Kind kind = Kind::kEnd;
  size_t at = 0;         ///< where it begins in the text
  std::string_view raw;  ///< as written
  std::string text;      ///< of names and strings: without quotes
  int64_t integer = 0;
  uint64_t natural = 0;  ///< of integers past INT64_MAX
  double decimal = 0;

  bool is_symbol(std::string_view symbol) const { return kind == Kind::kSymbol && raw == symbol; }
  /// Whether this is that keyword; `word` in lower case.
  bool is_word(std::string_view word) const;
  /// `">"`, or `the end of the filter`.
  std::string described() const;
};

class FilterLexer {
 public:
  /// @param text  borrowed; at most kMaxFilterBytes of valid UTF-8.
  explicit FilterLexer(std::string_view text) : text_(text) {}

  /// @error kInvalidFilter for a character that begins nothing, an unterminated string or a number
  ///        that is malformed or out of range.
  Result<Token> next();

 private:
  Result<Token> quoted(char quote, Token::Kind kind);
  Result<Token> number();
  Result<Token> word();
  Result<Token> symbol();
  Token token(Token::Kind kind, size_t begin) const;
  char peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool is_number_next() const;

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace omendb::filter
