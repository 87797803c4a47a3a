// Which rows of a part are alive and match a filter.
#pragma once

#include <optional>

#include "base/bitmap.h"
#include "collection/state.h"
#include "filter/eval.h"
#include "omendb/results.h"

namespace omendb::collection {

/// A filter bound to a collection's columns and ids. Immutable; shareable between threads.
class RowFilter {
 public:
  /// @error kInvalidFilter.
  static Result<RowFilter> bind(const Filter& where, const Snapshot& snapshot);

  bool has_filter() const { return filter_.has_value(); }
  /// Names in it that no point has.
  std::vector<FilterWarning> warnings() const;
  /// Live rows that match.
  Result<Bitmap> matches(const Part& part) const;
  /// The same, or nothing if that is every row.
  Result<std::optional<Bitmap>> mask(const Part& part) const;

 private:
  Result<Bitmap> rows_of(const Part& part, const Ids& ids) const;

  std::optional<filter::BoundFilter> filter_;
  IdKind id_kind_ = IdKind::kU64;
  std::optional<Ids> ids_;  ///< the only points that can match, where the filter lists them
};

}  // namespace omendb::collection
