#include "columns.h"

#include "rows.h"

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

/// omendb._shown.described
std::string describe(nb::handle value) {
  return nb::cast<std::string>(nb::module_::import_("omendb._shown").attr("described")(value));
}

/// omendb._json.encode
std::string json_of(nb::handle value) {
  return nb::cast<std::string>(nb::module_::import_("omendb._json").attr("encode")(value));
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
    for (size_t row = start; row < stop; ++row) to->valid.push_back(from.state(row));
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
    if (is_text(element_type(type))) out.string_offsets.assign(1, 0);
    return out;
  }
  switch (type) {
    case ColumnType::kBool: out.bools.assign(rows, 0); break;
    case ColumnType::kF64: out.doubles.assign(rows, 0); break;
    case ColumnType::kString:
    case ColumnType::kJson: out.string_offsets.assign(rows + 1, 0); break;
    default: out.ints.assign(rows, 0); break;
  }
  return out;
}

/// Whether a float equals this int. An int that rounds up to 2^63 has none, and a cast of 2^63 back
/// to an int would be undefined.
bool is_exact(int64_t value) {
  const auto nearest = static_cast<double>(value);
  return nearest < 9223372036854775808.0 && static_cast<int64_t>(nearest) == value;
}

std::optional<int64_t> inexact(const Column& column) {
  const auto at = std::find_if_not(column.ints.begin(), column.ints.end(), is_exact);
  return at == column.ints.end() ? std::nullopt : std::optional(*at);
}

/// @pre inexact() finds none.
void widen(Column* column) {
  column->doubles.assign(column->ints.begin(), column->ints.end());
  column->ints.clear();
  column->type = is_array(column->type) ? ColumnType::kF64Array : ColumnType::kF64;
}

/// An array column without elements, as one of another array type.
void retype(Column* column, ColumnType type) {
  column->type = type;
  column->string_offsets.assign(is_text(element_type(type)) ? 1 : 0, 0);
}

void widen_exactly(Column* column) {
  if (const auto number = inexact(*column)) {
    raise(StatusCode::kTypeMismatch, quoted(column->name) + " has floats and the int " +
                                         std::to_string(*number) + ", which no float equals");
  }
  widen(column);
}

/// Gives two columns of one name, from two batches, one type.
void make_alike(Column* first, Column* later) {
  if (is_array(first->type) && is_array(later->type)) {
    if (first->value_count() == 0) retype(first, later->type);
    if (later->value_count() == 0) retype(later, first->type);
  }
  const bool shapes = is_array(first->type) == is_array(later->type);
  const auto mixed = [&](const Column& ints, const Column& doubles) {
    return shapes && element_type(ints.type) == ColumnType::kI64 &&
           element_type(doubles.type) == ColumnType::kF64;
  };
  if (mixed(*first, *later)) widen_exactly(first);
  if (mixed(*later, *first)) widen_exactly(later);
  if (first->type == later->type) return;
  raise(StatusCode::kTypeMismatch,
        quoted(first->name) + " is " + std::string(column_type_name(first->type)) +
            " in one batch and " + std::string(column_type_name(later->type)) + " in a later one");
}

bool has_64_bits(nb::handle integer) {
  int overflow = 0;
  PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  return overflow == 0;
}

/// The type of a single value, if it has one of its own. Ints beyond 64 bits have none.
std::optional<ColumnType> typed_scalar(nb::handle value) {
  PyObject* p = value.ptr();
  if (PyBool_Check(p)) return ColumnType::kBool;
  if (PyLong_Check(p)) return has_64_bits(value) ? std::optional(ColumnType::kI64) : std::nullopt;
  if (PyFloat_Check(p)) return ColumnType::kF64;
  if (PyUnicode_Check(p)) return ColumnType::kString;
  if (is_datetime(value)) return ColumnType::kTimestamp;
  return std::nullopt;
}

