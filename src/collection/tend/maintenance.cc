// Sealing and merging: how rows move from memory to segments, and from small segments to large
// ones, while writers write and readers read.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "collection/collection_core.h"

namespace omendb::collection {

using segment::WriteSource;
using segment::WrittenSegment;

namespace {

/// Segments of up to this many live rows are of the lowest size class; each class above spans a
/// factor of kMergeFanIn.
constexpr uint64_t kSmallSegmentRows = 32'768;
constexpr size_t kMergeFanIn = 4;
/// Past this, a merge would take minutes for little gain in search.
constexpr uint64_t kMaxMergedRows = 16'000'000;
/// A segment with a larger share of dead rows is written anew.
constexpr double kMaxDeadShare = 0.3;

int size_class(uint64_t rows) {
  int result = 0;
  for (uint64_t limit = kSmallSegmentRows; rows > limit; limit *= kMergeFanIn) ++result;
  return result;
}

/// Rows that died after the segment was written from the source, as slots of the segment.
std::vector<uint32_t> died_since(const Part& part, const WriteSource& source,
                                 const std::vector<uint32_t>& new_slots) {
  std::vector<uint32_t> result;
  if (part.dead == nullptr) return result;
  for (uint32_t slot : part.dead->slots()) {
    if (!segment::is_dead(source.dead, slot)) result.push_back(new_slots[slot]);
  }
  return result;
}

/// Names of segments that are to become one each, in the order of the parts, so that none has more
/// than `max_rows`; those that are as they should be are left out.
std::vector<std::vector<std::string>> merge_groups(std::span<const Part> parts, uint64_t max_rows) {
  std::vector<std::vector<std::string>> groups;
  std::vector<std::string> names;
  uint64_t live = 0;
  bool any_dead = false;
  const auto finish_group = [&] {
    if (names.size() > 1 || any_dead) groups.push_back(std::move(names));
    names.clear();
    live = 0;
    any_dead = false;
  };
  for (const Part& part : parts) {
    if (part.segment == nullptr) continue;
    const uint32_t dead = segment::dead_count(part.dead);
    if (!names.empty() && live + part.watermark - dead > max_rows) finish_group();
    names.push_back(part.segment_name);
    live += part.watermark - dead;
    any_dead = any_dead || dead > 0;
  }
  finish_group();
  return groups;
}

}  // namespace

/// Files written for a manifest that is still to come; gone again unless it may be in force.
class CollectionCore::NewFiles {
 public:
  explicit NewFiles(segment::SegmentStore& store) : store_(store) {}
  ~NewFiles() {
    for (const std::string& name : segments_) store_.remove_segment(name);
    for (const std::string& name : tombstones_) store_.remove_tombstones(name);
  }
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  void add_segment(const std::string& name) { segments_.push_back(name); }
  void add_tombstones(const std::string& name) { tombstones_.push_back(name); }
  /// From here on they are as durable as the manifest is.
  void keep() {
    segments_.clear();
    tombstones_.clear();
  }

 private:
  segment::SegmentStore& store_;
  std::vector<std::string> segments_;
  std::vector<std::string> tombstones_;
};

/// Replaces the parts that a segment was written from by the segment.
struct CollectionCore::Replacement {
  /// How a snapshot refers to each source: a memtable or a segment.
  std::vector<std::shared_ptr<segment::Memtable>> memtables;
  const std::vector<WriteSource>& sources;
  const WrittenSegment& written;
  const std::string& name;

  std::shared_ptr<const Snapshot> apply(const Snapshot& snapshot) const;

