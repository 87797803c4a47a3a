// Between the collection's words and the manifest's.
#pragma once

#include "collection/state.h"
#include "storage/manifest.h"

namespace omendb::internal {

collection::CollectionState state_from_meta(const storage::CollectionMeta& meta);
storage::CollectionMeta meta_from_state(const collection::CollectionState& state);

/// Whether a manifest, whose checksums fit, says what can be.
/// @error kCorruption.
Status check_collections(const storage::Manifest& manifest);

/// Up to where the log must reach: beyond everything that the manifest has taken from it.
Lsn durable_mark(const storage::Manifest& manifest);

}  // namespace omendb::internal