/// @pre typed_scalar() is kI64.
bool is_exact_int(nb::handle value) {
  return is_exact(PyLong_AsLongLong(value.ptr()));
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
    if (const auto number = inexact(column_)) {
      refuse("a float after the int " + std::to_string(*number) + ", which no float equals");
    }
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
    case ColumnType::kJson:
      if (column_.string_offsets.empty()) column_.string_offsets.push_back(0);
      column_.string_offsets.push_back(column_.bytes.size());
      break;
    default: column_.ints.push_back(0); break;
  }
}

void ColumnBuilder::append_nulls(size_t count, uint8_t state) {
  if (count == 0) return;
  column_.valid.resize(rows_, kPresent);
  column_.valid.resize(rows_ + count, state);
  for (size_t i = 0; i < count; ++i, ++rows_) {
    if (shape_ == Shape::kArray) column_.list_offsets.push_back(column_.list_offsets.back());
    if (shape_ == Shape::kScalar) push_default();
  }
}

void ColumnBuilder::append(nb::handle value) {
  if (value.is_none()) return append_nulls(1, keyed_ ? kExplicitNull : kAbsent);
  nb::object keep;
  if (!is_plain(value)) {
    keep = plain_value(value);
    value = keep;
    if (value.is_none()) return append_nulls(1);
  }
  if (PyFloat_Check(value.ptr()) && std::isnan(PyFloat_AS_DOUBLE(value.ptr()))) {
    return append_nulls(1);
  }
  if (!json_ && !append_typed(value)) become_json();
  if (json_) append_json(value);
  ++rows_;
  if (!column_.valid.empty()) column_.valid.resize(rows_, kPresent);
}

nb::object ColumnBuilder::plain_value(nb::handle value) const {
  try {
    return plain(value);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_ValueError)) throw;
    refuse(nb::cast<std::string>(nb::str(error.value())));
  }
}

bool ColumnBuilder::append_typed(nb::handle value) {
  PyObject* p = value.ptr();
  if (PyList_Check(p) || PyTuple_Check(p)) {
    std::vector<nb::object> items;
    std::optional<ColumnType> type;
    if (!read_array(value, &items, &type)) return false;
    append_array(items, type, value);
    return true;
  }
  if (!typed_scalar(value)) return false;
  set_shape(Shape::kScalar, value);
  append_element(value);
  return true;
}

bool ColumnBuilder::read_array(nb::handle value, std::vector<nb::object>* items,
                               std::optional<ColumnType>* type) const {
  nb::object tuple = nb::steal(PySequence_Tuple(value.ptr()));
  if (!tuple.is_valid()) throw nb::python_error();
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.ptr());
  bool exact = true;
  for (Py_ssize_t i = 0; i < count; ++i) {
    nb::handle item = PyTuple_GET_ITEM(tuple.ptr(), i);
    items->push_back(is_plain(item) ? nb::borrow(item) : plain_value(item));
    const auto one = typed_scalar(items->back());
    if (!one) return false;
    exact = exact && (*one != ColumnType::kI64 || is_exact_int(items->back()));
    if (!*type) *type = one;
    if (**type == *one) continue;
    const bool numbers = (**type == ColumnType::kI64 && *one == ColumnType::kF64) ||
                         (**type == ColumnType::kF64 && *one == ColumnType::kI64);
    if (!numbers) return false;
    *type = ColumnType::kF64;
  }
  return *type != ColumnType::kF64 || exact;
}

void ColumnBuilder::append_array(const std::vector<nb::object>& items,
                                 std::optional<ColumnType> type, nb::handle value) {
  set_shape(Shape::kArray, value);
  if (type && !settle_type(*type)) conflict(value);
  for (const nb::object& item : items) append_element(item);
  column_.list_offsets.push_back(column_.list_offsets.back() + items.size());
}

void ColumnBuilder::append_json(nb::handle value) {
  try {
    column_.bytes += json_of(value);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError)) throw;
    refuse(nb::cast<std::string>(nb::str(error.value())));
  }
  column_.string_offsets.push_back(column_.bytes.size());
}

