#include "arrow_in.h"

#include "arrow/check.h"

namespace omendb::python {
namespace {

/// The pointer in a capsule that the Arrow PyCapsule interface names.
template <class T>
T* from_capsule(nb::handle capsule, const char* name) {
  auto* pointer = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (pointer == nullptr) throw nb::python_error();
  return pointer;
}

/// The NumPy type of an Arrow number format.
nb::dlpack::dtype number_dtype(char format) {
  switch (format) {
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
    default: return nb::dtype<double>();
  }
}

/// A NumPy view, of one dimension if `flat`, that keeps `owner` or its own copy alive.
nb::object view(ArrowMatrix matrix, bool flat, nb::handle owner) {
  const size_t shape[2] = {matrix.rows, matrix.columns};
  const nb::dlpack::dtype dtype = number_dtype(matrix.format);
  using View = nb::ndarray<nb::numpy, nb::ro>;
  if (!matrix.owned.empty()) {
    auto* kept = new std::vector<std::byte>(std::move(matrix.owned));
    nb::capsule keep(kept,
                     [](void* p) noexcept { delete static_cast<std::vector<std::byte>*>(p); });
    return nb::cast(View(kept->data(), 2, shape, keep, nullptr, dtype));
  }
  return nb::cast(View(matrix.data, flat ? 1 : 2, flat ? shape + 1 : shape, owner, nullptr, dtype));
}

}  // namespace

void ArrowBatch::check_column(size_t column) const {
  if (column >= table_->column_count()) throw nb::index_error("no such column");
}

nb::object ArrowBatch::vectors(size_t column, nb::handle owner) const {
  check_column(column);
  return view(unwrap(table_->vectors(column)), false, owner);
}

nb::tuple ArrowBatch::present_vectors(size_t column, nb::handle owner) const {
  check_column(column);
  ArrowMatrix matrix = unwrap(table_->present_vectors(column));
  const nb::bytes present(reinterpret_cast<const char*>(matrix.present.data()),
                          matrix.present.size());
  return nb::make_tuple(view(std::move(matrix), false, owner), present);
}

nb::object ArrowBatch::vector(nb::handle owner) const {
  return view(unwrap(table_->vector()), true, owner);
}

nb::object ArrowBatch::ids(size_t column) const {
  check_column(column);
  return ids_to_python(unwrap(table_->ids(column)));
}

Columns ArrowBatch::columns(const std::vector<size_t>& which,
                            const std::vector<std::string>& names) const {
  Columns out(table_->rows());
  const std::vector<std::string> own = table_->names();
  for (size_t i = 0; i < which.size(); ++i) {
    check_column(which[i]);
    auto column = unwrap(table_->column(which[i], i < names.size() ? names[i] : own[which[i]]));
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
    if (stream->release == nullptr) {
      raise(StatusCode::kInvalidArgument, "an Arrow stream was already read; make a new one");
    }
    stream_ = *stream;
    stream->release = nullptr;  // moved
    if (stream_.get_schema(&stream_, &schema_->schema) != 0) {
      const char* why = stream_.get_last_error(&stream_);
      std::string text = why == nullptr ? "no reason given" : why;
      stream_.release(&stream_);
      raise(StatusCode::kInvalidArgument, "an Arrow stream could not give its schema: " + text);
    }
  } else {
    nb::object pair = object.attr("__arrow_c_array__")();
    auto* schema = from_capsule<ArrowSchema>(pair[0], "arrow_schema");
    auto* array = from_capsule<ArrowArray>(pair[1], "arrow_array");
    schema_->schema = *schema;
    schema->release = nullptr;
    single_ = *array;
    array->release = nullptr;
  }
  const Status status = check_arrow_schema(schema_->schema);
  if (status.ok()) return;
  // If a constructor throws, its object's destructor does not run.
  if (single_.release != nullptr) single_.release(&single_);
  if (stream_.release != nullptr) stream_.release(&stream_);
  raise(status);
}

ArrowReader::~ArrowReader() {
  if (single_.release != nullptr) single_.release(&single_);
  if (stream_.release != nullptr) stream_.release(&stream_);
}

std::unique_ptr<ArrowBatch> ArrowReader::next() {
  if (single_.release != nullptr) {
    ArrowArray array = single_;
    single_.release = nullptr;
    return std::make_unique<ArrowBatch>(unwrap(ArrowTable::take(schema_, array)));
  }
  while (stream_.release != nullptr) {
    ArrowArray array{};
    if (stream_.get_next(&stream_, &array) != 0) {
      const char* why = stream_.get_last_error(&stream_);
      raise(StatusCode::kInvalidArgument,
            std::string("an Arrow stream failed: ") + (why == nullptr ? "no reason given" : why));
    }
    if (array.release == nullptr) return nullptr;
    auto batch = unwrap(ArrowTable::take(schema_, array));
    if (batch->rows() != 0) return std::make_unique<ArrowBatch>(std::move(batch));
  }
  return nullptr;
}

void bind_arrow(nb::module_& m) {
  Class<ArrowBatch>(m, "ArrowBatch", "One Arrow record batch, or one bare array.")
      .def("__len__", [](const ArrowBatch& b) { return b.table().rows(); })
      .def_prop_ro("is_table", [](const ArrowBatch& b) { return b.table().is_table(); })
      .def_prop_ro("names", [](const ArrowBatch& b) { return b.table().names(); })
      .def_prop_ro("kinds", [](const ArrowBatch& b) { return b.table().kinds(); })
      .def(
          "vectors",
          [](nb::handle self, size_t column) {
            return nb::cast<const ArrowBatch&>(self).vectors(column, self);
          },
          nb::arg("column"), nb::sig("def vectors(self, column: int) -> typing.Any"))
      .def(
          "present_vectors",
          [](nb::handle self, size_t column) {
            return nb::cast<const ArrowBatch&>(self).present_vectors(column, self);
          },
          nb::arg("column"),
          nb::sig("def present_vectors(self, column: int) -> tuple[typing.Any, bytes]"))
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
