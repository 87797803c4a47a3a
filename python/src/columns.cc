#include "columns.h"

#include <datetime.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace omendb::python {
namespace {

/// The value in a plain type: NumPy scalars, dates, pandas' NA and the like, as omendb._values
/// knows them.
nb::object plain(nb::handle value) {
  return nb::module_::import_("omendb._values").attr("plain")(value);
}

int64_t timestamp_us(nb::handle moment) {
  return nb::cast<int64_t>(nb::module_::import_("omendb._values").attr("timestamp_us")(moment));
}

bool is_datetime(nb::handle value) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  return PyDateTime_Check(value.ptr());
}

bool is_plain(nb::handle value) {
  PyObject* p = value.ptr();
  return PyBool_Check(p) || PyLong_CheckExact(p) || PyFloat_CheckExact(p) ||
         PyUnicode_CheckExact(p) || PyList_CheckExact(p) || PyTuple_CheckExact(p) ||
         value.is_none() || (is_datetime(value) && Py_TYPE(p) == PyDateTimeAPI->DateTimeType);
}

std::string describe(nb::handle value) {
  nb::object text = nb::steal(PyObject_Repr(value.ptr()));
  std::string repr = text.is_valid() ? nb::cast<std::string>(text) : "?";
  PyErr_Clear();
  if (repr.size() > 60) repr = repr.substr(0, 57) + "...";
  return std::string(Py_TYPE(value.ptr())->tp_name) + " " + repr;
}

std::string quoted(const std::string& name) {
  return "column \"" + name + "\"";
}

template <class T>
void append_range(const std::vector<T>& from, size_t start, size_t stop, std::vector<T>* to) {
  if (start == stop) return;
  to->insert(to->end(), from.begin() + static_cast<ptrdiff_t>(start),
             from.begin() + static_cast<ptrdiff_t>(stop));
}

/// Appends the values [start, stop) of `from`, which is of the same type.
void append_values(const Column& from, size_t start, size_t stop, Column* to) {
  switch (element_type(from.type)) {
    case ColumnType::kBool: return append_range(from.bools, start, stop, &to->bools);
    case ColumnType::kI64:
    case ColumnType::kTimestamp: return append_range(from.ints, start, stop, &to->ints);
    case ColumnType::kF64: return append_range(from.doubles, start, stop, &to->doubles);
    default: break;
  }
  if (to->string_offsets.empty()) to->string_offsets.push_back(0);
  for (size_t i = start; i < stop; ++i) {
    to->bytes += from.string_at(i);
    to->string_offsets.push_back(to->bytes.size());
  }
}

void append_rows(const Column& from, size_t start, size_t stop, Column* to) {
  const size_t before = to->row_count();
  if (!from.valid.empty() || !to->valid.empty()) {
    to->valid.resize(before, 1);
    for (size_t row = start; row < stop; ++row) to->valid.push_back(from.is_valid(row) ? 1 : 0);
  }
  if (!is_array(from.type)) return append_values(from, start, stop, to);
  if (to->list_offsets.empty()) to->list_offsets.push_back(0);
  const uint64_t shift = to->list_offsets.back() - from.list_offsets[start];
  for (size_t row = start; row < stop; ++row) {
    to->list_offsets.push_back(from.list_offsets[row + 1] + shift);
  }
  append_values(from, from.list_offsets[start], from.list_offsets[stop], to);
}

/// A column of `rows` missing values.
Column all_missing(const std::string& name, ColumnType type, size_t rows) {
  Column out;
  out.name = name;
  out.type = type;
  out.valid.assign(rows, 0);
  if (is_array(type)) {
    out.list_offsets.assign(rows + 1, 0);
    if (element_type(type) == ColumnType::kString) out.string_offsets.assign(1, 0);
    return out;
  }
  switch (type) {
    case ColumnType::kBool: out.bools.assign(rows, 0); break;
    case ColumnType::kF64: out.doubles.assign(rows, 0); break;
    case ColumnType::kString: out.string_offsets.assign(rows + 1, 0); break;
    default: out.ints.assign(rows, 0); break;
  }
  return out;
}

