// What every file of the extension needs: nanobind, the way errors reach Python, and the way Python
// objects lend their memory.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exit.h"
#include "omendb/database.h"

namespace omendb::python {

namespace nb = nanobind;

/// Throws the exception of omendb.errors that belongs to the status. Needs the GIL.
[[noreturn]] void raise(const Status& status);
[[noreturn]] void raise(StatusCode code, std::string message);

template <class T>
T unwrap(Result<T> result) {
  if (!result.ok()) raise(result.status());
  return std::move(result).value();
}
inline void unwrap(const Status& status) {
  if (!status.ok()) raise(status);
}

/// Runs `work` without the GIL; it must touch no Python object.
template <class Work>
auto without_gil(Work&& work) {
  GilReleased released;
  return std::forward<Work>(work)();
}

/// A Python buffer, held for as long as this lives. Made and destroyed with the GIL held.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(nb::handle object);
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  void acquire(nb::handle object);
  const Py_buffer& get() const { return buffer_; }
  /// The one-letter type code, native order; '?' for anything else.
  char format() const;
  /// Values of a one-dimensional, gapless buffer whose items are sizeof(T) bytes.
  template <class T>
  std::span<const T> values() const {
    return {static_cast<const T*>(buffer_.buf), checked_length(sizeof(T))};
  }

 private:
  size_t checked_length(size_t item_bytes) const;
  Py_buffer buffer_{};
};

/// Vectors lent by a 1-d or 2-d array whose rows are gapless: float32, float16, int8, or uint8 for
/// packed bits (then `bits` is their dimension).
class VectorsIn {
 public:
  VectorsIn(nb::handle array, size_t bits);
  const VectorsView& view() const { return view_; }

 private:
  Buffer buffer_;
  VectorsView view_;
};

/// Ids lent by None, a uint64 array, or a tuple of str.
class IdsIn {
 public:
  explicit IdsIn(nb::handle ids);
  const IdsView& view() const { return view_; }

 private:
  nb::object keep_;
  Buffer buffer_;
  std::vector<std::string_view> strings_;
  IdsView view_;
};

/// A uint64 array, or a list of str.
nb::object ids_to_python(Ids ids);

/// A str from UTF-8; what is not UTF-8 shows as U+FFFD rather than failing a read.
nb::object to_str(std::string_view utf8);

}  // namespace omendb::python
