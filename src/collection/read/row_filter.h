// Which rows of a part are alive and match a filter.
#pragma once

#include <optional>

#include "base/bitmap.h"
#include "collection/state.h"
#include "filter/eval.h"

namespace omendb::collection {

/// A filter bound to a collection's columns. Immutable; shareable between threads.
class RowFilter {
 public:
  /// @error kInvalidFilter.
  static Result<RowFilter> bind(const Filter& where, const column::Schema& columns);

  bool has_filter() const { return filter_.has_value(); }
  /// Live rows that match.
  Result<Bitmap> matches(const Part& part) const;
  /// The same, or nothing if that is every row.
  Result<std::optional<Bitmap>> mask(const Part& part) const;

 private:
  std::optional<filter::BoundFilter> filter_;
};

}  // namespace omendb::collection
