#include "database/replay.h"

#include "base/status_macros.h"
#include "collection/write/operation.h"
#include "database/catalog.h"

namespace omendb::internal {

using collection::CreateOperation;
using collection::DropOperation;

namespace {

Status misfit(const storage::LogRecord& record, const std::string& what) {
  return {StatusCode::kCorruption,
          "log record " + std::to_string(to_int(record.position)) + " " + what};
}

}  // namespace

Result<Replay> Replay::of(const storage::Manifest& manifest, Open open) {
  OMEN_RETURN_IF_ERROR(check_collections(manifest));
  Replay replay;
  replay.open_ = std::move(open);
  replay.next_id_ = manifest.next_collection_id;
  replay.catalogue_ = manifest.catalogue;
  for (const storage::CollectionMeta& meta : manifest.collections) {
    OMEN_RETURN_IF_ERROR(replay.add(state_from_meta(meta)));
  }
  return replay;
}

Status Replay::add(const collection::CollectionState& state) {
  OMEN_ASSIGN_OR_RETURN(cores_[state.id], open_(state));
  flushed_[state.id] = state.flushed;
  ids_[state.name] = state.id;
  return {};
}

Status Replay::apply(const storage::LogRecord& record) {
  if (collection::is_catalogue_operation(record.payload)) {
    if (record.position <= catalogue_) return {};
    collection::DecodedOperation decoded;
    OMEN_RETURN_IF_ERROR(collection::decode_operation(record.payload, decoded));
    if (const auto* create = std::get_if<CreateOperation>(&decoded.operation)) {
      OMEN_RETURN_IF_ERROR(declare(record, *create));
    } else {
      OMEN_RETURN_IF_ERROR(drop(record, std::get<DropOperation>(decoded.operation)));
    }
    catalogue_ = record.position;
    return {};
  }
  OMEN_ASSIGN_OR_RETURN(const uint32_t id, collection::operation_collection(record.payload));
  const auto found = cores_.find(id);
  if (found == cores_.end()) {
    // Records of a dropped collection stay in the log until it is trimmed.
    if (id < next_id_) return {};
    return misfit(record,
                  "is of collection number " + std::to_string(id) + ", which was never created");
  }
  if (record.position <= flushed_[id]) return {};
  return found->second->replay(record.position, record.payload);
}

Status Replay::declare(const storage::LogRecord& record, const CreateOperation& create) {
  const std::string name(create.name);
  if (const auto found = cores_.find(create.collection_id); found != cores_.end()) {
    if (found->second->name() == name && found->second->replay_declaration(create.fields))
      return {};
    return misfit(record, "declares collection \"" + name +
                              "\", whose number another has or which has points");
  }
  const bool possible = create.collection_id >= next_id_ && create.collection_id < UINT32_MAX &&
                        !ids_.contains(name) && cores_.size() < kMaxCollections;
  if (!possible) {
    return misfit(record, "creates collection \"" + name + "\", which cannot be created then");
  }
  collection::CollectionState state;
  state.id = create.collection_id;
  state.name = name;
  state.fields = create.fields;
  OMEN_RETURN_IF_ERROR(add(state));
  next_id_ = state.id + 1;
  return {};
}

Status Replay::drop(const storage::LogRecord& record, const DropOperation& drop) {
  const auto found = cores_.find(drop.collection_id);
  if (found == cores_.end()) {
    return misfit(record, "drops collection number " + std::to_string(drop.collection_id) +
                              ", which is not there");
  }
  ids_.erase(found->second->name());
  flushed_.erase(found->first);
  cores_.erase(found);
  return {};
}

}  // namespace omendb::internal
