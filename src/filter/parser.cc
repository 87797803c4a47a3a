// Recursive descent over the grammar in omendb/filter.h.
#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "filter/lexer.h"
#include "filter/time.h"
#include "filter/tree.h"

namespace omendb {
namespace filter {

namespace {

using Kind = FilterNode::Kind;
using NodePtr = std::shared_ptr<const FilterNode>;

class FilterParser {
 public:
  explicit FilterParser(std::string_view text)
      : text_(std::make_shared<std::string>(text)), lexer_(*text_) {}

  Result<NodePtr> parse() {
    OMEN_RETURN_IF_ERROR(advance());
    if (token_.kind == Token::Kind::kEnd) {
      return error("the filter is empty; write true to match every point");
    }
    OMEN_ASSIGN_OR_RETURN(NodePtr root, parse_or());
    if (root->kind == Kind::kTooDeep) return too_deep();
    if (token_.kind != Token::Kind::kEnd) {
      return error("expected and, or or the end of the filter, found " + token_.described());
    }
    return root;
  }

 private:
  Status advance() {
    before_ = std::string(token_.raw);
    OMEN_ASSIGN_OR_RETURN(token_, lexer_.next());
    return {};
  }
  Status error(const std::string& message) const {
    return filter_error(*text_, token_.at, message);
  }
  Status too_deep() const {
    return error("the filter is nested deeper than " + std::to_string(kMaxFilterDepth) + " levels");
  }
  Status expected(const std::string& what) const {
    const std::string after = before_.empty() ? "" : " after \"" + before_ + "\"";
    return error("expected " + what + after + ", found " + token_.described());
  }
  Status expect_symbol(std::string_view symbol) {
    if (!token_.is_symbol(symbol)) return expected("\"" + std::string(symbol) + "\"");
    return advance();
  }

  Result<NodePtr> parse_or() { return parse_joined(Kind::kOr, "or"); }
  Result<NodePtr> parse_joined(Kind kind, std::string_view word);
  Result<NodePtr> parse_not();
  Result<NodePtr> parse_group();
  Result<NodePtr> parse_test();
  Status parse_operator(FilterNode& test, bool* negated);
  Status parse_in(FilterNode& test);
  Status parse_is_null(FilterNode& test, bool* negated);
  Status parse_value(FilterNode& test);
  Result<FilterValue> timestamp_value();
  Status bad_value() const;

