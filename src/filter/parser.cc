// The grammar in omendb/filter.h. Parentheses, `and`, `or` and `not` are kept on a stack of groups
// of its own rather than on the thread's, so that a text's depth costs heap and nothing else.
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

using NodeKind = FilterNode::Kind;
using TestKind = FilterTest::Kind;

class FilterParser {
 public:
  explicit FilterParser(std::string_view text)
      : text_(std::make_shared<std::string>(text)), lexer_(*text_) {}

  Result<FilterTree> parse() {
    OMEN_RETURN_IF_ERROR(advance());
    if (token_.kind == Token::Kind::kEnd) {
      return error("the filter is empty; write true to match every point");
    }
    for (bool more = true; more;) {
      OMEN_RETURN_IF_ERROR(parse_openings());
      OMEN_RETURN_IF_ERROR(parse_test());
      OMEN_RETURN_IF_ERROR(parse_closings(more));
    }
    if (tree_.too_deep) return error(too_deep_text());
    return std::move(tree_);
  }

 private:
  /// What stands between two parentheses, or all of the text, as far as it has been read. Its
  /// finished parts lie at the end of tree_.
  struct Group {
    uint32_t ors = 0;   ///< finished operands of `or`
    uint32_t ands = 0;  ///< finished operands of `and` since the last `or`
    uint32_t nots = 0;  ///< `not`s before the operand that is being read
  };

  Status advance() {
    before_ = std::string(token_.raw);
    OMEN_ASSIGN_OR_RETURN(token_, lexer_.next());
    return {};
  }
  Status error(const std::string& message) const {
    return filter_error(*text_, token_.at, message);
  }
  Status expected(const std::string& what) const {
    const std::string after = before_.empty() ? "" : " after \"" + before_ + "\"";
    return error("expected " + what + after + ", found " + token_.described());
  }
  Status expect_symbol(std::string_view symbol) {
    if (!token_.is_symbol(symbol)) return expected("\"" + std::string(symbol) + "\"");
    return advance();
  }

  Status parse_openings();
  Status parse_closings(bool& more);
  Status parse_test();
  Status parse_operator(FilterTest& test, bool& negated);
  Status parse_in(FilterTest& test);
  Status parse_is_null(FilterTest& test, bool& negated);
  Status parse_value(FilterTest& test);
  Result<FilterValue> timestamp_value();
  Status bad_value() const;

  std::shared_ptr<std::string> text_;
  FilterLexer lexer_;
  Token token_;
  std::string before_;  // the token before, as written
  FilterTree tree_;
  std::vector<Group> groups_ = {Group()};
  uint32_t nesting_ = 0;  // open parentheses and nots
};

/// The `not`s and parentheses before a test.
Status FilterParser::parse_openings() {
  while (token_.is_word("not") || token_.is_symbol("(")) {
    if (++nesting_ >= kMaxFilterDepth) return error(too_deep_text());
    if (token_.is_symbol("(")) {
      groups_.emplace_back();
    } else {
      ++groups_.back().nots;
    }
    OMEN_RETURN_IF_ERROR(advance());
  }
  return {};
}

/// What follows an operand, up to the `and` or `or` that another one follows, or to the end.
Status FilterParser::parse_closings(bool& more) {
  for (;;) {
    Group& group = groups_.back();
    for (; group.nots > 0; --group.nots, --nesting_) tree_.join(NodeKind::kNot, 1);
    ++group.ands;
    if (token_.is_word("and")) return advance();
    if (group.ands > 1) tree_.join(NodeKind::kAnd, group.ands);
    group.ands = 0;
    ++group.ors;
    if (token_.is_word("or")) return advance();
    if (group.ors > 1) tree_.join(NodeKind::kOr, group.ors);
    if (groups_.size() == 1) break;
    OMEN_RETURN_IF_ERROR(expect_symbol(")"));
    groups_.pop_back();
    --nesting_;
  }
  if (token_.kind != Token::Kind::kEnd) {
    return error("expected and, or or the end of the filter, found " + token_.described());
  }
  more = false;
  return {};
}

