// Sealing: writes a memtable's rows to a segment. Then the log up to that point is not needed.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/tend/replacement.h"

namespace omendb::collection {

using segment::WriteSource;
using segment::WrittenSegment;

void CollectionCore::freeze_locked() {
  if (growing_ != nullptr) {
    segment::Encoders made = publication_.encoders(*growing_);
    encoders_.resize(made.size());
    for (size_t f = 0; f < made.size(); ++f) {
      if (made[f] != nullptr) encoders_[f] = std::move(made[f]);
    }
  }
  frozen_.push_back({growing_, growing_first_lsn_, staged_});
  growing_ = nullptr;
  growing_first_lsn_ = Lsn{};
  host_.wake(Work::kSeal, name_);
}

void CollectionCore::freeze() {
  MutexLock lock(write_mutex_);
  if (growing_first_lsn_ != Lsn{}) freeze_locked();
}

std::optional<Lsn> CollectionCore::oldest_unsealed(Lsn flushed) const {
  MutexLock lock(write_mutex_);
  for (const Frozen& frozen : frozen_) {
    if (frozen.at_freeze->lsn > flushed) return frozen.first_lsn;
  }
  if (growing_first_lsn_ != Lsn{}) return growing_first_lsn_;
  return std::nullopt;
}

Result<bool> CollectionCore::seal_next() {
  const MutexLock seal_lock(seal_mutex_);
  if (closed_ || dropped_) return false;
  const Result<bool> sealed = seal_oldest(Jobs::By::kBackground);
  {
    MutexLock lock(write_mutex_);
    seal_error_ = sealed.status();
    room_.notify_all();
  }
  if (sealed.ok() && *sealed) host_.wake(Work::kMerge, name_);
  // Nothing to seal is no change: optimize(), which woke this, would not sleep.
  if (!sealed.ok() || *sealed) jobs_.report(sealed.status());
  return sealed;
}

Status CollectionCore::seal_all() {
  while (true) {
    OMEN_ASSIGN_OR_RETURN(const bool sealed, seal_oldest(Jobs::By::kCaller));
    if (!sealed) return {};
  }
}

Status CollectionCore::seal() {
  OMEN_RETURN_IF_ERROR(check_open());
  const MutexLock seal_lock(seal_mutex_);
  size_t wanted = 0;  // without memtables that fill during the seal: writers may be faster
  {
    MutexLock lock(write_mutex_);
    if (growing_first_lsn_ != Lsn{}) freeze_locked();
    wanted = frozen_.size();
  }
  for (; wanted > 0; --wanted) {
    OMEN_RETURN_IF_ERROR(seal_oldest(Jobs::By::kCaller).status());
  }
  host_.wake(Work::kMerge, name_);
  return {};
}

/// Waits until everything up to `lsn` is published and on the disk.
Status CollectionCore::settle(Lsn lsn) {
  OMEN_RETURN_IF_ERROR(publication_.wait(lsn));
  return host_.sync(lsn);
}

std::optional<CollectionCore::Frozen> CollectionCore::oldest_frozen() const {
  MutexLock lock(write_mutex_);
  if (frozen_.empty()) return std::nullopt;
  return frozen_.front();
}

Result<bool> CollectionCore::seal_oldest(Jobs::By by) {
  const std::optional<Frozen> frozen = oldest_frozen();
  if (!frozen) return false;
  const auto job = jobs_.begin(JobKind::kSeal, by);
  if (job == nullptr) return false;
  OMEN_RETURN_IF_ERROR(settle(frozen->at_freeze->lsn));
  const Snapshot& at = *frozen->at_freeze;
  std::vector<WriteSource> sources;
  for (const Part& part : at.parts) {
    if (frozen->memtable == nullptr || part.memtable != frozen->memtable) continue;
    sources.push_back({publication_.view(*frozen->memtable, part.watermark), part.dead});
  }
  const std::string name = host_.new_file_name();
  NewFiles files(host_.segments());
  WrittenSegment written;
  if (!sources.empty()) {
    files.add_segment(name);
    OMEN_ASSIGN_OR_RETURN(
        written, host_.segments().write(name, *at.fields, *at.id_kind, *at.columns, sources,
                                        write_options(*job, *at.fields, sources)));
  }
  OMEN_ASSIGN_OR_RETURN(const auto indexes, write_indexes(written, *at.fields, *job, files));
  OMEN_RETURN_IF_ERROR(commit_seal({frozen->memtable, sources, written, name, indexes}, files));
  return true;
}

Status CollectionCore::commit_seal(const Replacement& replacement, NewFiles& files) {
  const MutexLock commit_lock(commit_mutex_);
  OMEN_RETURN_IF_ERROR(publication_.log_error());
  // Read the state now: merges may have replaced parts of it during the seal. Only this thread
  // removes frozen memtables.
  const std::shared_ptr<const Snapshot> at = oldest_frozen()->at_freeze;
  CollectionState state = durable_state();
  state.fields = *at->fields;
  state.id_kind = at->id_kind;
  state.next_auto_id = at->next_auto_id;
  state.columns = *at->columns;
  state.next_column_id = at->next_column_id;
  state.flushed = at->lsn;
  DurableParts parts = durable_parts_;
  Superseded old;
  OMEN_RETURN_IF_ERROR(persist_tombstones(*at, state, parts, old.tombstones, files));
  add_segment(replacement, nullptr, state, parts);
  OMEN_RETURN_IF_ERROR(publish_state(std::move(state), std::move(parts), files));
  host_.discard(old);
  or_fail([&]() OMEN_REQUIRES(commit_mutex_) { install(replacement, /*sealed=*/true); });
  return {};
}

/// Writes the tombstones of segments that have more dead rows than the manifest knows of.
Status CollectionCore::persist_tombstones(const Snapshot& at, CollectionState& state,
                                          DurableParts& parts, std::vector<std::string>& replaced,
                                          NewFiles& files) {
  for (SegmentState& segment : state.segments) {
    const auto part = std::find_if(at.parts.begin(), at.parts.end(),
                                   [&](const Part& p) { return p.segment_name == segment.name; });
    // Dead rows never become alive, so the same number means the same rows.
    if (part == at.parts.end() || segment::dead_count(part->dead) <= segment.dead_rows) continue;
    if (!segment.tombstones.empty()) replaced.push_back(segment.tombstones);
    OMEN_RETURN_IF_ERROR(write_tombstones(part->dead, segment, files));
    parts[segment.name].dead = part->dead;
  }
  return {};
}

}  // namespace omendb::collection
