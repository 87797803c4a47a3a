// Partial updates: change parts of existing points.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "collection/read/fetch.h"
#include "collection/write/batch_check.h"
#include "column/convert.h"
#include "omendb/options.h"

namespace omendb::collection {

/// The vectors that an update gives for one field, checked.
struct FreshVectors {
  size_t field = 0;  ///< its place among the collection's fields
  CheckedVectors vectors;
};

/// The points that an update changes: which row each was, and which row of the update it takes.
struct UpdateRows {
  std::vector<RowAt> rows;
  /// Rows of PointUpdate::metadata, if that has one a point, and of its vectors.
  std::vector<size_t> change;
};

/// The points after an update, in the form that a put takes.
struct UpdatedPoints {
  Points points;                              ///< with the vectors of the fields that stay
  std::vector<std::vector<std::byte>> fresh;  ///< vectors of the fields that change
  std::vector<PutField> fields;               ///< all fields; they borrow from the two above
};

/// Checks an update by itself.
/// @param points  how many ids were given; none for a filter, which takes one row of metadata.
/// @return the checked vectors of the fields that change.
/// @error kInvalidArgument for an update of nothing or of a wrong number of rows; kNotFound for an
///        unknown field; what check_columns() and check_vectors() say.
Result<std::vector<FreshVectors>> check_update(const PointUpdate& update,
                                               std::optional<size_t> points,
                                               const segment::Fields& fields,
                                               std::string_view collection);

/// The points after the update: as the snapshot has them, with the changes applied.
/// @param may_become  as fit_columns() wants it.
/// @error kTypeMismatch, kLimitExceeded (beyond kMaxBatchBytes), kCorruption.
Result<UpdatedPoints> updated_points(const Snapshot& snapshot, const UpdateRows& rows,
                                     const PointUpdate& update,
                                     std::span<const FreshVectors> vectors,
                                     const column::MayBecome& may_become);

}  // namespace omendb::collection
