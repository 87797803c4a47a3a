// Test support: filters evaluated a row at a time from the syntax tree and plain columns, by other
// means than the code under test; and random filters to try it on.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "column/schema.h"
#include "filter/tree.h"
#include "omendb/types.h"

namespace omendb::filter::testing {

/// TRUE, FALSE or, without a value, NULL.
using Tri = std::optional<bool>;
using Table = std::map<std::string, Column>;

inline const std::vector<std::pair<std::string, int64_t>>& known_times() {
  static const std::vector<std::pair<std::string, int64_t>> times = {
      {"1970-01-01", 0},
      {"1970-01-01T00:00:00.000001Z", 1},
      {"1970-01-01 01:00:00.000002+01:00", 2},
      {"1969-12-31T23:59:59.999999", -1},
      {"2000-02-29T12:00", 951'825'600'000'000},
  };
  return times;
}

inline Tri tri_not(Tri a) {
  return a.has_value() ? Tri(!*a) : a;
}
inline Tri tri_and(Tri a, Tri b) {
  if ((a.has_value() && !*a) || (b.has_value() && !*b)) return false;
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return true;
}
inline Tri tri_or(Tri a, Tri b) {
  return tri_not(tri_and(tri_not(a), tri_not(b)));
}

/// Code points of valid UTF-8.
inline std::u32string decode(std::string_view text) {
  std::u32string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte & 0xC0) == 0x80) {
      out.back() = (out.back() << 6) | (byte & 0x3Fu);
    } else {
      out.push_back(byte < 0x80   ? byte
                    : byte < 0xE0 ? byte & 0x1Fu
                    : byte < 0xF0 ? byte & 15u
                                  : byte & 7u);
    }
  }
  return out;
}

