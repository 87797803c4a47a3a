// Writes filters as canonical text, and errors that show their place in the text.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "filter/time.h"
#include "filter/tree.h"

namespace omendb {
namespace filter {

namespace {

constexpr std::array<std::string_view, 11> kKeywords = {
    "and", "or", "not", "in", "like", "between", "is", "null", "contains", "true", "false"};

bool is_continuation(char c) {
  return (static_cast<uint8_t>(c) & 0xC0) == 0x80;
}

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out += quote;
}

std::string double_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";  // stays a decimal
  return text;
}

}  // namespace

bool is_filter_keyword(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::ranges::find(kKeywords, lower) != kKeywords.end();
}

Status filter_error(std::string_view text, size_t at, std::string_view message) {
  constexpr size_t kBefore = 60, kAfter = 40;  // of a long line, only what is near is shown
  at = std::min(at, text.size());
  const size_t last_newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const size_t line_begin = last_newline == std::string_view::npos ? 0 : last_newline + 1;
  const size_t line_end = std::min(text.find('\n', at), text.size());
  const auto line_number = 1 + std::ranges::count(text.substr(0, line_begin), '\n');

  size_t begin = at - std::min(at - line_begin, kBefore);
  while (begin < at && is_continuation(text[begin])) ++begin;
  size_t end = at + std::min(line_end - at, kAfter);
  while (end < line_end && end > at && is_continuation(text[end])) --end;
  const std::string_view dots_before = begin > line_begin ? "..." : "";
  const std::string_view dots_after = end < line_end ? "..." : "";

  std::string shown(text.substr(begin, end - begin));
  for (char& c : shown) {
    if (static_cast<uint8_t>(c) < 0x20) c = ' ';
  }
  std::string out;
  if (line_number > 1) out += "line " + std::to_string(line_number) + ", ";
  out += "column " +
         std::to_string(count_characters(text.substr(line_begin, at - line_begin)) + 1) + ": ";
  out += message;
  out += "\n  ";
  out += dots_before;
  out += shown;
  out += dots_after;
  out += "\n  ";
  out.append(dots_before.size() + count_characters(text.substr(begin, at - begin)), ' ');
  out += '^';
  return {StatusCode::kInvalidFilter, std::move(out)};
}

std::string value_text(const FilterValue& value) {
  struct Writer {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return double_text(v); }
    std::string operator()(const std::string& v) const { return quoted(v, '\''); }
    std::string operator()(uint64_t v) const { return std::to_string(v); }
    std::string operator()(FilterTime v) const {
      return "timestamp " + quoted(format_timestamp(v.micros), '\'');
    }
  };
  return std::visit(Writer(), value);
}

std::string column_text(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool plain = !name.empty() && is_letter(name[0]) &&
                     std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); });
  return plain && !is_filter_keyword(name) ? std::string(name) : quoted(name, '"');
}

namespace {

std::string_view compare_text(Filter::Compare compare) {
  switch (compare) {
    case Filter::Compare::kEq: return "=";
    case Filter::Compare::kNe: return "!=";
    case Filter::Compare::kLt: return "<";
    case Filter::Compare::kLe: return "<=";
    case Filter::Compare::kGt: return ">";
    case Filter::Compare::kGe: return ">=";
  }
  return "=";
}

/// The test, or `column not in (…)` and the like.
std::string test_text(const FilterTest& test, bool negated = false) {
  using Kind = FilterTest::Kind;
  std::string out = column_text(test.column);
  if (test.of_size) out = "size(" + out + ")";
  if (negated && test.kind != Kind::kIsNull) out += " not";
  const auto value = [&](size_t i) { return value_text(test.values[i]); };
  switch (test.kind) {
    case Kind::kCompare:
      return out + " " + std::string(compare_text(test.compare)) + " " + value(0);
    case Kind::kLike: return out + " like " + value(0);
    case Kind::kILike: return out + " ilike " + value(0);
    case Kind::kContains: return out + " contains " + value(0);
    case Kind::kBetween: return out + " between " + value(0) + " and " + value(1);
    case Kind::kIsNull: return out + (negated ? " is not null" : " is null");
    case Kind::kIn: break;
  }
  out += " in (";
  for (size_t i = 0; i < test.values.size(); ++i) out += (i > 0 ? ", " : "") + value(i);
  return out + ")";
}

/// Writes a tree: the texts of subtrees wait on a stack for their parent.
class TextWriter {
 public:
  std::string write(const FilterTree& tree) {
    for (const FilterNode& node : tree.nodes) {
      switch (node.kind) {
        case Kind::kConstant: written_.push_back({node.constant ? "true" : "false", &node}); break;
        case Kind::kTest: written_.push_back({test_text(*node.test), &node}); break;
        case Kind::kNot: written_.back() = {not_text(written_.back()), &node}; break;
        case Kind::kIsTrue:
          written_.back() = {"(" + written_.back().text + ") is true", &node};
          break;
        case Kind::kAnd: join(node, " and "); break;
        case Kind::kOr: join(node, " or "); break;
      }
    }
    return std::move(written_.back().text);
  }

 private:
  using Kind = FilterNode::Kind;
  struct Written {
    std::string text;
    const FilterNode* root;
  };

  static std::string in_parentheses(std::string text, bool parentheses) {
    return parentheses ? "(" + std::move(text) + ")" : std::move(text);
  }

  static std::string not_text(Written& child) {
    const bool is_test = child.root->kind == Kind::kTest;
    if (is_test && child.root->test->kind != FilterTest::Kind::kCompare) {
      return test_text(*child.root->test, true);
    }
    if (child.root->kind == Kind::kIsTrue) {
      child.text.replace(child.text.rfind("true"), 4, "not true");
      return std::move(child.text);
    }
    const bool joined = child.root->kind == Kind::kAnd || child.root->kind == Kind::kOr;
    return "not " + in_parentheses(std::move(child.text), joined);
  }

  /// `and` binds tighter than `or`. An `and` inside an `and`, or an `or` inside an `or`, keeps its
  /// parentheses, so that parsing gives the same tree.
  void join(const FilterNode& node, std::string_view separator) {
    const size_t first = written_.size() - node.children;
    std::string text;
    for (size_t i = first; i < written_.size(); ++i) {
      const Kind kind = written_[i].root->kind;
      if (i > first) text += separator;
      text += in_parentheses(std::move(written_[i].text), kind == node.kind || kind == Kind::kOr);
    }
    written_.resize(first);
    written_.push_back({std::move(text), &node});
  }

  std::vector<Written> written_;
};

}  // namespace

std::string too_deep_text() {
  return "the filter is nested deeper than " + std::to_string(kMaxFilterDepth) + " levels";
}

}  // namespace filter

std::string Filter::to_string() const {
  if (tree_ == nullptr) return "true";
  if (tree_->too_deep) return "<" + filter::too_deep_text() + ">";
  return filter::TextWriter().write(*tree_);
}

}  // namespace omendb
