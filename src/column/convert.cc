#include "column/convert.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "base/status_macros.h"
#include "column/reader.h"
#include "column/util.h"

namespace omendb::column {

namespace {

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

/// The shortest digits that read back as the same number, with a point so that it stays one.
void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    const char* name = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    out += std::string("{\"$float\":\"") + name + "\"}";
    return;
  }
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

/// {"$datetime":"2024-05-01T12:30:00+00:00"}; outside the years 1 to 9999 the number itself.
void write_timestamp(std::string& out, int64_t micros) {
  using std::chrono::duration_cast;
  const auto since_epoch = std::chrono::microseconds(micros);
  const auto day = std::chrono::floor<std::chrono::days>(since_epoch);
  if (day.count() < -719'162 || day.count() > 2'932'896) {
    out += std::to_string(micros);
    return;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days(day)};
  const auto rest = since_epoch - day;
  const auto seconds = duration_cast<std::chrono::seconds>(rest).count();
  char text[80];
  int n =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", int{date.year()},
                    unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(seconds / 3600),
                    static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  if (const auto fraction = rest.count() % 1'000'000; fraction != 0) {
    n += std::snprintf(text + n, sizeof text - static_cast<size_t>(n), ".%06d",
                       static_cast<int>(fraction));
  }
  out += "{\"$datetime\":\"" + std::string(text, static_cast<size_t>(n)) + "+00:00\"}";
}

void write_value(std::string& out, const Column& from, size_t i) {
  switch (element_type(from.type)) {
    case ColumnType::kBool: out += from.bools[i] != 0 ? "true" : "false"; return;
    case ColumnType::kF64: write_double(out, from.doubles[i]); return;
    case ColumnType::kString: write_string(out, from.string_at(i)); return;
    case ColumnType::kTimestamp: write_timestamp(out, from.ints[i]); return;
    case ColumnType::kJson: out += from.string_at(i); return;
    default: out += std::to_string(from.ints[i]);
  }
}

void append_as_json(const Column& from, size_t row, Column& to) {
  std::string text;
  if (!is_array(from.type)) {
    write_value(text, from, row);
  } else {
    text += '[';
    for (uint64_t i = from.list_offsets[row]; i < from.list_offsets[row + 1]; ++i) {
      if (i > from.list_offsets[row]) text += ',';
      write_value(text, from, i);
    }
    text += ']';
  }
  mark_valid(to);
  push_string(to, text);
}

bool has_values(const Column& column) {
  if (column.valid.empty()) return column.row_count() > 0;
  return std::ranges::find(column.valid, kPresent) != column.valid.end();
}

bool is_empty_array(const Column& column, size_t row) {
  if (is_array(column.type)) return column.list_offsets[row] == column.list_offsets[row + 1];
  return column.type == ColumnType::kJson && column.string_at(row) == kEmptyList;
}

/// Whether each value is an array without elements, which an array column of any type holds.
bool has_empty_arrays_alone(const Column& column) {
  for (size_t row = 0; row < column.row_count(); ++row) {
    if (column.is_valid(row) && !is_empty_array(column, row)) return false;
  }
  return true;
}

/// Whether both are numbers, or lists of numbers.
bool number_to_number(ColumnType from, ColumnType to) {
  const auto is_number = [](ColumnType type) {
    return element_type(type) == ColumnType::kI64 || element_type(type) == ColumnType::kF64;
  };
  return is_array(from) == is_array(to) && is_number(from) && is_number(to);
}

/// A number, or a list of numbers, as the other kind of number. As an i64 each must be exactly
/// that.
void append_number(const Column& from, size_t row, Column& to) {
  const bool array = is_array(from.type);
  const uint64_t begin = array ? from.list_offsets[row] : row;
  const uint64_t end = array ? from.list_offsets[row + 1] : row + 1;
  const bool to_int = element_type(to.type) == ColumnType::kI64;
  if (to_int) {
    const auto some = std::span(from.doubles).subspan(begin, end - begin);
    if (!std::ranges::all_of(some, is_exact_i64)) return append_nulls(to, 1, kAbsent);
    for (const double value : some) to.ints.push_back(static_cast<int64_t>(value));
  } else {
    for (uint64_t i = begin; i < end; ++i) to.doubles.push_back(static_cast<double>(from.ints[i]));
  }
  mark_valid(to);
  if (array) push_list(to, end - begin);
}

/// The row that owns element i.
size_t row_of(const Column& column, size_t i) {
  if (!is_array(column.type)) return i;
  const auto& offsets = column.list_offsets;
  return static_cast<size_t>(std::ranges::upper_bound(offsets, i) - offsets.begin()) - 1;
}

Status inexact(const Column& column, ColumnType known, size_t row, const std::string& value) {
  return {StatusCode::kTypeMismatch,
          "column \"" + column.name + "\" is " + std::string(column_type_name(known)) +
              ", which cannot hold " + value + " of row " + std::to_string(row) + " exactly"};
}

/// Whether the other kind of number holds each number of the column.
Status check_exact(const Column& column, ColumnType known) {
  for (size_t i = 0; i < column.value_count(); ++i) {
    const bool is_int = element_type(column.type) == ColumnType::kI64;
    if (is_int ? is_exact_f64(column.ints[i]) : is_exact_i64(column.doubles[i])) continue;
    const size_t row = row_of(column, i);
    if (!column.is_valid(row)) continue;
    std::string value;
    write_value(value, column, i);
    return inexact(column, known, row, value);
  }
  return {};
}

Status conflict(const Column& column, ColumnType known) {
  return {StatusCode::kTypeMismatch,
          "column \"" + column.name + "\" is " + std::string(column_type_name(known)) +
              "; this batch has " + std::string(column_type_name(column.type))};
}

Status check_fits(const Column& column, ColumnType known) {
  if (known == ColumnType::kJson || !has_values(column)) return {};
  if (is_array(known) && has_empty_arrays_alone(column)) return {};
  if (number_to_number(column.type, known)) return check_exact(column, known);
  return conflict(column, known);
}

/// Converts a column of the batch, or leaves it as it is if the column may get its type.
Status fit(size_t place, const Column& column, const ColumnSchema& known,
           const MayBecome& may_become, FittedBatch& fitted) {
  const Status fits = check_fits(column, known.type);
  const bool typed_after_json = known.type == ColumnType::kJson && has_values(column);
  if (!fits.ok() || typed_after_json) {
    const Status may = may_become(known, column.type);
    if (may.ok()) return {};
    if (may.code() != StatusCode::kTypeMismatch) return may;
    if (!fits.ok()) {
      return {StatusCode::kTypeMismatch,
              fits.message() + ", and it cannot become " +
                  std::string(column_type_name(column.type)) + ": " + may.message() +
                  "; store the values under another name, or as strings"};
    }
  }
  fitted.convert(place, known.type);
  return {};
}

}  // namespace