void widen(Column* column) {
  column->doubles.assign(column->ints.begin(), column->ints.end());
  column->ints.clear();
  column->type = is_array(column->type) ? ColumnType::kF64Array : ColumnType::kF64;
}

/// An array column without elements, as one of another array type.
Column retyped(Column column, ColumnType type) {
  column.type = type;
  column.string_offsets.assign(element_type(type) == ColumnType::kString ? 1 : 0, 0);
  return column;
}

}  // namespace

void append_row(const Column& from, size_t row, Column* to) {
  append_rows(from, row, row + 1, to);
}

// ---- ColumnBuilder
// -------------------------------------------------------------------------------

void ColumnBuilder::refuse(std::string_view why) const {
  raise(StatusCode::kTypeMismatch, "metadata row " + std::to_string(rows_) + ", " +
                                       quoted(column_.name) + ": " + std::string(why));
}

void ColumnBuilder::conflict(nb::handle value) const {
  const std::string expected(column_type_name(*type_));
  refuse("expected " + expected + (shape_ == Shape::kArray ? "[]" : "") +
         " as in the rows before it, got " + describe(value));
}

void ColumnBuilder::set_shape(Shape shape, nb::handle value) {
  if (shape_ == Shape::kUnknown) {
    shape_ = shape;
    if (shape == Shape::kArray) column_.list_offsets.assign(rows_ + 1, 0);
  } else if (shape_ != shape) {
    refuse(std::string("expected ") + (shape_ == Shape::kArray ? "an array" : "a single value") +
           " as in the rows before it, got " + describe(value));
  }
}

bool ColumnBuilder::settle_type(ColumnType type) {
  if (!type_) {
    type_ = type;
    column_.type = type;
    // Rows before this one were missing; a scalar column keeps a value for each of them.
    if (shape_ == Shape::kScalar) {
      for (size_t i = 0; i < rows_; ++i) push_default();
    }
    return true;
  }
  if (*type_ == ColumnType::kI64 && type == ColumnType::kF64) {
    widen(&column_);
    type_ = ColumnType::kF64;
    return true;
  }
  return *type_ == type || (*type_ == ColumnType::kF64 && type == ColumnType::kI64);
}

void ColumnBuilder::push_default() {
  if (!type_) return;
  switch (*type_) {
    case ColumnType::kBool: column_.bools.push_back(0); break;
    case ColumnType::kF64: column_.doubles.push_back(0); break;
    case ColumnType::kString:
      if (column_.string_offsets.empty()) column_.string_offsets.push_back(0);
      column_.string_offsets.push_back(column_.bytes.size());
      break;
    default: column_.ints.push_back(0); break;
  }
}

void ColumnBuilder::append_nulls(size_t count) {
  if (count == 0) return;
  column_.valid.resize(rows_, 1);
  column_.valid.resize(rows_ + count, 0);
  for (size_t i = 0; i < count; ++i, ++rows_) {
    if (shape_ == Shape::kArray) column_.list_offsets.push_back(column_.list_offsets.back());
    if (shape_ == Shape::kScalar) push_default();
  }
}

void ColumnBuilder::append(nb::handle value) {
  nb::object keep;
  if (!is_plain(value)) {
    keep = plain_value(value);
    value = keep;
  }
  PyObject* p = value.ptr();
  if (value.is_none()) return append_nulls(1);
  if (PyList_Check(p) || PyTuple_Check(p)) {
    append_array(value);
  } else if (PyFloat_Check(p) && std::isnan(PyFloat_AS_DOUBLE(p))) {
    return append_nulls(1);
  } else {
    append_scalar(value);
  }
  ++rows_;
  if (!column_.valid.empty()) column_.valid.resize(rows_, 1);
}

nb::object ColumnBuilder::plain_value(nb::handle value) const {
  try {
    return plain(value);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_OverflowError)) throw;
    refuse(nb::cast<std::string>(nb::str(error.value())));
  }
}

void ColumnBuilder::append_scalar(nb::handle value) {
  set_shape(Shape::kScalar, value);
  append_element(value);
}

