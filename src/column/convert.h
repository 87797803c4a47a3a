// Values of one column type as values of another.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "column/schema.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb::column {

/// Appends the rows of `from` to `to`, which may be of another type:
///   i64 to f64    the nearest number
///   f64 to i64    those that are exactly an i64
///   any to JSON   JSON that says the same: docs/python.md, "Values as JSON"
///   empty arrays  stay empty arrays, those that are JSON too
/// A value that the type cannot hold becomes kAbsent; what is kAbsent or kExplicitNull stays so.
void append_converted(const Column& from, Column& to);

/// Appends a row of `from`, as it is, to a column of the same type.
void append_row(const Column& from, size_t row, Column& to);

/// What the values of columns take in memory.
size_t bytes_of(std::span<const Column> columns);

/// Whether a f64 holds exactly this number.
bool is_exact_f64(int64_t value);
/// Whether a f64 is exactly an i64.
bool is_exact_i64(double value);

/// Whether ints, or lists of them, become floats.
bool is_i64_to_f64(ColumnType from, ColumnType to);

/// An empty list as JSON.
inline constexpr std::string_view kEmptyList = "[]";

/// A batch whose columns have the types of the schema's columns. Columns that are new to the schema
/// keep their own types.
class FittedBatch {
 public:
  /// @param batch  borrowed for as long as this lives; copied only if something is converted.
  explicit FittedBatch(std::span<const Column> batch) : columns_(batch) {}
  std::span<const Column> columns() const { return converted_.empty() ? columns_ : converted_; }
  void convert(size_t column, ColumnType to);

 private:
  std::span<const Column> columns_;
  std::vector<Column> converted_;
};

/// Whether a column could get another type, which holds all values that the points have.
/// @error kTypeMismatch if not; its message names the point and the value. Any other error ends the
///        caller's operation too.
using MayBecome = std::function<Status(const ColumnSchema&, ColumnType)>;

/// Makes a checked batch fit the columns that exist. The values of a batch are converted:
///   no value at all                        to any type
///   arrays without elements, JSON or not   to an array
///   i64 that f64 holds exactly             to f64
///   f64 that are exactly an i64            to i64
///   anything                               to JSON
/// Where that cannot be, the column gets the type of the batch if it may. A JSON column gets it
/// even though the batch could be converted, so that a column that began with nulls becomes a typed
/// one.
/// @error kTypeMismatch for any other difference, which names the column, and the row and the value
///        where there is one.
Result<FittedBatch> fit_columns(std::span<const Column> batch, const Schema& schema,
                                const MayBecome& may_become);

}  // namespace omendb::column
