// Arrow data on its way in, through PyCapsules. What reads the arrays is in arrow/.
#pragma once

#include "arrow/batch.h"
#include "columns.h"

namespace omendb::python {

/// The Python face of ArrowTable. Views over it keep it alive.
class ArrowBatch {
 public:
  explicit ArrowBatch(std::unique_ptr<ArrowTable> table) : table_(std::move(table)) {}

  const ArrowTable& table() const { return *table_; }

  /// n x dim, over the array's own memory where it can be; uint8 for a column of bytes.
  /// @param owner  the Python object of this batch, which the view keeps alive.
  nb::object vectors(size_t column, nb::handle owner) const;
  /// (the same of the rows that are not null, which rows those are: one byte a row)
  nb::tuple present_vectors(size_t column, nb::handle owner) const;
  /// A bare array of numbers as one vector over its own memory.
  nb::object vector(nb::handle owner) const;
  /// A uint64 array or a list of str.
  nb::object ids(size_t column) const;
  Columns columns(const std::vector<size_t>& which, const std::vector<std::string>& names) const;

 private:
  void check_column(size_t column) const;

  std::unique_ptr<ArrowTable> table_;
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
  std::shared_ptr<OwnedSchema> schema_;
  ArrowArrayStream stream_{};
  ArrowArray single_{};
};

void bind_arrow(nb::module_& m);

}  // namespace omendb::python
