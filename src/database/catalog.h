// Converts between the structures of a collection and those of a manifest.
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

/// Checks a manifest whose checksums are good for contradictions.
/// @error kCorruption.
Status check_collections(const storage::Manifest& manifest);

/// @return the LSN that the log must reach: the last that the manifest has taken anything from.
Lsn durable_mark(const storage::Manifest& manifest);
/// @return the vector fields of a collection that is created with the options. Named fields get ids
///         from 1 on, in the order in which they are declared.
segment::Fields fields_from_options(const CollectionOptions& options);
/// @return options that declare the same fields.
CollectionOptions options_from_fields(const segment::Fields& fields);
/// @return the named fields, for results.
std::vector<VectorField> named_fields(const segment::Fields& fields);
/// Whether a collection with these fields is what the options ask for.
bool satisfies(const segment::Fields& fields, const CollectionOptions& options);
/// "dim 3, l2, f32", for each field.
std::string describe_fields(const segment::Fields& fields);

}  // namespace omendb::internal
