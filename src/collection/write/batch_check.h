// Everything that can be wrong with a batch, found before anything is logged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

  std::string of(size_t row) const {
    return std::string(what) + " " + std::to_string(first_row + row);
  }
};

/// Checks shape, limits and values, and converts f32 to the collection's element type where that
/// loses at most precision (f16), or checks and rounds (i8).
/// @error kInvalidArgument (empty, NaN, Inf, zero under cosine), kDimensionMismatch, kTypeMismatch,
///        kLimitExceeded; each names the row.
Result<CheckedVectors> check_vectors(const VectorsView& vectors, const segment::VectorSpec& spec,
                                     std::string_view collection, const RowNames& names);

/// Ids well-formed, as many as `rows`, each given once.
/// @error kInvalidArgument, kLimitExceeded.
Status check_ids(const IdsView& ids, size_t rows, uint64_t first_row = 0);
/// The same without uniqueness, for look-ups.
Status check_id_values(const IdsView& ids, uint64_t first_row = 0);

/// @error kTypeMismatch if the collection's ids are of the other kind.
Status check_id_kind(const IdsView& ids, std::optional<IdKind> kind, std::string_view collection);

Status check_collection_name(std::string_view name);
Status check_collection_options(const CollectionOptions& options);

}  // namespace omendb::collection