bool is_i64_to_f64(ColumnType from, ColumnType to) {
  return is_array(from) == is_array(to) && element_type(from) == ColumnType::kI64 &&
         element_type(to) == ColumnType::kF64;
}

bool is_exact_i64(double value) {
  // 2^63 is a f64 and no i64; NaN fails both comparisons.
  return value >= -9223372036854775808.0 && value < 9223372036854775808.0 &&
         std::trunc(value) == value;
}

bool is_exact_f64(int64_t value) {
  // -2^63 is a f64; what rounds up to 2^63 is no i64, and the cast back would be undefined.
  const auto nearest = static_cast<double>(value);
  return nearest < 9223372036854775808.0 && static_cast<int64_t>(nearest) == value;
}

void append_converted(const Column& from, Column& to) {
  const size_t rows = from.row_count();
  for (size_t row = 0; row < rows; ++row) {
    if (!from.is_valid(row)) {
      append_nulls(to, 1, from.state(row));
    } else if (to.type == ColumnType::kJson) {
      append_as_json(from, row, to);
    } else if (is_array(to.type) && is_empty_array(from, row)) {
      mark_valid(to);
      push_list(to, 0);
    } else if (number_to_number(from.type, to.type)) {
      append_number(from, row, to);
    } else {
      append_nulls(to, 1, kAbsent);
    }
  }
}

void append_row(const Column& from, size_t row, Column& to) {
  OMEN_CHECK(from.type == to.type);
  if (!from.is_valid(row)) {
    append_nulls(to, 1, from.state(row));
    return;
  }
  const bool array = is_array(from.type);
  const uint64_t begin = array ? from.list_offsets[row] : row;
  const uint64_t end = array ? from.list_offsets[row + 1] : row + 1;
  mark_valid(to);
  if (array) push_list(to, end - begin);
  for (uint64_t i = begin; i < end; ++i) {
    switch (element_type(from.type)) {
      case ColumnType::kBool: to.bools.push_back(from.bools[i]); break;
      case ColumnType::kF64: to.doubles.push_back(from.doubles[i]); break;
      case ColumnType::kString:
      case ColumnType::kJson: push_string(to, from.string_at(i)); break;
      default: to.ints.push_back(from.ints[i]);
    }
  }
}

size_t bytes_of(std::span<const Column> columns) {
  size_t bytes = 0;
  for (const Column& c : columns) {
    bytes +=
        c.valid.size() + c.bools.size() + c.bytes.size() +
        8 * (c.ints.size() + c.doubles.size() + c.string_offsets.size() + c.list_offsets.size());
  }
  return bytes;
}

void FittedBatch::convert(size_t column, ColumnType to) {
  if (converted_.empty()) converted_.assign(columns_.begin(), columns_.end());
  Column as;
  as.name = columns_[column].name;
  as.type = to;
  append_converted(columns_[column], as);
  converted_[column] = std::move(as);
}

Result<FittedBatch> fit_columns(std::span<const Column> batch, const Schema& schema,
                                const MayBecome& may_become) {
  FittedBatch fitted(batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    const ColumnSchema* known = find_column(schema, batch[i].name);
    if (known == nullptr || known->type == batch[i].type) continue;
    OMEN_RETURN_IF_ERROR(fit(i, batch[i], *known, may_become, fitted));
  }
  return fitted;
}

}  // namespace omendb::column
