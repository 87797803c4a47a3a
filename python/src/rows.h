// Points on their way out: what search, get and scan return.
#pragma once

#include <functional>
#include <optional>

#include "common.h"

namespace omendb::python {

/// The rows of one answer. Immutable and shared, so that NumPy views and Arrow arrays over them
/// outlive the Python object that they came from.
struct RowData {
  Points points = {};
  Metric metric = Metric::kL2;         ///< of a search, as is dim
  size_t dim = 0;                      ///< of the vectors that were searched
  bool with_vectors = false;           ///< whether they were asked for
  std::vector<float> distances = {};   ///< of a search; one a row
  std::vector<uint64_t> offsets = {};  ///< of a search; query q owns [offsets[q], offsets[q + 1])

  size_t count() const { return id_count(points.ids); }
  size_t row_bytes() const {
    return count() == 0 ? vector_bytes(points.element, points.dim)
                        : points.vectors.size() / count();
  }
  /// Of the vectors in one field.
  size_t row_bytes(const PointVectors& field) const {
    return count() == 0 ? vector_bytes(field.element, field.dim) : field.vectors.size() / count();
  }
};

/// The Python face of RowData.
class Rows {
 public:
  explicit Rows(RowData data) : data_(std::make_shared<const RowData>(std::move(data))) {}
  explicit Rows(std::shared_ptr<const RowData> data) : data_(std::move(data)) {}

  const RowData& data() const { return *data_; }

  std::pair<size_t, size_t> bounds(size_t query) const;
  nb::object id(size_t row) const;
  nb::tuple hit(size_t row) const;
  nb::object ids(size_t start, size_t stop) const;
  nb::object distances(size_t start, size_t stop) const;
  double score(size_t row) const;
  nb::object scores(size_t start, size_t stop) const;
  nb::object offsets() const;
  /// n x dim in the collection's element type (binary: packed uint8), or None if not asked for.
  /// Where the vector fields have names: a dict of such arrays, by field.
  nb::object vectors(size_t start, size_t stop) const;
  /// Where the vector fields have names and some of the rows have no vector: an array of bools, by
  /// field, true for those.
  nb::dict lacking(size_t start, size_t stop) const;
  /// The one vector of a row, or None if it was not asked for.
  nb::object vector(size_t row) const;
  /// Where the vector fields have names: the vectors of a row by field, None where it has none.
  nb::dict fields(size_t row) const;
  nb::dict metadata(size_t row) const;
  std::vector<std::string> columns() const;
  nb::list column(std::string_view name, size_t start, size_t stop) const;
  nb::capsule arrow_stream(size_t start, size_t stop, bool with_query) const;

 private:
  nb::object matrix(const std::vector<std::byte>& vectors, Element element, size_t row_bytes,
                    size_t start, size_t stop) const;
  nb::object row_of(const std::vector<std::byte>& vectors, Element element, size_t row) const;
  void check_row(size_t row) const;
  void check_range(size_t start, size_t stop) const;
  nb::object keep_alive() const;

  std::shared_ptr<const RowData> data_;
};

/// An Arrow C stream of what `next` gives, batch after batch, up to an empty one. All have the
/// columns and types of `like`, which is a batch that `next` will give, perhaps to another stream.
/// `next` may be called with or without the GIL, on any thread.
nb::capsule arrow_stream_of(std::shared_ptr<const RowData> like,
                            std::function<Result<std::shared_ptr<const RowData>>()> next);

/// Row `row` of a column as None, bool, int, float, str, datetime, or a list of these.
nb::object value_at(const Column& column, size_t row);

void bind_rows(nb::module_& m);

}  // namespace omendb::python