/// Writes the values so far again, as JSON.
void ColumnBuilder::become_json() {
  const std::optional<Column> before = take_typed();
  Column column;
  column.name = before ? before->name : column_.name;
  column.type = ColumnType::kJson;
  column.string_offsets.push_back(0);
  for (size_t row = 0; row < rows_; ++row) {
    if (before && before->is_valid(row)) column.bytes += json_of(value_at(*before, row));
    column.string_offsets.push_back(column.bytes.size());
  }
  if (before) column.valid = before->valid;
  if (!before && rows_ > 0) column.valid.assign(rows_, kAbsent);
  column_ = std::move(column);
  json_ = true;
  type_ = ColumnType::kJson;
  shape_ = Shape::kScalar;
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
    conflict(value);  // typed_scalar() lets nothing else through
  }
}

void ColumnBuilder::append_number(nb::handle value, ColumnType type) {
  if (!settle_type(type)) conflict(value);
  if (*type_ == ColumnType::kF64) {
    if (PyLong_Check(value.ptr()) && !is_exact_int(value)) {
      refuse("expected float as in the rows before it; no float equals " + describe(value));
    }
    const double number = PyFloat_AsDouble(value.ptr());
    column_.doubles.push_back(number);
    return;
  }
  column_.ints.push_back(PyLong_AsLongLong(value.ptr()));  // typed_scalar() let it through
}

std::optional<Column> ColumnBuilder::finish() {
  // Empty lists alone do not tell a type of element. JSON lets elements of any type follow.
  if (!type_ && shape_ == Shape::kArray) become_json();
  return take_typed();
}

std::optional<Column> ColumnBuilder::take_typed() {
  const bool nulls =
      std::find(column_.valid.begin(), column_.valid.end(), kExplicitNull) != column_.valid.end();
  if (!type_ && shape_ == Shape::kUnknown && !nulls) return std::nullopt;
  Column column = std::move(column_);
  if (shape_ == Shape::kArray) {
    column.type = array_of(type_.value_or(ColumnType::kString));
    if (is_text(element_type(column.type)) && column.string_offsets.empty()) {
      column.string_offsets.push_back(0);
    }
  } else if (!type_) {
    column.type = ColumnType::kJson;
    column.string_offsets.assign(rows_ + 1, 0);
  }
  return column;
}

// ---- Columns
// -------------------------------------------------------------------------------------

void Columns::take(ColumnBuilder* builder) {
  builder->append_nulls(rows_ - builder->rows());
  if (auto column = builder->finish()) columns_.push_back(std::move(*column));
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
      if (fresh) builders.emplace_back(at->first, /*keyed=*/true);
      ColumnBuilder& builder = builders[at->second];
      builder.append_nulls(row - builder.rows());
      builder.append(nb::borrow(value));
    }
  }
  for (ColumnBuilder& builder : builders) out.take(&builder);
  return out;
}

void Columns::add_values(std::string name, nb::handle values) {
  ColumnBuilder builder(name, /*keyed=*/false);
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
  for (const Column& column : columns_) {
    Column part = all_missing(column.name, column.type, 0);
    part.valid.clear();
    append_rows(column, start, stop, &part);
    out.columns_.push_back(std::move(part));
  }
  return out;
}

void Columns::append_column(const Column& column) {
  auto named = [&](const Column& c) { return c.name == column.name; };
  auto mine = std::find_if(columns_.begin(), columns_.end(), named);
  if (mine == columns_.end()) {
    columns_.push_back(all_missing(column.name, column.type, rows_));
    mine = columns_.end() - 1;
  }
  Column more = column;
  make_alike(&*mine, &more);
  append_rows(more, 0, more.row_count(), &*mine);
}

void Columns::append(const Columns& more) {
  for (const Column& column : more.columns_) append_column(column);
  rows_ += more.rows_;
  for (Column& column : columns_) {
    if (column.row_count() == rows_) continue;
    const size_t absent = rows_ - column.row_count();
    append_rows(all_missing(column.name, column.type, absent), 0, absent, &column);
  }
}

void Columns::extend(const Columns& beside) {
  if (beside.rows_ != rows_) {
    raise(StatusCode::kInvalidArgument, "metadata has " + std::to_string(beside.rows_) +
                                            " rows for " + std::to_string(rows_) + " vectors");
  }
  columns_.insert(columns_.end(), beside.columns_.begin(), beside.columns_.end());
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