Status FilterParser::parse_test() {
  if (token_.is_word("true") || token_.is_word("false")) {
    tree_.add_constant(token_.is_word("true"));
    return advance();
  }
  const bool word = token_.kind == Token::Kind::kWord;
  if (word && is_filter_keyword(token_.raw)) {
    return error("expected a column name, found the keyword " + token_.described() +
                 " (a column of that name is written in double quotes)");
  }
  if (!word && token_.kind != Token::Kind::kQuotedName) return expected("a column name");
  FilterTest test;
  test.text = text_;
  test.column = token_.text;
  test.column_at = static_cast<uint32_t>(token_.at);
  OMEN_RETURN_IF_ERROR(advance());
  bool negated = false;
  OMEN_RETURN_IF_ERROR(parse_operator(test, negated));
  tree_.add_test(std::move(test));
  if (negated) tree_.join(NodeKind::kNot, 1);
  return {};
}

Status FilterParser::parse_operator(FilterTest& test, bool& negated) {
  using Compare = Filter::Compare;
  static constexpr std::pair<std::string_view, Compare> kCompares[] = {
      {"=", Compare::kEq}, {"==", Compare::kEq}, {"!=", Compare::kNe}, {"<>", Compare::kNe},
      {"<", Compare::kLt}, {"<=", Compare::kLe}, {">", Compare::kGt},  {">=", Compare::kGe}};
  for (const auto& [symbol, compare] : kCompares) {
    if (!token_.is_symbol(symbol)) continue;
    test.kind = TestKind::kCompare;
    test.compare = compare;
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (token_.is_word("is")) return parse_is_null(test, negated);
  if (token_.is_word("not")) {
    negated = true;
    OMEN_RETURN_IF_ERROR(advance());
  }
  if (token_.is_word("in")) return parse_in(test);
  if (token_.is_word("like")) {
    test.kind = TestKind::kLike;
    OMEN_RETURN_IF_ERROR(advance());
    if (token_.kind != Token::Kind::kString) return expected("a pattern in single quotes");
    return parse_value(test);
  }
  if (token_.is_word("contains")) {
    test.kind = TestKind::kContains;
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (token_.is_word("between")) {
    test.kind = TestKind::kBetween;
    OMEN_RETURN_IF_ERROR(advance());
    OMEN_RETURN_IF_ERROR(parse_value(test));
    if (!token_.is_word("and")) return expected("and");
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (negated) return expected("in, like, between or contains");
  const bool ends = token_.kind == Token::Kind::kEnd || token_.is_word("and") ||
                    token_.is_word("or") || token_.is_symbol(")");
  if (!ends) return expected("an operator such as =, <, in, like, between or is");
  test.kind = TestKind::kCompare;  // a bool column on its own
  test.values = {true};
  test.values_at = {test.column_at};
  return {};
}

Status FilterParser::parse_in(FilterTest& test) {
  test.kind = TestKind::kIn;
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

Status FilterParser::parse_is_null(FilterTest& test, bool& negated) {
  test.kind = TestKind::kIsNull;
  OMEN_RETURN_IF_ERROR(advance());
  if (token_.is_word("not")) {
    negated = true;
    OMEN_RETURN_IF_ERROR(advance());
  }
  if (!token_.is_word("null")) return expected(negated ? "null" : "null or not null");
  return advance();
}

/// Appends one value to the test.
Status FilterParser::parse_value(FilterTest& test) {
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
  OMEN_ASSIGN_OR_RETURN(FilterTree tree, parser.parse());
  const FilterNode& root = tree.nodes.back();
  if (root.kind == FilterNode::Kind::kConstant && root.constant) return Filter();
  return Filter(std::make_shared<const FilterTree>(std::move(tree)));
}

}  // namespace omendb
