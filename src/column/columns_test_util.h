// Test support: random columns, and a model of them as text, written without the code under test.
#pragma once

#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "column/reader.h"
#include "column/schema.h"
#include "omendb/types.h"

namespace omendb::column::testing {

inline const Schema& every_type() {
  static const Schema schema = [] {
    Schema types = {
        {"flag", ColumnType::kBool},        {"year", ColumnType::kI64},
        {"score", ColumnType::kF64},        {"lang", ColumnType::kString},
        {"at", ColumnType::kTimestamp},     {"flags", ColumnType::kBoolArray},
        {"years", ColumnType::kI64Array},   {"scores", ColumnType::kF64Array},
        {"tags", ColumnType::kStringArray}, {"times", ColumnType::kTimestampArray},
        {"doc", ColumnType::kJson},
    };
    for (uint32_t i = 0; i < types.size(); ++i) types[i].id = ColumnId{i};
    return types;
  }();
  return schema;
}

inline std::string number_text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

inline std::string value_text(const Column& column, size_t i) {
  switch (element_type(column.type)) {
    case ColumnType::kBool: return column.bools[i] != 0 ? "true" : "false";
    case ColumnType::kF64: return number_text(column.doubles[i]);
    case ColumnType::kString:
    case ColumnType::kJson: return "'" + std::string(column.string_at(i)) + "'";
    default: return std::to_string(column.ints[i]);
  }
}

/// A row as text: NULL, null (which is said), a value, or [values].
inline std::string row_text(const Column& column, size_t row) {
  if (column.state(row) == kExplicitNull) return "null";
  if (!column.is_valid(row)) return "NULL";
  if (!is_array(column.type)) return value_text(column, row);
  std::string text = "[";
  for (uint64_t i = column.list_offsets[row]; i < column.list_offsets[row + 1]; ++i) {
    text += value_text(column, i) + ",";
  }
  return text + "]";
}

inline std::string row_text(const ColumnBatch& batch, ColumnType type, uint32_t row) {
  if (batch.valid != nullptr && ((batch.valid[row / 64] >> (row % 64)) & 1) == 0) return "NULL";
  const auto value = [&](size_t i) -> std::string {
    switch (element_type(type)) {
      case ColumnType::kBool: return batch.bools[i] != 0 ? "true" : "false";
      case ColumnType::kF64: return number_text(batch.doubles[i]);
      case ColumnType::kString:
      case ColumnType::kJson: return "'" + std::string(batch.strings[i]) + "'";
      default: return std::to_string(batch.ints[i]);
    }
  };
  if (!is_array(type)) return value(row);
  std::string text = "[";
  for (size_t i = batch.list_begin(row); i < batch.list_end(row); ++i) text += value(i) + ",";
  return text + "]";
}

/// A column of few distinct values, so that comparisons meet equals, and of awkward ones.
inline Column random_column(const ColumnSchema& schema, size_t rows, std::mt19937& rng) {
  static const int64_t kInts[] = {INT64_MIN, -3,   -1,   0,         1,
                                  2,         2020, 2021, INT64_MAX, (int64_t{1} << 53) + 1};
  static const double kDoubles[] = {
      -1e300, -2.5, -0.0, 0.0, 1.0, 2.0, 2.5, 2020, 9e15, 1.0 / 3, 9223372036854775808.0};
  static const char* kStrings[] = {
      "", "a", "ab", "abc", "b", "en", "d\xC3\xA9", "%", "a_b", "\xF0\x9F\x98\x80 smile", "it's"};
  static const char* kTexts[] = {"null", "{\"a\":{\"b\":1}}", "[1,\"x\",null]", "-2.5", "\"t\"",
                                 "{}"};
  static const uint8_t kStates[] = {kPresent, kPresent, kPresent, kAbsent, kExplicitNull};
  const auto pick = [&](const auto& from) { return from[rng() % std::size(from)]; };
  Column column{.name = schema.name, .type = schema.type};
  if (rng() % 3 != 0) {
    for (size_t r = 0; r < rows; ++r) column.valid.push_back(pick(kStates));
  }
  size_t values = rows;
  if (is_array(schema.type)) {
    column.list_offsets.push_back(0);
    for (size_t r = 0; r < rows; ++r) {
      column.list_offsets.push_back(column.list_offsets.back() + rng() % 4);
    }
    values = column.list_offsets.back();
  }
  if (is_text(element_type(schema.type))) column.string_offsets.push_back(0);
  for (size_t i = 0; i < values; ++i) {
    switch (element_type(schema.type)) {
      case ColumnType::kBool: column.bools.push_back(rng() % 2); break;
      case ColumnType::kF64: column.doubles.push_back(pick(kDoubles)); break;
      case ColumnType::kString:
        column.bytes += pick(kStrings);
        column.string_offsets.push_back(column.bytes.size());
        break;
      case ColumnType::kJson:
        column.bytes += pick(kTexts);
        column.string_offsets.push_back(column.bytes.size());
        break;
      default: column.ints.push_back(pick(kInts));
    }
  }
  return column;
}

}  // namespace omendb::column::testing
