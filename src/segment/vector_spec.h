// The vector fields of a collection: name, metric, element type and dimension.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "omendb/types.h"

namespace omendb::segment {

struct VectorSpec {
  size_t dim = 0;
  Metric metric = Metric::kL2;
  Element element = Element::kF32;

  size_t row_bytes() const { return vector_bytes(element, dim); }
  /// Binary vectors are their own one-bit code; all others get one.
  bool coded() const { return element != Element::kBinary; }
  bool operator==(const VectorSpec&) const = default;
};

/// A vector field. Files know it by its id, users by its name.
struct Field {
  FieldId id = kUnnamedField;
  std::string name;  ///< empty for the unnamed field
  VectorSpec spec;
  bool operator==(const Field&) const = default;
};

/// The fields of a collection, at least one, ids ascending. Every row has a vector in one of them
/// at least. Inside the engine a field is meant by its place in this list.
using Fields = std::vector<Field>;

inline Fields unnamed_field(const VectorSpec& spec) {
  return {{kUnnamedField, "", spec}};
}

/// Whether a dimension was declared, or taken from a first add.
inline bool dimensions_known(const Fields& fields) {
  return std::ranges::any_of(fields, [](const Field& field) { return field.spec.dim != 0; });
}

/// Whether vectors that were checked against one are what the other takes, dimensions apart.
inline bool same_but_for_dimensions(const Fields& a, const Fields& b) {
  return std::ranges::equal(a, b, [](const Field& x, const Field& y) {
    return x.id == y.id && x.name == y.name && x.spec.metric == y.spec.metric &&
           x.spec.element == y.spec.element;
  });
}

/// Bytes that the vectors of one row take, all fields together.
inline size_t row_bytes(const Fields& fields) {
  size_t bytes = 0;
  for (const Field& field : fields) bytes += field.spec.row_bytes();
  return bytes;
}

}  // namespace omendb::segment
