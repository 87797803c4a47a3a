// Checks everything about a batch before anything is logged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collection/write/operation.h"
#include "omendb/options.h"
#include "segment/growing_ids.h"
#include "segment/vector_spec.h"

namespace omendb::collection {

/// Vectors in the collection's element type: the caller's own, or a converted copy.
struct CheckedVectors {
  VectorsView view;
  std::vector<std::byte> converted;
};

/// What messages call the rows of a batch.
struct RowNames {
  std::string_view what;   ///< "vector", "query"
  uint64_t first_row = 0;  ///< the number of the first
  std::string_view field;  ///< empty for the unnamed one

  std::string of(size_t row) const;
  /// Whose dimension and type they must have, for messages: the collection, or a field of it.
  std::string holder(std::string_view collection) const;
};

/// Checks shape, limits and values, and converts f32 to the collection's element type where that
/// loses at most precision (f16), or checks and rounds (i8).
/// @param present  the rows to look at; null: all.
/// @error kInvalidArgument (NaN, Inf, zero under cosine), kDimensionMismatch, kTypeMismatch,
///        kLimitExceeded; each names the row.
Result<CheckedVectors> check_vectors(const VectorsView& vectors, const segment::VectorSpec& spec,
                                     std::string_view collection, const RowNames& names,
                                     const Bitmap* present = nullptr);

/// A batch's vectors in every field of its collection, in the order of the fields.
struct CheckedBatch {
  uint32_t rows = 0;
  std::vector<PutField> fields;
  std::vector<std::vector<std::byte>> converted;  ///< what `fields` borrow from
  size_t vector_bytes = 0;
};

/// Checks that the batch has vectors of the collection's fields and of no others, one row a point
/// in each, that each point has one at least, and each vector as check_vectors() does.
/// @error kNotFound for a field that the collection lacks, and the errors of check_vectors().
Result<CheckedBatch> check_batch(const WriteBatch& batch, const segment::Fields& fields,
                                 std::string_view collection);

/// The fields with the dimensions that a put settles; the same if they were settled.
std::shared_ptr<const segment::Fields> settled_fields(std::shared_ptr<const segment::Fields> fields,
                                                      const PutOperation& put);
/// What a logged put has in each field of its collection; none unless it is of the fields' types
/// and dimensions, has vectors in no others, and each point has one.
std::optional<std::vector<PutField>> fitted_fields(const PutOperation& put,
                                                   const segment::Fields& fields);

/// The place of the field that a caller names; the name may be empty where there is one field.
/// @error kInvalidArgument, kNotFound; both list the fields.
Result<size_t> find_field(const segment::Fields& fields, std::string_view name,
                          std::string_view collection);

/// Ids well-formed, as many as `rows`, each given once.
/// @error kInvalidArgument, kLimitExceeded.
Status check_ids(const IdsView& ids, size_t rows, uint64_t first_row = 0);
/// The same without uniqueness, for look-ups.
Status check_id_values(const IdsView& ids, uint64_t first_row = 0);

/// @error kTypeMismatch if the collection's ids are of the other kind.
Status check_id_kind(const IdsView& ids, std::optional<IdKind> kind, std::string_view collection);

Status check_collection_name(std::string_view name);
Status check_collection_options(const CollectionOptions& options);
/// Whether a collection can have the fields that a file says it has.
Status check_fields(const segment::Fields& fields);

}  // namespace omendb::collection