 private:
  std::optional<size_t> source_of(const Part& part) const;
};

std::optional<size_t> CollectionCore::Replacement::source_of(const Part& part) const {
  for (size_t s = 0; s < sources.size(); ++s) {
    const bool same =
        memtables.empty() ? part.segment == sources[s].rows : part.memtable == memtables[s];
    if (same) return s;
  }
  return std::nullopt;
}

std::shared_ptr<const Snapshot> CollectionCore::Replacement::apply(const Snapshot& snapshot) const {
  auto result = std::make_shared<Snapshot>(snapshot);
  result->parts.clear();
  std::vector<uint32_t> dead;
  size_t place = snapshot.parts.size();
  for (const Part& part : snapshot.parts) {
    const auto source = source_of(part);
    if (!source) {
      result->parts.push_back(part);
      continue;
    }
    place = std::min(place, result->parts.size());
    const auto died = died_since(part, sources[*source], written.new_slots[*source]);
    dead.insert(dead.end(), died.begin(), died.end());
  }
  if (written.segment == nullptr || place == snapshot.parts.size()) return result;
  Part part;
  part.segment = written.segment;
  part.rows = written.segment;
  part.dead = segment::Tombstones::with(nullptr, dead);
  part.segment_name = name;
  part.watermark = written.segment->rows();
  result->parts.insert(result->parts.begin() + static_cast<ptrdiff_t>(place), std::move(part));
  return result;
}

void CollectionCore::freeze_locked() {
  if (growing_ != nullptr) {
    if (auto encoder = publication_.encoder(*growing_)) encoder_ = std::move(encoder);
  }
  frozen_.push_back({growing_, growing_first_lsn_, staged_});
  growing_ = nullptr;
  growing_first_lsn_ = Lsn{};
  host_.wake_background();
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

Result<bool> CollectionCore::maintain() {
  MutexLock maintenance_lock(maintenance_mutex_);
  if (closed_ || dropped_) return false;
  const Result<bool> worked = maintain_locked();
  MutexLock lock(write_mutex_);
  background_error_ = worked.status();
  room_.notify_all();
  return worked;
}

Result<bool> CollectionCore::maintain_locked() {
  OMEN_ASSIGN_OR_RETURN(const bool sealed, seal_oldest());
  if (sealed) return true;
  const std::vector<std::string> names = choose_merge();
  if (names.empty()) return false;
  return merge(names);
}

/// Waits until everything up to `lsn` is published and on the disk.
Status CollectionCore::settle(Lsn lsn) {
  OMEN_RETURN_IF_ERROR(publication_.wait(lsn));
  return host_.sync(lsn);
}

Result<bool> CollectionCore::seal_oldest() {
  Frozen frozen;
  {
    MutexLock lock(write_mutex_);
    if (frozen_.empty()) return false;
    frozen = frozen_.front();
  }
  const Snapshot& at = *frozen.at_freeze;
  OMEN_RETURN_IF_ERROR(settle(at.lsn));

  std::vector<WriteSource> sources;
  for (const Part& part : at.parts) {
    if (frozen.memtable == nullptr || part.memtable != frozen.memtable) continue;
    sources.push_back({publication_.view(*frozen.memtable, part.watermark), part.dead});
  }
  const std::string name = host_.new_file_name();
  NewFiles files(host_.segments());
  WrittenSegment written;
  if (!sources.empty()) {
    files.add_segment(name);
    OMEN_ASSIGN_OR_RETURN(written,
                          host_.segments().write(name, at.spec, *at.id_kind, *at.columns, sources));
  }
  CollectionState state = durable_state();
  state.spec = at.spec;
  state.id_kind = at.id_kind;
  state.next_auto_id = at.next_auto_id;
  state.columns = *at.columns;
  state.flushed = at.lsn;
  std::vector<std::string> replaced_tombstones;
  OMEN_RETURN_IF_ERROR(persist_tombstones(at, state, replaced_tombstones, files));
  if (written.segment != nullptr) {
    state.segments.push_back({name, written.segment->rows(), written.segment->file_bytes(), 0, ""});
  }
  OMEN_RETURN_IF_ERROR(publish_state(state, files));
  for (const std::string& old : replaced_tombstones) host_.segments().remove_tombstones(old);
  OMEN_RETURN_IF_ERROR(or_fail([&]() OMEN_REQUIRES(maintenance_mutex_) {
    return install({{frozen.memtable}, sources, written, name}, /*sealed=*/true);
  }));
  return true;
}

Status CollectionCore::publish_state(const CollectionState& state, NewFiles& files) {
  OMEN_RETURN_IF_ERROR(host_.segments().sync_names());
  files.keep();
  if (Status published = host_.publish(state); !published.ok()) {
    // The manifest may or may not be in force: files that it might name stay until another is.
    for (const SegmentState& segment : state.segments) left_behind_.push_back(segment);
    return published;
  }
  for (const SegmentState& old : std::exchange(left_behind_, {})) {
    const auto named = std::find_if(state.segments.begin(), state.segments.end(),
                                    [&](const SegmentState& s) { return s.name == old.name; });
    const bool segment_named = named != state.segments.end();
    if (!segment_named) host_.segments().remove_segment(old.name);
    if (old.tombstones.empty() || (segment_named && named->tombstones == old.tombstones)) continue;
    host_.segments().remove_tombstones(old.tombstones);
  }
  MutexLock lock(state_mutex_);
  durable_ = state;
  return {};
}

/// Writes the tombstones of segments that have more dead rows than the manifest knows of.
Status CollectionCore::persist_tombstones(const Snapshot& at, CollectionState& state,
                                          std::vector<std::string>& replaced, NewFiles& files) {
  for (SegmentState& segment : state.segments) {
    const auto part = std::find_if(at.parts.begin(), at.parts.end(),
                                   [&](const Part& p) { return p.segment_name == segment.name; });
    if (part == at.parts.end() || segment::dead_count(part->dead) == segment.dead_rows) continue;
    const std::string name = host_.new_file_name();
    files.add_tombstones(name);
    OMEN_RETURN_IF_ERROR(host_.segments().write_tombstones(name, *part->dead));
    if (!segment.tombstones.empty()) replaced.push_back(segment.tombstones);
    segment.tombstones = name;
    segment.dead_rows = part->dead->count();
  }
  return {};
}

Status CollectionCore::install(const Replacement& replacement, bool sealed) {
  MutexLock lock(write_mutex_);
  OMEN_RETURN_IF_ERROR(publication_.drain());
  if (sealed) frozen_.pop_front();
  staged_ = replacement.apply(*staged_);
  for (Frozen& frozen : frozen_) frozen.at_freeze = replacement.apply(*frozen.at_freeze);
  if (replacement.written.segment != nullptr) {
    encoder_ = replacement.written.segment->shared_encoder();
  }
  room_.notify_all();
  publication_.replace(replacement.apply(*publication_.current()));
  return {};
}

std::vector<std::string> CollectionCore::choose_merge() const {
  const std::shared_ptr<const Snapshot> now = publication_.current();
  std::vector<std::vector<const Part*>> classes;
  for (const Part& part : now->parts) {
    if (part.segment == nullptr) continue;
    const uint32_t dead = segment::dead_count(part.dead);
    if (dead > kMaxDeadShare * part.watermark) return {part.segment_name};
    const auto size = static_cast<size_t>(size_class(part.watermark - dead));
    if (classes.size() <= size) classes.resize(size + 1);
    classes[size].push_back(&part);
  }
  for (const auto& parts : classes) {
    std::vector<std::string> names;
    uint64_t rows = 0;
    for (const Part* part : parts) {
      if (rows + part->watermark > kMaxMergedRows) continue;
      rows += part->watermark;
      names.push_back(part->segment_name);
    }
    if (names.size() >= kMergeFanIn) return names;
  }
  return {};
}

/// @return false if memtables are waiting to be sealed: that comes first, so that every frozen
///         state is at least as new as the one that a merge drops dead rows by.
Result<bool> CollectionCore::merge(const std::vector<std::string>& names) {
  std::shared_ptr<const Snapshot> at;
  {
    MutexLock lock(write_mutex_);
    if (!frozen_.empty()) return false;
    at = publication_.current();
  }
  // A dead row may only vanish from the disk after the operation that killed it is there.
  OMEN_RETURN_IF_ERROR(settle(at->lsn));
  std::vector<WriteSource> sources;
  for (const Part& part : at->parts) {
    if (std::find(names.begin(), names.end(), part.segment_name) != names.end() &&
        part.segment != nullptr) {
      sources.push_back({part.segment, part.dead});
    }
  }
  const std::string name = host_.new_file_name();
  NewFiles files(host_.segments());
  files.add_segment(name);
  OMEN_ASSIGN_OR_RETURN(
      const WrittenSegment written,
      host_.segments().write(name, at->spec, *at->id_kind, *at->columns, sources));
  CollectionState state = durable_state();
  std::vector<SegmentState> replaced;
  std::erase_if(state.segments, [&](const SegmentState& segment) {
    if (std::find(names.begin(), names.end(), segment.name) == names.end()) return false;
    replaced.push_back(segment);
    return true;
  });
  if (written.segment != nullptr) {
    state.segments.push_back({name, written.segment->rows(), written.segment->file_bytes(), 0, ""});
  }
  OMEN_RETURN_IF_ERROR(publish_state(state, files));
  OMEN_RETURN_IF_ERROR(or_fail([&]() OMEN_REQUIRES(maintenance_mutex_) {
    return install({{}, sources, written, name}, /*sealed=*/false);
  }));
  for (const SegmentState& old : replaced) {
    host_.segments().remove_segment(old.name);
    if (!old.tombstones.empty()) host_.segments().remove_tombstones(old.tombstones);
  }
  return true;
}

Status CollectionCore::seal_all() {
  while (true) {
    OMEN_ASSIGN_OR_RETURN(const bool sealed, seal_oldest());
    if (!sealed) return {};
  }
}

Status CollectionCore::seal() {
  OMEN_RETURN_IF_ERROR(check_open());
  MutexLock lock(maintenance_mutex_);
  size_t wanted = 0;  // not what writers fill meanwhile: they may be faster than this is
  {
    MutexLock write_lock(write_mutex_);
    if (growing_first_lsn_ != Lsn{}) freeze_locked();
    wanted = frozen_.size();
  }
  for (; wanted > 0; --wanted) OMEN_RETURN_IF_ERROR(seal_oldest().status());
  return {};
}

Status CollectionCore::compact() {
  OMEN_RETURN_IF_ERROR(check_open());
  MutexLock lock(maintenance_mutex_);
  freeze();
  OMEN_RETURN_IF_ERROR(seal_all());
  OMEN_ASSIGN_OR_RETURN(const auto now, snapshot());
  for (const auto& names : merge_groups(now->parts, options_.max_segment_rows)) {
    for (bool merged = false; !merged;) {
      OMEN_RETURN_IF_ERROR(seal_all());  // what writers filled meanwhile
      OMEN_RETURN_IF_ERROR(check_open());
      OMEN_ASSIGN_OR_RETURN(merged, merge(names));
    }
  }
  return {};
}

Status CollectionCore::close() {
  {
    MutexLock lock(write_mutex_);
    if (closed_.exchange(true)) return {};
    room_.notify_all();
    if (!publication_.drain().ok()) return {};  // read-only: the log keeps what was acknowledged
    if (growing_first_lsn_ != Lsn{}) freeze_locked();
  }
  MutexLock lock(maintenance_mutex_);
  return seal_all();
}

void CollectionCore::mark_dropped() {
  MutexLock lock(write_mutex_);
  dropped_ = true;
  room_.notify_all();
}

bool CollectionCore::mark_dropped_if_untouched() {
  MutexLock lock(write_mutex_);
  if (staged_->spec.dim != 0) return false;
  dropped_ = true;
  return true;
}

}  // namespace omendb::collection
