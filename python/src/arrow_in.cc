#include "arrow_in.h"

#include "arrow_decode.h"

namespace omendb::python {
namespace {

/// The pointer in a capsule that the Arrow PyCapsule interface names.
template <class T>
T* from_capsule(nb::handle capsule, const char* name) {
  auto* pointer = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (pointer == nullptr) throw nb::python_error();
  return pointer;
}

/// What the values of a column are, those of its dictionary if it has one.
const ArrowSchema& value_schema(const ArrowSchema& schema) {
  return schema.dictionary == nullptr ? schema : *schema.dictionary;
}

/// NumPy's idea of an Arrow number format; none for what is no real number.
std::optional<nb::dlpack::dtype> number_dtype(std::string_view format) {
  if (format.size() != 1) return std::nullopt;
  switch (format[0]) {
    case 'c': return nb::dtype<int8_t>();
    case 'C': return nb::dtype<uint8_t>();
    case 's': return nb::dtype<int16_t>();
    case 'S': return nb::dtype<uint16_t>();
    case 'i': return nb::dtype<int32_t>();
    case 'I': return nb::dtype<uint32_t>();
    case 'l': return nb::dtype<int64_t>();
    case 'L': return nb::dtype<uint64_t>();
    case 'e': return nb::dlpack::dtype{static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};
    case 'f': return nb::dtype<float>();
    case 'g': return nb::dtype<double>();
    default: return std::nullopt;
  }
}

}  // namespace

ArrowBatch::ArrowBatch(std::shared_ptr<const OwnedSchema> schema, ArrowArray array)
    : schema_(std::move(schema)), array_(array) {}

ArrowBatch::~ArrowBatch() {
  if (array_.release != nullptr) array_.release(&array_);
}

bool ArrowBatch::is_table() const {
  return std::string_view(schema_->schema.format) == "+s";
}

ArrowBatch::Field ArrowBatch::field(size_t column) const {
  if (!is_table()) return {&schema_->schema, &array_, 0, "vector"};
  if (column >= static_cast<size_t>(array_.n_children)) throw nb::index_error("no such column");
  const ArrowSchema* schema = schema_->schema.children[column];
  return {schema, array_.children[column], array_.offset,
          schema->name == nullptr ? "" : schema->name};
}

std::vector<std::string> ArrowBatch::names() const {
  std::vector<std::string> out;
  const size_t count = is_table() ? static_cast<size_t>(array_.n_children) : 1;
  for (size_t i = 0; i < count; ++i) out.push_back(field(i).name);
  return out;
}

std::vector<std::string> ArrowBatch::kinds() const {
  std::vector<std::string> out;
  const size_t count = is_table() ? static_cast<size_t>(array_.n_children) : 1;
  for (size_t i = 0; i < count; ++i) {
    const ArrowSchema& schema = value_schema(*field(i).schema);
    const std::string_view format = schema.format;
    const bool bytes = format.starts_with("w:") && field(i).schema->dictionary == nullptr;
    const bool numbers = is_arrow_list(format) && schema.n_children == 1 &&
                         number_dtype(schema.children[0]->format).has_value();
    out.emplace_back(numbers                   ? "vector"
                     : bytes                   ? "bytes"
                     : is_arrow_int(format)    ? "int"
                     : is_arrow_float(format)  ? "float"
                     : is_arrow_string(format) ? "string"
                                               : "other");
  }
  return out;
}

void ArrowBatch::refuse_null_vectors(const Field& f) const {
  for (int64_t row = 0; row < array_.length; ++row) {
    if (arrow_valid(*f.array, f.first + row)) continue;
    raise(StatusCode::kInvalidArgument,
          "column \"" + f.name + "\", row " + std::to_string(row) + ": the vector is null");
  }
}

nb::object ArrowBatch::packed_bits(size_t column, nb::handle owner) const {
  const Field f = field(column);
  refuse_null_vectors(f);
  const size_t width = std::stoul(f.schema->format + 2);  // after "w:"
  const size_t shape[2] = {rows(), width};
  const auto* data = static_cast<const uint8_t*>(f.array->buffers[1]) +
                     static_cast<size_t>(f.first + f.array->offset) * width;
  using View = nb::ndarray<nb::numpy, nb::ro>;
  return nb::cast(View(data, 2, shape, owner, nullptr, nb::dtype<uint8_t>()));
}

nb::object ArrowBatch::vectors(size_t column, nb::handle owner) const {
  const Field f = field(column);
  const std::string_view format = f.schema->format;
  if (kinds()[column] == "bytes") return packed_bits(column, owner);
  if (!is_arrow_list(format) || f.schema->n_children != 1 ||
      !number_dtype(f.schema->children[0]->format)) {
    raise(StatusCode::kTypeMismatch, "column \"" + f.name + "\": expected lists of numbers, got " +
                                         arrow_type_name(*f.schema));
  }
  const nb::dlpack::dtype dtype = *number_dtype(f.schema->children[0]->format);
  const ArrowArray& values = *f.array->children[0];
  int64_t dim = 0;
  int64_t begin = 0;
  refuse_null_vectors(f);
  for (int64_t row = 0; row < array_.length; ++row) {
    const auto [start, stop] = arrow_list(format, *f.array, f.first + row);
    if (row == 0) {
      dim = stop - start;
      begin = start;
    } else if (stop - start != dim) {
      raise(StatusCode::kDimensionMismatch,
            "column \"" + f.name + "\", row " + std::to_string(row) + " has " +
                std::to_string(stop - start) + " dimensions; the rows before it have " +
                std::to_string(dim));
    }
  }
  for (int64_t i = begin; values.null_count != 0 && i < begin + dim * array_.length; ++i) {
    if (!arrow_valid(values, i)) {
      raise(StatusCode::kInvalidArgument, "column \"" + f.name + "\", row " +
                                              std::to_string((i - begin) / dim) +
                                              ": a coordinate is null");
    }
  }
  const size_t shape[2] = {rows(), static_cast<size_t>(dim)};
  const auto* data = static_cast<const char*>(values.buffers[1]) +
                     static_cast<size_t>(begin + values.offset) * (dtype.bits / 8U);
  using View = nb::ndarray<nb::numpy, nb::ro>;
  return nb::cast(View(data, 2, shape, owner, nullptr, dtype));
}

nb::object ArrowBatch::vector(nb::handle owner) const {
  const ArrowSchema& schema = schema_->schema;
  const auto dtype = number_dtype(schema.format);
  if (!dtype || schema.dictionary != nullptr) {
    raise(
        StatusCode::kTypeMismatch,
        "expected an array of numbers, got " +
            (schema.dictionary == nullptr ? arrow_type_name(schema) : "a dictionary-encoded one"));
  }
  for (int64_t i = 0; i < array_.length; ++i) {
    if (!arrow_valid(array_, i)) {
      raise(StatusCode::kInvalidArgument, "coordinate " + std::to_string(i) + " is null");
    }
  }
  const size_t shape[1] = {rows()};
  const auto* data = static_cast<const char*>(array_.buffers[1]) +
                     static_cast<size_t>(array_.offset) * (dtype->bits / 8U);
  using View = nb::ndarray<nb::numpy, nb::ro>;
  return nb::cast(View(data, 1, shape, owner, nullptr, *dtype));
}

std::pair<const ArrowArray*, int64_t> ArrowBatch::id_at(const Field& f, int64_t row) {
  const ArrowArray* array = f.array;
  int64_t at = f.first + row;
  bool present = arrow_valid(*array, at);
  if (present && f.schema->dictionary != nullptr) {
    at = arrow_dictionary_index(f.name, *f.schema, *array, at);
    array = array->dictionary;
    present = arrow_valid(*array, at);
  }
  if (present) return {array, at};
  raise(StatusCode::kInvalidArgument,
        "column \"" + f.name + "\", row " + std::to_string(row) + ": the id is null");
}

nb::object ArrowBatch::ids(size_t column) const {
  Field f = field(column);
  if (!is_table()) f.name = "ids";
  const ArrowSchema& schema = value_schema(*f.schema);
  const std::string_view format = schema.format;
  if (!is_arrow_int(format) && !is_arrow_string(format)) {
    raise(StatusCode::kTypeMismatch,
          "column \"" + f.name + "\": ids are integers or strings, got " + arrow_type_name(schema));
  }
  if (is_arrow_string(format)) {
    nb::list out;
    for (int64_t row = 0; row < array_.length; ++row) {
      const auto [array, at] = id_at(f, row);
      out.append(to_str(arrow_string(format, *array, at)));
    }
    return out;
  }
  std::vector<uint64_t> out;
  out.reserve(rows());
  for (int64_t row = 0; row < array_.length; ++row) {
    const auto [array, at] = id_at(f, row);
    bool fits = true;
    const int64_t id = arrow_int(format[0], *array, at, &fits);
    if (fits && id < 0) {
      raise(StatusCode::kInvalidArgument, "column \"" + f.name + "\", row " + std::to_string(row) +
                                              ": ids are not negative, got " + std::to_string(id));
    }
    out.push_back(static_cast<uint64_t>(id));
  }
  return ids_to_python(Ids(std::move(out)));
}

Columns ArrowBatch::columns(const std::vector<size_t>& which,
                            const std::vector<std::string>& names) const {
  Columns out(rows());
  for (size_t i = 0; i < which.size(); ++i) {
    const Field f = field(which[i]);
    auto column = decode_column(*f.schema, *f.array, f.first, array_.length,
                                i < names.size() ? names[i] : f.name);
    if (column) out.add(std::move(*column));
  }
  return out;
}

// ---- ArrowReader
// ---------------------------------------------------------------------------------

ArrowReader::ArrowReader(nb::handle object) : schema_(std::make_shared<OwnedSchema>()) {
  if (nb::hasattr(object, "__arrow_c_stream__")) {
    nb::object capsule = object.attr("__arrow_c_stream__")();
    auto* stream = from_capsule<ArrowArrayStream>(capsule, "arrow_array_stream");
    stream_ = *stream;
    stream->release = nullptr;  // moved
    if (stream_.get_schema(&stream_, &schema_->schema) != 0) {
      raise(StatusCode::kInvalidArgument, "an Arrow stream could not give its schema");
    }
    return;
  }
  nb::object pair = object.attr("__arrow_c_array__")();
  auto* schema = from_capsule<ArrowSchema>(pair[0], "arrow_schema");
  auto* array = from_capsule<ArrowArray>(pair[1], "arrow_array");
  schema_->schema = *schema;
  schema->release = nullptr;
  single_ = *array;
  array->release = nullptr;
}

ArrowReader::~ArrowReader() {
  if (single_.release != nullptr) single_.release(&single_);
  if (stream_.release != nullptr) stream_.release(&stream_);
}

std::unique_ptr<ArrowBatch> ArrowReader::next() {
  if (single_.release != nullptr) {
    ArrowArray array = single_;
    single_.release = nullptr;
    return std::make_unique<ArrowBatch>(schema_, array);
  }
  while (stream_.release != nullptr) {
    ArrowArray array{};
    if (stream_.get_next(&stream_, &array) != 0) {
      const char* why = stream_.get_last_error(&stream_);
      raise(StatusCode::kInvalidArgument,
            std::string("an Arrow stream failed: ") + (why == nullptr ? "no reason given" : why));
    }
    if (array.release == nullptr) return nullptr;
    auto batch = std::make_unique<ArrowBatch>(schema_, array);
    if (batch->rows() != 0) return batch;
  }
  return nullptr;
}

void bind_arrow(nb::module_& m) {
  Class<ArrowBatch>(m, "ArrowBatch", "One Arrow record batch, or one bare array.")
      .def("__len__", &ArrowBatch::rows)
      .def_prop_ro("is_table", &ArrowBatch::is_table)
      .def_prop_ro("names", &ArrowBatch::names)
      .def_prop_ro("kinds", &ArrowBatch::kinds)
      .def(
          "vectors",
          [](nb::handle self, size_t column) {
            return nb::cast<const ArrowBatch&>(self).vectors(column, self);
          },
          nb::arg("column"), nb::sig("def vectors(self, column: int) -> typing.Any"))
      .def(
          "vector", [](nb::handle self) { return nb::cast<const ArrowBatch&>(self).vector(self); },
          nb::sig("def vector(self) -> typing.Any"))
      .def("ids", &ArrowBatch::ids, nb::arg("column"),
           nb::sig("def ids(self, column: int) -> typing.Any"))
      .def("columns", &ArrowBatch::columns, nb::arg("which"), nb::arg("names"));
  Class<ArrowReader>(m, "ArrowReader", "Record batches of an Arrow object, as they come.")
      .def(nb::init<nb::handle>(), nb::arg("object"))
      .def(
          "next", [](ArrowReader& reader) { return reader.next().release(); },
          nb::rv_policy::take_ownership, nb::sig("def next(self) -> ArrowBatch | None"));
}

}  // namespace omendb::python
