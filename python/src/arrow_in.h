// Arrow data on its way in, through the C Data Interface and PyCapsules.
#pragma once

#include "arrow_abi.h"
#include "columns.h"

namespace omendb::python {

/// A schema that this process owns and releases.
struct OwnedSchema {
  ArrowSchema schema{};
  OwnedSchema() = default;
  OwnedSchema(const OwnedSchema&) = delete;
  OwnedSchema& operator=(const OwnedSchema&) = delete;
  ~OwnedSchema() {
    if (schema.release != nullptr) schema.release(&schema);
  }
};

/// One record batch (or one bare array) with its schema. Views over it keep it alive.
class ArrowBatch {
 public:
  ArrowBatch(std::shared_ptr<const OwnedSchema> schema, ArrowArray array);
  ArrowBatch(const ArrowBatch&) = delete;
  ArrowBatch& operator=(const ArrowBatch&) = delete;
  ~ArrowBatch();

  size_t rows() const { return static_cast<size_t>(array_.length); }
  bool is_table() const;
  std::vector<std::string> names() const;
  /// "vector" (a list of numbers), "bytes" (of one width), "int", "float", "string" or "other", one
  /// a column; of a dictionary-encoded column, what its values are.
  std::vector<std::string> kinds() const;

  /// n x dim over the array's own memory; n x width of uint8 for a column of "bytes".
  /// @param owner  the Python object of this batch, which the view keeps alive.
  nb::object vectors(size_t column, nb::handle owner) const;
  /// A bare array of numbers as one vector over its own memory.
  nb::object vector(nb::handle owner) const;
  /// A uint64 array or a list of str; a dictionary-encoded column is decoded.
  nb::object ids(size_t column) const;
  Columns columns(const std::vector<size_t>& which, const std::vector<std::string>& names) const;

 private:
  /// A column and the first of its rows that belongs to this batch.
  struct Field {
    const ArrowSchema* schema;
    const ArrowArray* array;
    int64_t first;
    std::string name;
  };
  Field field(size_t column) const;
  nb::object packed_bits(size_t column, nb::handle owner) const;
  void refuse_null_vectors(const Field& field) const;
  /// The array and the place in it that hold the id of a row, in the dictionary if there is one.
  static std::pair<const ArrowArray*, int64_t> id_at(const Field& field, int64_t row);

  std::shared_ptr<const OwnedSchema> schema_;
  ArrowArray array_;
};

/// Record batches as they come.
class ArrowReader {
 public:
  /// @param object  has __arrow_c_stream__ or __arrow_c_array__.
  explicit ArrowReader(nb::handle object);
  ArrowReader(const ArrowReader&) = delete;
  ArrowReader& operator=(const ArrowReader&) = delete;
  ~ArrowReader();

  /// The next batch that has rows, or null at the end.
  std::unique_ptr<ArrowBatch> next();

 private:
  std::unique_ptr<ArrowBatch> take(ArrowArray array);

  std::shared_ptr<OwnedSchema> schema_;
  ArrowArrayStream stream_{};
  ArrowArray single_{};
};

void bind_arrow(nb::module_& m);

}  // namespace omendb::python
