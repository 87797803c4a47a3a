// Filters as people read them: canonical text, and errors that point at their place.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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

/// Writes a tree; its depth is bounded, so is the recursion.
class TextWriter {
 public:
  void write(const FilterNode& node, bool negated = false) {
    using Kind = FilterNode::Kind;
    switch (node.kind) {
      case Kind::kConstant: out_ += node.constant ? "true" : "false"; return;
      case Kind::kAnd: write_children(node, " and "); return;
      case Kind::kOr: write_children(node, " or "); return;
      case Kind::kNot: write_not(*node.children[0]); return;
      case Kind::kTooDeep:
        out_ += "<nested deeper than " + std::to_string(kMaxFilterDepth) + " levels>";
        return;
      default: write_test(node, negated);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void write_children(const FilterNode& node, std::string_view separator) {
    for (size_t i = 0; i < node.children.size(); ++i) {
      const FilterNode& child = *node.children[i];
      if (i > 0) out_ += separator;
      // `and` binds tighter than `or`; a join inside one of its own kind keeps its parentheses, so
      // that the tree comes back as it is.
      write_in_parentheses(child, child.kind == node.kind || child.kind == FilterNode::Kind::kOr);
    }
  }

  void write_not(const FilterNode& child) {
    using Kind = FilterNode::Kind;
    switch (child.kind) {
      case Kind::kIn:
      case Kind::kLike:
      case Kind::kBetween:
      case Kind::kIsNull:
      case Kind::kContains: write(child, true); return;
      default:
        out_ += "not ";
        write_in_parentheses(child, child.kind == Kind::kAnd || child.kind == Kind::kOr);
    }
  }

  void write_in_parentheses(const FilterNode& node, bool parentheses) {
    if (parentheses) out_ += '(';
    write(node);
    if (parentheses) out_ += ')';
  }

  void write_test(const FilterNode& node, bool negated) {
    using Kind = FilterNode::Kind;
    out_ += column_text(node.column);
    if (negated && node.kind != Kind::kIsNull) out_ += " not";
    switch (node.kind) {
      case Kind::kCompare:
        out_ += " " + std::string(compare_text(node.compare)) + " " + value_text(node.values[0]);
        return;
      case Kind::kLike: out_ += " like " + value_text(node.values[0]); return;
      case Kind::kContains: out_ += " contains " + value_text(node.values[0]); return;
      case Kind::kBetween:
        out_ += " between " + value_text(node.values[0]) + " and " + value_text(node.values[1]);
        return;
      case Kind::kIsNull: out_ += negated ? " is not null" : " is null"; return;
      default: break;
    }
    out_ += " in (";
    for (size_t i = 0; i < node.values.size(); ++i) {
      if (i > 0) out_ += ", ";
      out_ += value_text(node.values[i]);
    }
    out_ += ')';
  }

  std::string out_;
};

}  // namespace
}  // namespace filter

std::string Filter::to_string() const {
  if (root_ == nullptr) return "true";
  filter::TextWriter writer;
  writer.write(*root_);
  return writer.take();
}

}  // namespace omendb
