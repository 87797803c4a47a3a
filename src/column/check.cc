// Checks a whole batch before any of it is logged.
#include <algorithm>
#include <limits>
#include <string>
#include <unordered_set>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "column/columns.h"
#include "column/json.h"

namespace omendb::column {

namespace {

std::string named(const Column& column) {
  return "column \"" + column.name + "\"";
}

Status invalid(const Column& column, const std::string& what) {
  return {StatusCode::kInvalidArgument, named(column) + " " + what};
}

Status check_type(const Column& column) {
  if (!is_column_type(column.type)) {
    return invalid(column,
                   "has the unknown type " + std::to_string(static_cast<unsigned>(column.type)));
  }
  return {};
}

/// Offsets begin at 0, never fall, and end at `end`.
Status check_offsets(const Column& column, std::span<const uint64_t> offsets, uint64_t end,
                     const char* what) {
  if (offsets.empty() || offsets.front() != 0) {
    return invalid(column, std::string(what) + " must begin with 0");
  }
  for (size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] < offsets[i - 1]) {
      return invalid(column, std::string(what) + " fall at entry " + std::to_string(i) + ": " +
                                 std::to_string(offsets[i - 1]) + " then " +
                                 std::to_string(offsets[i]));
    }
  }
  if (offsets.back() != end) {
    return invalid(column, std::string(what) + " end at " + std::to_string(offsets.back()) +
                               "; the values end at " + std::to_string(end));
  }
  return {};
}

Status check_strings(const Column& column) {
  OMEN_RETURN_IF_ERROR(
      check_offsets(column, column.string_offsets, column.bytes.size(), "string_offsets"));
  const size_t valid_bytes = utf8_valid_prefix(column.bytes);
  for (size_t i = 0; i < column.value_count(); ++i) {
    const uint64_t begin = column.string_offsets[i];
    const uint64_t end = column.string_offsets[i + 1];
    if (end - begin > kMaxStringBytes) {
      return {StatusCode::kLimitExceeded, named(column) + ": string " + std::to_string(i) +
                                              " has " + std::to_string(end - begin) +
                                              " bytes; at most " + std::to_string(kMaxStringBytes) +
                                              " are allowed"};
    }
    // The bytes as a whole are well-formed, so a string is if no character straddles its ends.
    const bool split =
        end < valid_bytes && (static_cast<uint8_t>(column.bytes[end]) & 0xC0) == 0x80;
    if (end > valid_bytes || split) {
      return invalid(column, "holds malformed UTF-8 in string " + std::to_string(i));
    }
  }
  return {};
}

Status check_json_texts(const Column& column) {
  for (size_t row = 0; row < column.value_count(); ++row) {
    if (!column.is_valid(row)) continue;
    if (const auto bad = check_json(column.string_at(row))) {
      return invalid(column, "holds malformed JSON in row " + std::to_string(row) + ": byte " +
                                 std::to_string(bad->at) + " " + bad->what);
    }
  }
  return {};
}

Status check_shape(const Column& column, size_t rows) {
  if (is_array(column.type)) {
    OMEN_RETURN_IF_ERROR(
        check_offsets(column, column.list_offsets, column.value_count(), "list_offsets"));
  }
  if (column.row_count() != rows) {
    return invalid(column, "has " + std::to_string(column.row_count()) + " rows; the batch has " +
                               std::to_string(rows));
  }
  for (size_t row = 0; row < column.valid.size(); ++row) {
    if (column.valid[row] <= kExplicitNull) continue;
    return invalid(column, "has validity " + std::to_string(column.valid[row]) + " in row " +
                               std::to_string(row) +
                               "; expected 0 (no such key), 1 (a value) or 2 (null)");
  }
  if (!column.valid.empty() && column.valid.size() != rows) {
    return invalid(column, "has " + std::to_string(column.valid.size()) +
                               " validity bytes; expected " + std::to_string(rows) + " or none");
  }
  return {};
}

}  // namespace

Status check_column_name(std::string_view name) {
  if (name.empty()) {
    return {StatusCode::kInvalidArgument, "a column has an empty name"};
  }
  if (name.size() > kMaxColumnNameBytes) {
    return {StatusCode::kLimitExceeded, "a column name has " + std::to_string(name.size()) +
                                            " bytes; at most " +
                                            std::to_string(kMaxColumnNameBytes) + " are allowed"};
  }
  if (!is_utf8(name)) {
    return {StatusCode::kInvalidArgument, "a column name is not valid UTF-8"};
  }
  return {};
}

Status check_columns(std::span<const Column> batch, size_t rows) {
  std::unordered_set<std::string_view> names;
  for (const Column& column : batch) {
    OMEN_RETURN_IF_ERROR(check_column_name(column.name));
    if (!names.insert(column.name).second) {
      return invalid(column, "is given twice");
    }
    OMEN_RETURN_IF_ERROR(check_type(column));
    OMEN_RETURN_IF_ERROR(check_shape(column, rows));
    if (is_text(element_type(column.type))) OMEN_RETURN_IF_ERROR(check_strings(column));
    if (column.type == ColumnType::kJson) OMEN_RETURN_IF_ERROR(check_json_texts(column));
  }
  return {};
}

Status check_column_count(std::span<const Column> batch, const Schema& schema, uint32_t next_id) {
  const auto fresh = static_cast<size_t>(std::ranges::count_if(
      batch, [&](const Column& c) { return find_column(schema, c.name) == nullptr; }));
  if (fresh == 0) return {};
  if (schema.size() + fresh > kMaxColumns) {
    return {StatusCode::kLimitExceeded,
            "the collection would have " + std::to_string(schema.size() + fresh) +
                " columns; at most " + std::to_string(kMaxColumns) + " are allowed"};
  }
  if (next_id + fresh > kMaxColumnIds) {
    return {StatusCode::kLimitExceeded, "the collection has had " + std::to_string(next_id) +
                                            " columns; at most " + std::to_string(kMaxColumnIds) +
                                            " are allowed in its life"};
  }
  return {};
}

bool take_columns(std::span<const Column> batch, Schema& schema, uint32_t& next_id) {
  bool changed = false;
  for (const Column& column : batch) {
    const auto known = std::ranges::find(schema, column.name, &ColumnSchema::name);
    if (known == schema.end()) {
      schema.push_back({column.name, column.type, ColumnId{next_id++}});
    } else if (known->type != column.type) {
      known->former.push_back(std::exchange(known->type, column.type));
      std::erase(known->former, known->type);
    } else {
      continue;
    }
    changed = true;
  }
  return changed;
}

}  // namespace omendb::column
