// Partial updates: points that are there already, changed in part.
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

/// The points as an update leaves them, in the form in which a put takes them.
struct UpdatedPoints {
  Points points;                              ///< vectors of those fields alone that do not change
  std::vector<std::vector<std::byte>> fresh;  ///< of the others
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

/// The points as they are to be: what the snapshot has of them, with the update laid over it.
/// @param may_become  as fit_columns() wants it.
/// @error kTypeMismatch, kLimitExceeded (beyond kMaxBatchBytes), kCorruption.
Result<UpdatedPoints> updated_points(const Snapshot& snapshot, const UpdateRows& rows,
                                     const PointUpdate& update,
                                     std::span<const FreshVectors> vectors,
                                     const column::MayBecome& may_become);

}  // namespace omendb::collection