  std::shared_ptr<std::string> text_;
  FilterLexer lexer_;
  Token token_;
  std::string before_;    // the token before, as written
  uint32_t nesting_ = 0;  // open parentheses and nots
};

/// expr "or" expr …, or expr "and" expr …, which binds tighter.
Result<NodePtr> FilterParser::parse_joined(Kind kind, std::string_view word) {
  const auto part = [&] {
    return kind == Kind::kOr ? parse_joined(Kind::kAnd, "and") : parse_not();
  };
  OMEN_ASSIGN_OR_RETURN(NodePtr first, part());
  if (!token_.is_word(word)) return first;
  std::vector<NodePtr> parts = {std::move(first)};
  while (token_.is_word(word)) {
    OMEN_RETURN_IF_ERROR(advance());
    OMEN_ASSIGN_OR_RETURN(NodePtr next, part());
    parts.push_back(std::move(next));
  }
  return join_filters(kind, std::move(parts));
}

Result<NodePtr> FilterParser::parse_not() {
  const bool opens = token_.is_word("not") || token_.is_symbol("(");
  if (!opens) return parse_test();
  if (++nesting_ >= kMaxFilterDepth) {
    return error("the filter is nested deeper than " + std::to_string(kMaxFilterDepth) + " levels");
  }
  const bool negated = token_.is_word("not");
  OMEN_RETURN_IF_ERROR(advance());
  auto result = negated ? parse_not() : parse_group();
  --nesting_;
  if (!result.ok() || !negated) return result;
  std::vector<NodePtr> child = {std::move(result).value()};
  return join_filters(Kind::kNot, std::move(child));
}

Result<NodePtr> FilterParser::parse_group() {
  OMEN_ASSIGN_OR_RETURN(NodePtr inner, parse_or());
  OMEN_RETURN_IF_ERROR(expect_symbol(")"));
  return inner;
}

Result<NodePtr> FilterParser::parse_test() {
  auto test = std::make_shared<FilterNode>();
  if (token_.is_word("true") || token_.is_word("false")) {
    test->constant = token_.is_word("true");
    OMEN_RETURN_IF_ERROR(advance());
    return NodePtr(test);
  }
  const bool word = token_.kind == Token::Kind::kWord;
  if (word && is_filter_keyword(token_.raw)) {
    return error("expected a column name, found the keyword " + token_.described() +
                 " (a column of that name is written in double quotes)");
  }
  if (!word && token_.kind != Token::Kind::kQuotedName) return expected("a column name");
  test->text = text_;
  test->column = token_.text;
  test->column_at = static_cast<uint32_t>(token_.at);
  OMEN_RETURN_IF_ERROR(advance());
  bool negated = false;
  OMEN_RETURN_IF_ERROR(parse_operator(*test, &negated));
  if (!negated) return NodePtr(test);
  std::vector<NodePtr> child = {std::move(test)};
  return join_filters(Kind::kNot, std::move(child));
}

Status FilterParser::parse_operator(FilterNode& test, bool* negated) {
  using Compare = Filter::Compare;
  static constexpr std::pair<std::string_view, Compare> kCompares[] = {
      {"=", Compare::kEq}, {"==", Compare::kEq}, {"!=", Compare::kNe}, {"<>", Compare::kNe},
      {"<", Compare::kLt}, {"<=", Compare::kLe}, {">", Compare::kGt},  {">=", Compare::kGe}};
  for (const auto& [symbol, compare] : kCompares) {
    if (!token_.is_symbol(symbol)) continue;
    test.kind = Kind::kCompare;
    test.compare = compare;
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (token_.is_word("is")) return parse_is_null(test, negated);
  if (token_.is_word("not")) {
    *negated = true;
    OMEN_RETURN_IF_ERROR(advance());
  }
  if (token_.is_word("in")) return parse_in(test);
  if (token_.is_word("like")) {
    test.kind = Kind::kLike;
    OMEN_RETURN_IF_ERROR(advance());
    if (token_.kind != Token::Kind::kString) return expected("a pattern in single quotes");
    return parse_value(test);
  }
  if (token_.is_word("contains")) {
    test.kind = Kind::kContains;
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (token_.is_word("between")) {
    test.kind = Kind::kBetween;
    OMEN_RETURN_IF_ERROR(advance());
    OMEN_RETURN_IF_ERROR(parse_value(test));
    if (!token_.is_word("and")) return expected("and");
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (*negated) return expected("in, like, between or contains");
  const bool ends = token_.kind == Token::Kind::kEnd || token_.is_word("and") ||
                    token_.is_word("or") || token_.is_symbol(")");
  if (!ends) return expected("an operator such as =, <, in, like, between or is");
  test.kind = Kind::kCompare;  // a bool column on its own
  test.values = {true};
  test.values_at = {test.column_at};
  return {};
}

Status FilterParser::parse_in(FilterNode& test) {
  test.kind = Kind::kIn;
  OMEN_RETURN_IF_ERROR(advance());
  OMEN_RETURN_IF_ERROR(expect_symbol("("));
  if (token_.is_symbol(")")) return advance();
  for (;;) {
    OMEN_RETURN_IF_ERROR(parse_value(test));
    if (token_.is_symbol(")")) return advance();
    if (!token_.is_symbol(",")) return expected("\",\" or \")\"");
    OMEN_RETURN_IF_ERROR(advance());
  }
}

Status FilterParser::parse_is_null(FilterNode& test, bool* negated) {
  test.kind = Kind::kIsNull;
  OMEN_RETURN_IF_ERROR(advance());
  if (token_.is_word("not")) {
    *negated = true;
    OMEN_RETURN_IF_ERROR(advance());
  }
  if (!token_.is_word("null")) return expected(*negated ? "null" : "null or not null");
  return advance();
}

/// Appends one value to the test.
Status FilterParser::parse_value(FilterNode& test) {
  test.values_at.push_back(static_cast<uint32_t>(token_.at));
  FilterValue value;
  if (token_.kind == Token::Kind::kInteger) {
    value = token_.integer;
  } else if (token_.kind == Token::Kind::kDecimal) {
    value = token_.decimal;
  } else if (token_.kind == Token::Kind::kString) {
    value = token_.text;
  } else if (token_.is_word("true") || token_.is_word("false")) {
    value = token_.is_word("true");
  } else if (token_.is_word("null")) {
    value = nullptr;
  } else if (token_.is_word("inf")) {
    value = std::numeric_limits<double>::infinity();
  } else if (token_.is_word("nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (token_.is_word("timestamp")) {
    OMEN_RETURN_IF_ERROR(advance());
    OMEN_ASSIGN_OR_RETURN(value, timestamp_value());
    test.values_at.back() = static_cast<uint32_t>(token_.at);
  } else {
    return bad_value();
  }
  test.values.push_back(std::move(value));
  return advance();
}

Result<FilterValue> FilterParser::timestamp_value() {
  if (token_.kind != Token::Kind::kString) return expected("an ISO 8601 time in single quotes");
  const auto micros = parse_timestamp(token_.text);
  if (!micros.ok()) return error(micros.status().message());
  return FilterValue(token_.text);
}

Status FilterParser::bad_value() const {
  const bool name = token_.kind == Token::Kind::kQuotedName ||
                    (token_.kind == Token::Kind::kWord && !is_filter_keyword(token_.raw));
  std::string message = "expected a value after \"" + before_ + "\", found " + token_.described();
  if (name) message += "; strings are written in single quotes: " + value_text(token_.text);
  return error(message);
}

}  // namespace
}  // namespace filter

Result<Filter> Filter::parse(std::string_view text) {
  if (text.size() > kMaxFilterBytes) {
    return Status(StatusCode::kLimitExceeded, "the filter has " + std::to_string(text.size()) +
                                                  " bytes; at most " +
                                                  std::to_string(kMaxFilterBytes) + " are allowed");
  }
  const size_t valid = utf8_valid_prefix(text);
  if (valid != text.size()) {
    return filter::filter_error(text.substr(0, valid), valid,
                                "the filter is not valid UTF-8 from here on");
  }
  filter::FilterParser parser(text);
  OMEN_ASSIGN_OR_RETURN(auto root, parser.parse());
  if (root->kind == FilterNode::Kind::kConstant && root->constant) return Filter();
  return Filter(std::move(root));
}

}  // namespace omendb
