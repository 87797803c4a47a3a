// Parses the grammar in omendb/filter.h. Keeps parentheses, `and`, `or` and `not` on a stack of
// groups on the heap, so that a deep text does not need more of the thread's stack.
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
  /// The text between two parentheses, or the whole text, as far as it has been read. Its finished
  /// parts are at the end of tree_.
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
  Status parse_size(FilterTest& test);
  Status parse_operator(FilterTest& test, bool negated);
  Status parse_in(FilterTest& test);
  Status parse_list(FilterTest& test);
  Status parse_is(FilterTest test);
  Status parse_truth(const std::string& wanted);
  Status parse_contains(FilterTest test, bool negated);
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
    if (token_.is_word("is")) {
      OMEN_RETURN_IF_ERROR(advance());
      OMEN_RETURN_IF_ERROR(parse_truth("true, false, not true or not false"));
    }
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
  const Token column = token_;
  FilterTest test;
  test.text = text_;
  test.column = token_.text;
  test.column_at = static_cast<uint32_t>(token_.at);
  OMEN_RETURN_IF_ERROR(advance());
  if (word && token_.is_symbol("(") && column.is_word("size")) {
    OMEN_RETURN_IF_ERROR(parse_size(test));
  }
  if (token_.is_word("is")) return parse_is(std::move(test));
  bool negated = false;
  if (token_.is_word("not")) {
    negated = true;
    OMEN_RETURN_IF_ERROR(advance());
  }
  if (token_.is_word("contains")) return parse_contains(std::move(test), negated);
  OMEN_RETURN_IF_ERROR(parse_operator(test, negated));
  tree_.add_test(std::move(test));
  if (negated) tree_.join(NodeKind::kNot, 1);
  return {};
}

/// What follows the word `size` and is its column.
Status FilterParser::parse_size(FilterTest& test) {
  OMEN_RETURN_IF_ERROR(advance());
  const bool name = token_.kind == Token::Kind::kQuotedName ||
                    (token_.kind == Token::Kind::kWord && !is_filter_keyword(token_.raw));
  if (!name) return expected("a column name");
  test.of_size = true;
  test.column = token_.text;
  test.column_at = static_cast<uint32_t>(token_.at);
  OMEN_RETURN_IF_ERROR(advance());
  return expect_symbol(")");
}

/// column is [not] null, or of a bool column is [not] true or false.
Status FilterParser::parse_is(FilterTest test) {
  OMEN_RETURN_IF_ERROR(advance());
  Token after = token_;
  const bool negated = token_.is_word("not");
  if (negated) {
    OMEN_ASSIGN_OR_RETURN(after, FilterLexer(lexer_).next());
  }
  if (!after.is_word("true") && !after.is_word("false")) {
    if (negated) OMEN_RETURN_IF_ERROR(advance());
    if (!token_.is_word("null")) {
      return expected(negated ? "null, true or false" : "null, true, false or not");
    }
    test.kind = TestKind::kIsNull;
    tree_.add_test(std::move(test));
    if (negated) tree_.join(NodeKind::kNot, 1);
    return advance();
  }
  test.kind = TestKind::kCompare;
  test.values = {true};
  test.values_at = {test.column_at};
  tree_.add_test(std::move(test));
  return parse_truth("true or false");
}

/// [not] true or false, of the subtree that was read last.
Status FilterParser::parse_truth(const std::string& wanted) {
  const bool negated = token_.is_word("not");
  if (negated) OMEN_RETURN_IF_ERROR(advance());
  const bool is_false = token_.is_word("false");
  if (!is_false && !token_.is_word("true")) return expected(negated ? "true or false" : wanted);
  if (is_false) tree_.join(NodeKind::kNot, 1);
  tree_.join(NodeKind::kIsTrue, 1);
  if (negated) tree_.join(NodeKind::kNot, 1);
  return advance();
}

/// contains value, or contains any or all of (values), which is an `or` or an `and` of the former.
Status FilterParser::parse_contains(FilterTest test, bool negated) {
  if (test.of_size) return error("contains tests elements; size(...) is a number");
  test.kind = TestKind::kContains;
  OMEN_RETURN_IF_ERROR(advance());
  const bool any = token_.is_word("any");
  if (any || token_.is_word("all")) {
    OMEN_RETURN_IF_ERROR(advance());
    OMEN_RETURN_IF_ERROR(expect_symbol("("));
    if (token_.is_symbol(")")) return expected("a value");
    OMEN_RETURN_IF_ERROR(parse_list(test));
  } else {
    OMEN_RETURN_IF_ERROR(parse_value(test));
  }
  const std::vector<FilterValue> values = std::move(test.values);
  const std::vector<uint32_t> values_at = std::move(test.values_at);
  for (size_t i = 0; i < values.size(); ++i) {
    FilterTest one = test;
    one.values = {values[i]};
    one.values_at = {values_at[i]};
    tree_.add_test(std::move(one));
  }
  const auto tests = static_cast<uint32_t>(values.size());
  if (tests > 1) tree_.join(any ? NodeKind::kOr : NodeKind::kAnd, tests);
  if (negated) tree_.join(NodeKind::kNot, 1);
  return {};
}

Status FilterParser::parse_operator(FilterTest& test, bool negated) {
  using Compare = Filter::Compare;
  static constexpr std::pair<std::string_view, Compare> kCompares[] = {
      {"=", Compare::kEq}, {"==", Compare::kEq}, {"!=", Compare::kNe}, {"<>", Compare::kNe},
      {"<", Compare::kLt}, {"<=", Compare::kLe}, {">", Compare::kGt},  {">=", Compare::kGe}};
  for (const auto& [symbol, compare] : kCompares) {
    if (negated || !token_.is_symbol(symbol)) continue;
    test.kind = TestKind::kCompare;
    test.compare = compare;
    OMEN_RETURN_IF_ERROR(advance());
    return parse_value(test);
  }
  if (token_.is_word("in")) return parse_in(test);
  if (token_.is_word("like") || token_.is_word("ilike")) {
    if (test.of_size) return error("like tests strings; size(...) is a number");
    test.kind = token_.is_word("like") ? TestKind::kLike : TestKind::kILike;
    OMEN_RETURN_IF_ERROR(advance());
    if (token_.kind != Token::Kind::kString) return expected("a pattern in single quotes");
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
  if (negated) return expected("in, like, ilike, between or contains");
  const bool ends = token_.kind == Token::Kind::kEnd || token_.is_word("and") ||
                    token_.is_word("or") || token_.is_symbol(")");
  if (!ends || test.of_size) return expected("an operator such as =, <, in, like, between or is");
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
  return parse_list(test);
}

/// value, value, …)
Status FilterParser::parse_list(FilterTest& test) {
  for (;;) {
    OMEN_RETURN_IF_ERROR(parse_value(test));
    if (token_.is_symbol(")")) return advance();
    if (!token_.is_symbol(",")) return expected("\",\" or \")\"");
    OMEN_RETURN_IF_ERROR(advance());
  }
}

/// Appends one value to the test.
Status FilterParser::parse_value(FilterTest& test) {
  test.values_at.push_back(static_cast<uint32_t>(token_.at));
  FilterValue value;
  if (token_.kind == Token::Kind::kInteger) {
    value = token_.integer;
  } else if (token_.kind == Token::Kind::kNatural) {
    value = token_.natural;
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
  return FilterValue(FilterTime{*micros});
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
