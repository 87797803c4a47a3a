#include "database/catalog.h"

#include <algorithm>

#include "collection/write/batch_check.h"

namespace omendb::internal {

collection::CollectionState state_from_meta(const storage::CollectionMeta& meta) {
  collection::CollectionState state;
  state.id = meta.id;
  state.name = meta.name;
  state.spec = {meta.dim, meta.metric, meta.element};
  if (meta.id_kind != 0) state.id_kind = static_cast<IdKind>(meta.id_kind);
  state.next_auto_id = meta.next_auto_id;
  state.flushed = meta.flushed;
  for (const auto& column : meta.columns) state.columns.push_back({column.name, column.type});
  for (const auto& s : meta.segments) {
    state.segments.push_back({s.name, s.rows, s.bytes, s.dead_rows, s.tombstones});
  }
  return state;
}

storage::CollectionMeta meta_from_state(const collection::CollectionState& state) {
  storage::CollectionMeta meta;
  meta.id = state.id;
  meta.name = state.name;
  meta.dim = state.spec.dim;
  meta.metric = state.spec.metric;
  meta.element = state.spec.element;
  meta.id_kind = state.id_kind ? static_cast<uint8_t>(*state.id_kind) : 0;
  meta.next_auto_id = state.next_auto_id;
  meta.flushed = state.flushed;
  for (const auto& column : state.columns) meta.columns.push_back({column.name, column.type});
  for (const auto& s : state.segments) {
    meta.segments.push_back({s.name, s.rows, s.bytes, s.dead_rows, s.tombstones});
  }
  return meta;
}

Status check_collections(const storage::Manifest& manifest) {
  for (const storage::CollectionMeta& meta : manifest.collections) {
    Status status = collection::check_collection_name(meta.name);
    if (status.ok()) {
      status = collection::check_collection_options({meta.dim, meta.metric, meta.element});
    }
    if (status.ok() && meta.id >= manifest.next_collection_id) {
      status = Status(StatusCode::kCorruption, "its number is " + std::to_string(meta.id) +
                                                   "; the next is " +
                                                   std::to_string(manifest.next_collection_id));
    }
    if (status.ok()) continue;
    return {StatusCode::kCorruption,
            "the manifest lists a collection that cannot be: " + status.message()};
  }
  return {};
}

Lsn durable_mark(const storage::Manifest& manifest) {
  Lsn mark = std::max({manifest.log.trimmed, manifest.log.durable, manifest.catalogue});
  for (const auto& collection : manifest.collections) mark = std::max(mark, collection.flushed);
  return mark;
}

}  // namespace omendb::internal