void ColumnBuilder::append_array(nb::handle value) {
  set_shape(Shape::kArray, value);
  nb::object items = nb::steal(PySequence_Tuple(value.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  const Py_ssize_t count = PyTuple_GET_SIZE(items.ptr());
  for (Py_ssize_t i = 0; i < count; ++i) {
    nb::handle item = PyTuple_GET_ITEM(items.ptr(), i);
    nb::object keep = is_plain(item) ? nb::borrow(item) : plain_value(item);
    if (keep.is_none()) refuse("an array may not contain None; leave the element out");
    append_element(keep);
  }
  column_.list_offsets.push_back(column_.list_offsets.back() + static_cast<uint64_t>(count));
}

void ColumnBuilder::append_element(nb::handle value) {
  PyObject* p = value.ptr();
  if (PyBool_Check(p)) {
    if (!settle_type(ColumnType::kBool)) conflict(value);
    column_.bools.push_back(p == Py_True ? 1 : 0);
  } else if (PyLong_Check(p)) {
    append_number(value, ColumnType::kI64);
  } else if (PyFloat_Check(p)) {
    append_number(value, ColumnType::kF64);
  } else if (PyUnicode_Check(p)) {
    if (!settle_type(ColumnType::kString)) conflict(value);
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(p, &size);
    if (text == nullptr) {
      PyErr_Clear();
      refuse("the string holds a lone surrogate and has no UTF-8 form");
    }
    column_.bytes.append(text, static_cast<size_t>(size));
    if (column_.string_offsets.empty()) column_.string_offsets.push_back(0);
    column_.string_offsets.push_back(column_.bytes.size());
  } else if (is_datetime(value)) {
    if (!settle_type(ColumnType::kTimestamp)) conflict(value);
    column_.ints.push_back(timestamp_us(value));
  } else {
    refuse("expected None, bool, int, float, str, datetime or a list of one of these, got " +
           describe(value));
  }
}

void ColumnBuilder::append_number(nb::handle value, ColumnType type) {
  if (!settle_type(type)) conflict(value);
  if (*type_ == ColumnType::kF64) {
    const double number = PyFloat_AsDouble(value.ptr());
    if (number == -1.0 && PyErr_Occurred()) {
      PyErr_Clear();
      refuse("the int is too large for a float: " + describe(value));
    }
    column_.doubles.push_back(number);
    return;
  }
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow != 0) refuse("ints are 64 bits wide, got " + describe(value));
  column_.ints.push_back(number);
}

std::optional<Column> ColumnBuilder::finish(bool* untyped) {
  *untyped = shape_ == Shape::kArray && !type_;
  if (*untyped) type_ = ColumnType::kString;
  if (!type_) return std::nullopt;
  if (shape_ == Shape::kArray) {
    column_.type = array_of(*type_);
    if (*type_ == ColumnType::kString && column_.string_offsets.empty()) {
      column_.string_offsets.push_back(0);
    }
  }
  return std::move(column_);
}

// ---- Columns
// -------------------------------------------------------------------------------------

void Columns::take(ColumnBuilder* builder) {
  builder->append_nulls(rows_ - builder->rows());
  bool untyped = false;
  auto column = builder->finish(&untyped);
  if (column) (untyped ? empty_arrays_ : columns_).push_back(std::move(*column));
}

Columns Columns::from_rows(nb::list rows) {
  Columns out(nb::len(rows));
  std::vector<ColumnBuilder> builders;
  std::unordered_map<std::string, size_t> index;
  for (size_t row = 0; row < out.rows_; ++row) {
    nb::object record = nb::borrow(rows[row]);
    if (record.is_none()) continue;
    if (!PyDict_Check(record.ptr())) {
      raise(StatusCode::kTypeMismatch, "metadata row " + std::to_string(row) +
                                           ": expected a dict or None, got " + describe(record));
    }
    for (auto [key, value] : nb::borrow<nb::dict>(record)) {
      if (!PyUnicode_Check(key.ptr())) {
        raise(StatusCode::kTypeMismatch, "metadata row " + std::to_string(row) +
                                             ": expected a str as key, got " + describe(key));
      }
      std::string name;
      if (!nb::try_cast(key, name)) {
        raise(StatusCode::kInvalidArgument, "metadata row " + std::to_string(row) + ": the key " +
                                                describe(key) + " has no UTF-8 form");
      }
      auto [at, fresh] = index.try_emplace(std::move(name), builders.size());
      if (fresh) builders.emplace_back(at->first);
      ColumnBuilder& builder = builders[at->second];
      builder.append_nulls(row - builder.rows());
      builder.append(nb::borrow(value));
    }
  }
  for (ColumnBuilder& builder : builders) out.take(&builder);
  return out;
}

void Columns::add_values(std::string name, nb::handle values) {
  ColumnBuilder builder(name);
  nb::object items = nb::steal(PySequence_Tuple(values.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  if (static_cast<size_t>(PyTuple_GET_SIZE(items.ptr())) != rows_) {
    raise(StatusCode::kInvalidArgument, quoted(name) + " has " +
                                            std::to_string(PyTuple_GET_SIZE(items.ptr())) +
                                            " values for " + std::to_string(rows_) + " vectors");
  }
  for (size_t i = 0; i < rows_; ++i) {
    builder.append(PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i)));
  }
  take(&builder);
}

void Columns::add_array(std::string name, std::string_view type, nb::handle values,
                        nb::handle valid) {
  Column column;
  column.name = std::move(name);
  Buffer buffer(values);
  auto copy = [](auto from, auto* to) { to->assign(from.begin(), from.end()); };
  if (type == "bool") {
    column.type = ColumnType::kBool;
    copy(buffer.values<uint8_t>(), &column.bools);
  } else if (type == "f64") {
    column.type = ColumnType::kF64;
    copy(buffer.values<double>(), &column.doubles);
  } else {
    column.type = type == "timestamp" ? ColumnType::kTimestamp : ColumnType::kI64;
    copy(buffer.values<int64_t>(), &column.ints);
  }
  if (!valid.is_none()) {
    Buffer mask(valid);
    copy(mask.values<uint8_t>(), &column.valid);
  }
  if (column.row_count() != rows_) {
    raise(StatusCode::kInvalidArgument, quoted(column.name) + " has " +
                                            std::to_string(column.row_count()) + " values for " +
                                            std::to_string(rows_) + " vectors");
  }
  columns_.push_back(std::move(column));
}

size_t Columns::bytes() const {
  size_t total = 0;
  for (const Column& c : columns_) {
    total +=
        c.valid.size() + c.bools.size() + c.bytes.size() +
        8 * (c.ints.size() + c.doubles.size() + c.string_offsets.size() + c.list_offsets.size());
  }
  return total;
}

std::vector<std::string> Columns::names() const {
  std::vector<std::string> out;
  for (const Column& c : columns_) out.push_back(c.name);
  return out;
}

Columns Columns::slice(size_t start, size_t stop) const {
  Columns out(stop - start);
  auto cut = [&](const std::vector<Column>& from, std::vector<Column>* to) {
    for (const Column& column : from) {
      Column part = all_missing(column.name, column.type, 0);
      part.valid.clear();
      append_rows(column, start, stop, &part);
      to->push_back(std::move(part));
    }
  };
  cut(columns_, &out.columns_);
  cut(empty_arrays_, &out.empty_arrays_);
  return out;
}

void Columns::append_column(const Column& column) {
  auto named = [&](const Column& c) { return c.name == column.name; };
  auto empty = std::find_if(empty_arrays_.begin(), empty_arrays_.end(), named);
  auto mine = std::find_if(columns_.begin(), columns_.end(), named);
  if (mine == columns_.end()) {
    Column fresh = all_missing(column.name, column.type, rows_);
    if (empty != empty_arrays_.end() && is_array(column.type)) {
      fresh = retyped(std::move(*empty), column.type);
      empty_arrays_.erase(empty);
    }
    columns_.push_back(std::move(fresh));
    mine = columns_.end() - 1;
  }
  Column widened;
  const Column* from = &column;
  if (element_type(mine->type) == ColumnType::kI64 &&
      element_type(column.type) == ColumnType::kF64) {
    widen(&*mine);
  } else if (element_type(mine->type) == ColumnType::kF64 &&
             element_type(column.type) == ColumnType::kI64) {
    widened = column;
    widen(&widened);
    from = &widened;
  }
  if (mine->type != from->type) {
    raise(StatusCode::kTypeMismatch,
          quoted(column.name) + " is " + std::string(column_type_name(mine->type)) +
              " in one batch and " + std::string(column_type_name(from->type)) + " in a later one");
  }
  append_rows(*from, 0, from->row_count(), &*mine);
}

void Columns::append(const Columns& more) {
  for (const Column& column : more.columns_) append_column(column);
  for (const Column& column : more.empty_arrays_) {
    auto named = [&](const Column& c) { return c.name == column.name; };
    auto mine = std::find_if(columns_.begin(), columns_.end(), named);
    auto empty = std::find_if(empty_arrays_.begin(), empty_arrays_.end(), named);
    if (mine != columns_.end()) {
      append_column(is_array(mine->type) ? retyped(column, mine->type) : column);
    } else {
      if (empty == empty_arrays_.end()) {
        empty_arrays_.push_back(all_missing(column.name, column.type, rows_));
        empty = empty_arrays_.end() - 1;
      }
      append_rows(column, 0, column.row_count(), &*empty);
    }
  }
  rows_ += more.rows_;
  for (std::vector<Column>* columns : {&columns_, &empty_arrays_}) {
    for (Column& column : *columns) {
      if (column.row_count() == rows_) continue;
      const size_t absent = rows_ - column.row_count();
      append_rows(all_missing(column.name, column.type, absent), 0, absent, &column);
    }
  }
}

void Columns::extend(const Columns& beside) {
  if (beside.rows_ != rows_) {
    raise(StatusCode::kInvalidArgument, "metadata has " + std::to_string(beside.rows_) +
                                            " rows for " + std::to_string(rows_) + " vectors");
  }
  columns_.insert(columns_.end(), beside.columns_.begin(), beside.columns_.end());
  empty_arrays_.insert(empty_arrays_.end(), beside.empty_arrays_.begin(),
                       beside.empty_arrays_.end());
}

bool Columns::needs_schema() const {
  return !empty_arrays_.empty() ||
         std::any_of(columns_.begin(), columns_.end(),
                     [](const Column& c) { return element_type(c.type) == ColumnType::kI64; });
}

std::vector<Column> Columns::fit(
    const std::vector<std::pair<std::string, ColumnType>>& schema) const {
  std::vector<Column> out = columns_;
  auto type_of = [&](const std::string& name) -> std::optional<ColumnType> {
    for (const auto& [known, type] : schema) {
      if (known == name) return type;
    }
    return std::nullopt;
  };
  for (Column& column : out) {
    const auto type = type_of(column.name);
    const bool floats =
        type && element_type(*type) == ColumnType::kF64 && is_array(*type) == is_array(column.type);
    if (floats && element_type(column.type) == ColumnType::kI64) widen(&column);
  }
  for (const Column& column : empty_arrays_) {
    // Without a type to be found, an empty array is stored as a missing value.
    const auto type = type_of(column.name);
    if (type && is_array(*type)) out.push_back(retyped(column, *type));
  }
  return out;
}

void bind_columns(nb::module_& m) {
  Class<Columns>(m, "Columns", "The metadata of one batch, column by column.")
      .def(nb::init<size_t>(), nb::arg("rows"))
      .def_static("from_rows", &Columns::from_rows, nb::arg("rows"),
                  nb::sig("def from_rows(rows: list[typing.Any]) -> Columns"))
      .def("add_values", &Columns::add_values, nb::arg("name"), nb::arg("values"))
      .def("add_array", &Columns::add_array, nb::arg("name"), nb::arg("type"), nb::arg("values"),
           nb::arg("valid").none())
      .def("slice", &Columns::slice, nb::arg("start"), nb::arg("stop"))
      .def("append", &Columns::append, nb::arg("more"))
      .def("extend", &Columns::extend, nb::arg("beside"))
      .def("__len__", &Columns::rows)
      .def_prop_ro("nbytes", &Columns::bytes)
      .def_prop_ro("names", &Columns::names);
}

}  // namespace omendb::python
