// Metadata on its way in: Python values to typed columns.
#pragma once

#include <optional>

#include "common.h"

namespace omendb::python {

/// Collects one column, whose type the first value that is not None decides. Ints widen to floats
/// when a float turns up. A value that fits no type (a dict, a list of several types, an int beyond
/// 64 bits, …) makes it a column of JSON, as omendb._json writes it; every other mix is an error
/// that names the row and the column.
class ColumnBuilder {
 public:
  /// @param keyed  whether rows are dicts, in which a None says that the key is there.
  ColumnBuilder(std::string name, bool keyed) : keyed_(keyed) { column_.name = std::move(name); }

  size_t rows() const { return rows_; }
  void append(nb::handle value);
  void append_nulls(size_t count, uint8_t state = kAbsent);

  /// The column; none when every value is missing. Nulls alone and empty arrays alone are JSON: the
  /// engine takes both into columns of other types.
  std::optional<Column> finish();

 private:
  enum class Shape : uint8_t { kUnknown, kScalar, kArray };

  /// The value in a plain type.
  nb::object plain_value(nb::handle value) const;
  /// False, and nothing done, if the value is for JSON.
  bool append_typed(nb::handle value);
  void append_array(const std::vector<nb::object>& items, std::optional<ColumnType> type,
                    nb::handle value);
  /// Elements as plain values, and their one type; false if they have several.
  bool read_array(nb::handle value, std::vector<nb::object>* items,
                  std::optional<ColumnType>* type) const;
  void append_json(nb::handle value);
  void become_json();
  std::optional<Column> take_typed();
  void append_element(nb::handle value);
  void append_number(nb::handle value, ColumnType type);
  void set_shape(Shape shape, nb::handle value);
  /// False if the value is of another type than the column; ints may widen.
  bool settle_type(ColumnType type);
  void push_default();
  [[noreturn]] void conflict(nb::handle value) const;
  [[noreturn]] void refuse(std::string_view why) const;

  const bool keyed_;
  bool json_ = false;
  Column column_;
  std::optional<ColumnType> type_;
  Shape shape_ = Shape::kUnknown;
  size_t rows_ = 0;
};

/// The metadata of one batch: columns of equal length.
class Columns {
 public:
  explicit Columns(size_t rows) : rows_(rows) {}

  /// One dict (or None) a row.
  static Columns from_rows(nb::list rows);

  size_t rows() const { return rows_; }
  size_t bytes() const;
  std::vector<std::string> names() const;
  const std::vector<Column>& columns() const { return columns_; }

  /// A column of Python values.
  void add_values(std::string name, nb::handle values);
  /// A column of int64, float64, or uint8 (booleans) values; `valid` is None or uint8.
  void add_array(std::string name, std::string_view type, nb::handle values, nb::handle valid);
  void add(Column column) { columns_.push_back(std::move(column)); }

  Columns slice(size_t start, size_t stop) const;
  /// More rows.
  void append(const Columns& more);
  /// More columns, of as many rows.
  void extend(const Columns& beside);

 private:
  void take(ColumnBuilder* builder);
  void append_column(const Column& column);

  size_t rows_ = 0;
  std::vector<Column> columns_;
};

/// Appends row `row` of `from`, a column of the same type, to `to`.
void append_row(const Column& from, size_t row, Column* to);

void bind_columns(nb::module_& m);

}  // namespace omendb::python
