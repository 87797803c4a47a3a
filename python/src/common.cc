#include "common.h"

#include <bit>
#include <cstring>

namespace omendb::python {

void raise(const Status& status) {
  nb::object error = nb::module_::import_("omendb.errors")
                         .attr("from_status")(static_cast<int>(status.code()), status.message());
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  throw nb::python_error();
}

void raise(StatusCode code, std::string message) {
  raise(Status(code, std::move(message)));
}

Buffer::Buffer(nb::handle object) {
  acquire(object);
}

void Buffer::acquire(nb::handle object) {
  if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_FORMAT | PyBUF_STRIDES) != 0) {
    throw nb::python_error();
  }
}

Buffer::~Buffer() {
  if (buffer_.obj != nullptr) PyBuffer_Release(&buffer_);
}

char Buffer::format() const {
  const char* text = buffer_.format == nullptr ? "B" : buffer_.format;
  const bool little = std::endian::native == std::endian::little;
  if (*text == '@' || *text == '=' || *text == (little ? '<' : '>')) ++text;
  return std::strlen(text) == 1 ? *text : '?';
}

size_t Buffer::checked_length(size_t item_bytes) const {
  const bool gapless = buffer_.ndim == 1 &&
                       buffer_.itemsize == static_cast<Py_ssize_t>(item_bytes) &&
                       (buffer_.shape[0] < 2 || buffer_.strides[0] == buffer_.itemsize);
  if (!gapless) {
    raise(StatusCode::kTypeMismatch, "expected a one-dimensional array without gaps of items of " +
                                         std::to_string(item_bytes) + " bytes, got " +
                                         std::to_string(buffer_.ndim) + " dimensions of items of " +
                                         std::to_string(buffer_.itemsize) + " bytes");
  }
  return static_cast<size_t>(buffer_.shape[0]);
}

VectorsIn::VectorsIn(nb::handle array, size_t bits) : buffer_(array) {
  const Py_buffer& b = buffer_.get();
  switch (buffer_.format()) {
    case 'f': view_.element = Element::kF32; break;
    case 'e': view_.element = Element::kF16; break;
    case 'b': view_.element = Element::kI8; break;
    case 'B': view_.element = Element::kBinary; break;
    default:
      raise(StatusCode::kTypeMismatch,
            "expected float32, float16, int8 or uint8 vectors, got a buffer of the format \"" +
                std::string(b.format == nullptr ? "B" : b.format) + "\"");
  }
  if (b.ndim != 1 && b.ndim != 2) {
    raise(StatusCode::kDimensionMismatch, "expected one vector or a matrix of vectors, got " +
                                              std::to_string(b.ndim) + " dimensions");
  }
  const int last = b.ndim - 1;
  const auto columns = static_cast<size_t>(b.shape[last]);
  view_.data = b.buf;
  view_.count = b.ndim == 1 ? 1 : static_cast<size_t>(b.shape[0]);
  view_.dim = view_.element == Element::kBinary && bits != 0 ? bits : columns;
  if (view_.element == Element::kBinary && bits == 0) view_.dim = columns * 8;
  const auto row_bytes = static_cast<Py_ssize_t>(columns) * b.itemsize;
  const bool gapless_rows = columns < 2 || b.strides[last] == b.itemsize;
  const bool forward = view_.count < 2 || b.strides[0] >= row_bytes;
  if (!gapless_rows || !forward ||
      row_bytes != static_cast<Py_ssize_t>(vector_bytes(view_.element, view_.dim))) {
    raise(StatusCode::kTypeMismatch, "expected vectors whose coordinates lie side by side, got " +
                                         std::to_string(columns) + " coordinates " +
                                         std::to_string(b.strides[last]) + " bytes apart");
  }
  if (view_.count > 1) view_.stride = static_cast<size_t>(b.strides[0]);
}

IdsIn::IdsIn(nb::handle ids) : keep_(nb::borrow(ids)) {
  if (ids.is_none()) return;
  if (!PyTuple_Check(ids.ptr())) {
    buffer_.acquire(ids);
    view_ = buffer_.values<uint64_t>();
    return;
  }
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(ids.ptr()));
  strings_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Py_ssize_t size = 0;
    const char* text =
        PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(ids.ptr(), static_cast<Py_ssize_t>(i)), &size);
    if (text == nullptr) throw nb::python_error();
    strings_.emplace_back(text, static_cast<size_t>(size));
  }
  view_ = std::span<const std::string_view>(strings_);
}

nb::object to_str(std::string_view utf8) {
  return nb::steal(
      PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "replace"));
}

nb::object ids_to_python(Ids ids) {
  if (auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) {
    auto owned = std::make_unique<std::vector<uint64_t>>(std::move(*numbers));
    uint64_t* data = owned->data();
    const size_t count = owned->size();
    nb::capsule owner(owned.release(),
                      [](void* p) noexcept { delete static_cast<std::vector<uint64_t>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, uint64_t, nb::ndim<1>>(data, {count}, owner));
  }
  nb::list out;
  for (const std::string& id : std::get<std::vector<std::string>>(ids)) out.append(to_str(id));
  return out;
}

}  // namespace omendb::python
