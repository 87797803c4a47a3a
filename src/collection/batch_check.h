// Everything that can be wrong with a batch, found before anything is logged.
#pragma once

#include <vector>

#include "omendb/database.h"
#include "segment/growing_ids.h"
#include "segment/vector_spec.h"

namespace omendb::collection {

/// Vectors in the collection's element type: the caller's own, or a converted copy.
struct CheckedVectors {
  VectorsView view;
  std::vector<std::byte> converted;
};

/// Checks shape, limits and values, and converts f32 to the collection's element type where that
/// loses at most precision (f16), or checks and rounds (i8).
/// @param what  "vector" or "query", for messages.
/// @error kInvalidArgument (empty, NaN, Inf, zero under cosine), kDimensionMismatch, kTypeMismatch,
///        kLimitExceeded; each names the row.
Result<CheckedVectors> check_vectors(const VectorsView& vectors, const segment::VectorSpec& spec,
                                     std::string_view collection, std::string_view what);

/// Ids well-formed, as many as `rows`, each given once.
/// @error kInvalidArgument, kLimitExceeded.
Status check_ids(const IdsView& ids, size_t rows);
/// The same without uniqueness, for look-ups.
Status check_id_values(const IdsView& ids);

/// @error kTypeMismatch if the collection's ids are of the other kind.
Status check_id_kind(const IdsView& ids, std::optional<IdKind> kind, std::string_view collection);

Status check_collection_name(std::string_view name);
Status check_collection_options(const CollectionOptions& options);

}  // namespace omendb::collection
