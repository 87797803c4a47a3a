// Between the collection's words and the manifest's.
#pragma once

#include <string>
#include <vector>

#include "collection/state.h"
#include "omendb/options.h"
#include "storage/manifest.h"

namespace omendb::internal {

collection::CollectionState state_from_meta(const storage::CollectionMeta& meta);
storage::CollectionMeta meta_from_state(const collection::CollectionState& state);

std::vector<storage::FieldMeta> meta_from_fields(const segment::Fields& fields);

/// Whether a manifest, whose checksums fit, says what can be.
/// @error kCorruption.
Status check_collections(const storage::Manifest& manifest);

/// Up to where the log must reach: beyond everything that the manifest has taken from it.
Lsn durable_mark(const storage::Manifest& manifest);
/// The vector fields of a collection that is created with the options. Ids of named ones count from
/// 1, in the order in which they are declared.
segment::Fields fields_from_options(const CollectionOptions& options);
/// Options that ask for a collection with the same fields.
CollectionOptions options_from_fields(const segment::Fields& fields);
/// The named ones, as results give them.
std::vector<VectorField> named_fields(const segment::Fields& fields);
/// Whether a collection with the fields is one that the options ask for.
bool satisfies(const segment::Fields& fields, const CollectionOptions& options);
/// "dim 3, l2, f32", or each field so.
std::string describe_fields(const segment::Fields& fields);

}  // namespace omendb::internal