inline bool like_oracle(std::u32string_view text, std::u32string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == U'%') {
    for (size_t skip = 0; skip <= text.size(); ++skip) {
      if (like_oracle(text.substr(skip), pattern.substr(1))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  if (pattern[0] == U'_') return like_oracle(text.substr(1), pattern.substr(1));
  const size_t escaped = pattern[0] == U'\\' ? 1 : 0;
  return text[0] == pattern[escaped] && like_oracle(text.substr(1), pattern.substr(escaped + 1));
}

class Oracle {
 public:
  explicit Oracle(const Table& table) : table_(table) {}

  Tri eval(const Filter& filter, size_t row) const {
    using Kind = FilterNode::Kind;
    if (filter.empty()) return true;
    std::vector<Tri> values;  // of subtrees that wait for their parent
    for (const FilterNode& node : filter.tree()->nodes) {
      Tri result = node.constant;
      if (node.kind == Kind::kTest) result = eval_test(*node.test, row);
      if (node.kind == Kind::kAnd) result = true;
      if (node.kind == Kind::kOr) result = false;
      for (size_t i = 0; i < node.children; ++i) {
        const Tri child = values[values.size() - node.children + i];
        if (node.kind == Kind::kAnd) result = tri_and(result, child);
        if (node.kind == Kind::kOr) result = tri_or(result, child);
        if (node.kind == Kind::kNot) result = tri_not(child);
        if (node.kind == Kind::kIsTrue) result = child.value_or(false);
      }
      values.resize(values.size() - node.children);
      values.push_back(result);
    }
    return values.back();
  }

 private:
  Tri eval_test(const FilterTest& node, size_t row) const {
    using Kind = FilterTest::Kind;
    const auto found = table_.find(node.column);
    const bool json = found != table_.end() && found->second.type == ColumnType::kJson;
    const bool null = found == table_.end() || !found->second.is_valid(row) ||
                      (json && found->second.string_at(row) == "null");
    if (node.kind == Kind::kIsNull) return null;
    if (node.kind == Kind::kIn && node.values.empty()) return false;
    if (null) return std::nullopt;
    const Column& column = found->second;
    if (!is_array(column.type)) return test_value(node, column, row);
    const size_t begin = column.list_offsets[row];
    const size_t end = column.list_offsets[row + 1];
    if (node.of_size) {
      const Column size{.type = ColumnType::kI64, .ints = {static_cast<int64_t>(end - begin)}};
      return test_value(node, size, 0);
    }
    Tri result = false;
    for (size_t i = begin; i < end; ++i) result = tri_or(result, test_value(node, column, i));
    // What a null makes of a row without elements: NULL, as of one with them.
    const bool lists_null = std::ranges::any_of(node.values, is_null);
    const bool of_list =
        node.kind == Kind::kIn || node.kind == Kind::kContains || node.kind == Kind::kCompare;
    if (of_list && lists_null && result == Tri(false)) return std::nullopt;
    return result;
  }

  static bool is_null(const FilterValue& value) {
    return std::holds_alternative<std::nullptr_t>(value);
  }

  /// The test of value i of the column.
  static Tri test_value(const FilterTest& node, const Column& column, size_t i) {
    using Kind = FilterTest::Kind;
    const FilterValue& first = node.values[0];
    Tri result = false;
    switch (node.kind) {
      case Kind::kIn:
        for (const FilterValue& value : node.values) {
          result = tri_or(result, compare(column, i, Filter::Compare::kEq, value));
        }
        return result;
      case Kind::kBetween:
        return tri_and(compare(column, i, Filter::Compare::kGe, first),
                       compare(column, i, Filter::Compare::kLe, node.values[1]));
      case Kind::kLike:
        return like_oracle(decode(column.string_at(i)), decode(std::get<std::string>(first)));
      case Kind::kILike:
        return like_oracle(lower(decode(column.string_at(i))),
                           lower(decode(std::get<std::string>(first))));
      case Kind::kContains:
        if (is_array(column.type)) return compare(column, i, Filter::Compare::kEq, first);
        if (is_null(first)) return std::nullopt;
        return column.string_at(i).find(std::get<std::string>(first)) != std::string_view::npos;
      default: return compare(column, i, node.compare, first);
    }
  }

  /// Of the letters that the tests use.
  static std::u32string lower(std::u32string text) {
    for (char32_t& c : text) {
      const bool upper = (c >= U'A' && c <= U'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7);
      if (upper) c += 32;
    }
    return text;
  }

  template <class T>
  static bool compare_values(const T& a, Filter::Compare compare, const T& b) {
    switch (compare) {
      case Filter::Compare::kEq: return a == b;
      case Filter::Compare::kNe: return a != b;
      case Filter::Compare::kLt: return a < b;
      case Filter::Compare::kLe: return a <= b;
      case Filter::Compare::kGt: return a > b;
      case Filter::Compare::kGe: return a >= b;
    }
    return false;
  }

  static Tri compare(const Column& column, size_t i, Filter::Compare op, const FilterValue& value) {
    if (std::holds_alternative<std::nullptr_t>(value)) return std::nullopt;
    switch (element_type(column.type)) {
      case ColumnType::kBool:
        return compare_values<int>(column.bools[i] != 0, op, std::get<bool>(value));
      case ColumnType::kString:
        return compare_values<std::string_view>(column.string_at(i), op,
                                                std::get<std::string>(value));
      case ColumnType::kTimestamp:
        if (const auto* time = std::get_if<FilterTime>(&value)) {
          return compare_values<int64_t>(column.ints[i], op, time->micros);
        }
        for (const auto& [text, micros] : known_times()) {
          if (text == std::get<std::string>(value)) {
            return compare_values<int64_t>(column.ints[i], op, micros);
          }
        }
        std::abort();
      default: break;
    }
    // A long double holds every i64 and every double exactly.
    static_assert(std::numeric_limits<long double>::digits >= 64);
    const long double held = element_type(column.type) == ColumnType::kF64
                                 ? static_cast<long double>(column.doubles[i])
                                 : static_cast<long double>(column.ints[i]);
    long double wanted = 0;
    if (const auto* integer = std::get_if<int64_t>(&value)) wanted = *integer;
    if (const auto* natural = std::get_if<uint64_t>(&value)) wanted = *natural;
    if (const auto* decimal = std::get_if<double>(&value)) wanted = *decimal;
    return compare_values(held, op, wanted);
  }

  const Table& table_;
};

/// Random filters over the columns of a schema, of every form the grammar has.
class RandomFilter {
 public:
  RandomFilter(const column::Schema& schema, std::mt19937& rng) : schema_(schema), rng_(rng) {}

  Filter make(int depth) {
    const size_t form = rng_() % 10;
    if (depth == 0 || form < 3) return test();
    if (form == 9) return rng_() % 2 == 0 ? Filter::any_of({}) : Filter::all_of({});
    if (form == 8) return Filter::negate(make(depth - 1));
    if (form == 7) {
      return rng_() % 3 == 0 ? Filter::is_true(make(depth - 1))
                             : Filter::complement(make(depth - 1));
    }
    std::vector<Filter> parts;
    for (size_t n = 2 + rng_() % 3; n > 0; --n) parts.push_back(make(depth - 1));
    return form % 2 == 0 ? Filter::all_of(parts) : Filter::any_of(parts);
  }

 private:
  template <class T, size_t N>
  T pick(const T (&from)[N]) {
    return from[rng_() % N];
  }

  FilterValue value(ColumnType type) {
    static const int64_t kInts[] = {
        INT64_MIN,       INT64_MIN + 1, -1, 0, 1, 2020, INT64_MAX, (int64_t{1} << 53) + 1,
        int64_t{1} << 53};
    static const uint64_t kNaturals[] = {uint64_t{1} << 63, (uint64_t{1} << 63) + 1, UINT64_MAX};
    static const double kDoubles[] = {-1e300,
                                      -0.5,
                                      -0.0,
                                      0.0,
                                      1,
                                      2.5,
                                      2020,
                                      2020.5,
                                      9007199254740992.0,
                                      9223372036854775808.0,
                                      -9223372036854775808.0,
                                      1.0 / 3,
                                      HUGE_VAL,
                                      -HUGE_VAL,
                                      std::nan("")};
    static const char* const kStrings[] = {"", "a", "ab", "abd", "en", "it's", "d\xC3\xA9", "z"};
    if (rng_() % 12 == 0) return nullptr;
    switch (type) {
      case ColumnType::kBool: return rng_() % 2 == 0;
      case ColumnType::kString: return std::string(pick(kStrings));
      case ColumnType::kTimestamp: {
        const auto& [text, micros] = known_times()[rng_() % known_times().size()];
        if (rng_() % 2 == 0) return FilterTime{micros};
        return text;
      }
      default:
        if (rng_() % 10 == 0) return pick(kNaturals);
        if (rng_() % 2 == 0) return pick(kInts);
        return pick(kDoubles);
    }
  }

  Filter test() {
    static const char* const kPatterns[] = {
        "",     "%",          "a%",    "%b",    "%b%", "_",    "a_",        "%\\%%", "a\\_b",
        "%_s%", "%_\xC3\xA9", "_%_%_", "%a%b%", "abc", "%%e_", "%\xC3\x89", "A%",    "%S%"};
    const column::ColumnSchema& column = schema_[rng_() % schema_.size()];
    const std::string& name = column.name;
    const bool array = is_array(column.type);
    const ColumnType type = element_type(column.type);
    if (rng_() % 8 == 0 || column.type == ColumnType::kJson) return Filter::is_null(name);
    if (array && rng_() % 4 == 0) {
      return Filter::size(name, static_cast<Filter::Compare>(rng_() % 6),
                          static_cast<int64_t>(rng_() % 5));
    }
    const size_t form = rng_() % 6;
    if (form == 0) {
      std::vector<FilterValue> values;
      for (size_t n = rng_() % 6; n > 0; --n) values.push_back(value(type));
      return Filter::in(name, std::move(values));
    }
    if (form == 1) return Filter::between(name, value(type), value(type));
    if (form == 2 && type == ColumnType::kString) {
      return rng_() % 2 == 0 ? Filter::like(name, pick(kPatterns))
                             : Filter::ilike(name, pick(kPatterns));
    }
    if (form == 3 && (array || type == ColumnType::kString)) {
      return Filter::contains(name, value(type));
    }
    auto compare = static_cast<Filter::Compare>(rng_() % 6);
    if (array && compare == Filter::Compare::kNe) compare = Filter::Compare::kEq;
    return Filter::compare(name, compare, value(type));
  }

  const column::Schema& schema_;
  std::mt19937& rng_;
};

/// A tree as text, with everything but the places in the filter's text.
inline std::string tree_text(const Filter& filter) {
  std::string text;
  if (filter.empty()) return text;
  for (const FilterNode& node : filter.tree()->nodes) {
    text += std::to_string(static_cast<int>(node.kind)) + " of " + std::to_string(node.children);
    text += node.constant ? " +" : " -";
    if (node.test != nullptr) {
      const FilterTest& test = *node.test;
      text += std::to_string(static_cast<int>(test.kind)) + " " + test.column;
      if (test.of_size) text += " size";
      if (test.kind == FilterTest::Kind::kCompare) {
        text += " " + std::to_string(static_cast<int>(test.compare));
      }
      for (const FilterValue& value : test.values) {
        text += " " + std::to_string(value.index()) + " " + value_text(value);
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace omendb::filter::testing
