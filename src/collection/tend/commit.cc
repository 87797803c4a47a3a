// The last step of every seal, merge and index build: the manifest names the new files, then
// snapshots show them.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/tend/replacement.h"

namespace omendb::collection {

Status CollectionCore::write_tombstones(const std::shared_ptr<const segment::Tombstones>& dead,
                                        SegmentState& segment, NewFiles& files) {
  const std::string name = host_.new_file_name();
  files.add_tombstones(name);
  OMEN_RETURN_IF_ERROR(host_.segments().write_tombstones(name, *dead));
  segment.tombstones = name;
  segment.dead_rows = dead->count();
  return {};
}

void CollectionCore::add_segment(const Replacement& replacement,
                                 const std::shared_ptr<const segment::Tombstones>& dead,
                                 CollectionState& state, DurableParts& parts) {
  const auto& segment = replacement.written.segment;
  if (segment == nullptr) return;
  state.segments.push_back({replacement.name, segment->rows(), segment->file_bytes(), 0, "", {}});
  for (const segment::NamedIndex& index : replacement.indexes->all()) {
    state.segments.back().indexes.push_back(index.meta);
  }
  parts[replacement.name] = {segment, dead, replacement.indexes};
}

Status CollectionCore::publish_state(CollectionState state, DurableParts parts, NewFiles& files) {
  files.keep();
  const Published published = host_.publish(state);
  if (!published.status.ok()) {
    if (!published.in_doubt) {
      files.give_up();
    } else {  // a manifest that may be in force names them: they stay until another one is
      for (const SegmentState& segment : state.segments) left_behind_.push_back(segment);
    }
    return published.status;
  }
  or_fail([&]() OMEN_REQUIRES(commit_mutex_) { remove_left_behind(state.segments); });
  durable_parts_ = std::move(parts);
  MutexLock lock(state_mutex_);
  durable_ = std::move(state);
  return {};
}

/// Removes the files of manifests whose publication failed, except those that are `named` now.
void CollectionCore::remove_left_behind(std::span<const SegmentState> named) {
  Superseded old;
  for (SegmentState& left : std::exchange(left_behind_, {})) {
    const auto same = std::find_if(named.begin(), named.end(),
                                   [&](const SegmentState& s) { return s.name == left.name; });
    const bool segment_named = same != named.end();
    const bool tombstones_named = segment_named && same->tombstones == left.tombstones;
    if (!segment_named) old.segments.push_back(left.name);
    if (!left.tombstones.empty() && !tombstones_named) old.tombstones.push_back(left.tombstones);
    for (const storage::IndexMeta& index : left.indexes) {
      const bool index_named = segment_named && std::ranges::count(same->indexes, index) > 0;
      if (!index_named) old.indexes.push_back(index.name);
    }
  }
  host_.discard(old);
}

void CollectionCore::change_snapshots(const Publication::Change& change) {
  staged_ = change(*staged_);
  for (Frozen& frozen : frozen_) frozen.at_freeze = change(*frozen.at_freeze);
  publication_.change(change);
}

void CollectionCore::install(const Replacement& replacement, bool sealed) {
  MutexLock lock(write_mutex_);
  if (sealed) frozen_.pop_front();
  replacement.indexes->add_encoders(encoders_, staged_->fields->size());
  room_.notify_all();
  change_snapshots([&](const Snapshot& snapshot) { return replacement.apply(snapshot); });
}

void CollectionCore::install_indexes(
    const std::string& segment, const std::shared_ptr<const segment::SegmentIndexes>& indexes) {
  MutexLock lock(write_mutex_);
  change_snapshots([&](const Snapshot& snapshot) {
    auto result = std::make_shared<Snapshot>(snapshot);
    for (Part& part : result->parts) {
      if (part.segment != nullptr && part.segment_name == segment) part.indexes = indexes;
    }
    return result;
  });
}

}  // namespace omendb::collection
