#include "database/database_impl.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "base/fork.h"
#include "base/status_macros.h"
#include "collection/write/batch_check.h"
#include "collection/write/operation.h"
#include "database/catalog.h"

namespace omendb::internal {

namespace {

/// If the log is larger, the collection that keeps it from being trimmed is sealed.
constexpr uint64_t kMaxLogBytes = uint64_t{1} << 30;
constexpr uint64_t kAppendsBetweenLooks = 256;

/// The database whose callback this thread runs.
thread_local const DatabaseImpl* in_callback_of = nullptr;

}  // namespace

DatabaseImpl::~DatabaseImpl() {
  close().ignore();
}

// --- calls -------------------------------------------------------------------------------------

Status DatabaseImpl::enter() {
  OMEN_RETURN_IF_ERROR(check_process());
  {
    MutexLock lock(calls_mutex_);
    if (closing_) return {StatusCode::kClosed, "database \"" + path_ + "\" is closed"};
    ++calls_;
  }
  if (follower_ == nullptr) return {};
  Status fresh = follower_->refresh();
  if (!fresh.ok()) leave();
  return fresh;
}

void DatabaseImpl::leave() {
  MutexLock lock(calls_mutex_);
  if (--calls_ == 0) calls_ended_.notify_all();
}

Status DatabaseImpl::enter_async() {
  OMEN_RETURN_IF_ERROR(enter());
  if (++writes_in_flight_ <= options_.max_writes_in_flight) return {};
  leave_async();
  return {StatusCode::kLimitExceeded,
          std::to_string(options_.max_writes_in_flight) +
              " writes are in flight, which is max_writes_in_flight; try again when a callback has "
              "come"};
}

void DatabaseImpl::leave_async() {
  --writes_in_flight_;
  leave();
}

void DatabaseImpl::run_callback(const std::function<void()>& callback) {
  struct Inside {
    const DatabaseImpl* outer;
    ~Inside() { in_callback_of = outer; }
  };
  const Inside inside{std::exchange(in_callback_of, this)};
  callback();
}

void DatabaseImpl::post(std::function<void()> task) {
  // A pool without threads would run the task here, under the locks of the caller; so may an
  // executor, or it may throw.
  if (options_.executor == nullptr && pool_.threads() > 0) return pool_.submit(std::move(task));
  completions_.post(std::move(task));
}

Status DatabaseImpl::check_process() const {
  if (forks() == forks_) return {};
  return {StatusCode::kClosed,
          "database \"" + path_ +
              "\" was opened before a fork, by the parent of this process; open one here"};
}

Status DatabaseImpl::check_writable() const {
  if (options_.mode == OpenMode::kReadWrite) return {};
  return {StatusCode::kReadOnly, "database \"" + path_ +
                                     "\" was opened with mode \"r\", for reading only; open it "
                                     "with mode \"rw\" to write"};
}

Result<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::current(
    const std::shared_ptr<Core>& held) const {
  if (follower_ == nullptr && !held->dropped()) return held;
  if (auto core = find_core(held->name()); core != nullptr && !core->dropped()) return core;
  return collection::dropped(held->name());
}

Status DatabaseImpl::flush() {
  if (follower_ != nullptr) return {};  // nothing was written
  return log_->sync(log_->last_appended());
}

Status DatabaseImpl::compact() {
  for (const auto& core : cores()) {
    const Status compacted = core->compact();
    if (compacted.code() != StatusCode::kNotFound) OMEN_RETURN_IF_ERROR(compacted);  // dropped
  }
  return {};
}

Status DatabaseImpl::close() {
  OMEN_RETURN_IF_ERROR(check_process());
  if (in_callback_of == this) {
    return {StatusCode::kInvalidArgument,
            "close() was called from the callback of a write, which it would wait for; close from "
            "another thread"};
  }
  {
    MutexLock lock(calls_mutex_);
    if (closing_) {  // another thread closes it: wait until it has ended
      while (!closed_) calls_ended_.wait(calls_mutex_);
      return {};
    }
    closing_ = true;
  }
  // Before the calls are waited for: compact() may be one of them.
  for (const auto& core : cores()) core->stop_merging();
  {
    MutexLock lock(calls_mutex_);
    while (calls_ > 0) calls_ended_.wait(calls_mutex_);
  }
  Status result;
  try {
    result = shut_down();
  } catch (const std::bad_alloc&) {  // what was acknowledged is in the log
    result = Status(StatusCode::kOutOfMemory, "out of memory");
  }
  MutexLock lock(calls_mutex_);
  closed_ = true;
  calls_ended_.notify_all();
  return result;
}

Status DatabaseImpl::shut_down() {
  background_.stop();
  completions_.stop();
  Status result;
  if (log_ != nullptr) {
    result = seal_for_good();
    if (Status synced = flush(); result.ok()) result = std::move(synced);
    log_.reset();
  }
  lock_.reset();
  return result;
}

/// Seals what is in memory. All collections share one manifest.
Status DatabaseImpl::seal_for_good() {
  Status result = flush();  // one for all
  {
    MutexLock lock(manifest_mutex_);
    sealing_for_good_ = true;
  }
  const auto all = cores();
  std::vector<Status> closed(all.size());
  pool_.parallel_for(all.size(), [&](size_t i) {
    try {
      closed[i] = all[i]->close();
    } catch (const std::bad_alloc&) {
      closed[i] = Status(StatusCode::kOutOfMemory, "out of memory");
    }
  });
  for (Status& status : closed) {
    if (result.ok()) result = std::move(status);
  }
  MutexLock lock(manifest_mutex_);
  if (manifest_stale_ && result.code() != StatusCode::kReadOnly) {
    if (Status published = publish_and_trim(); result.ok()) result = std::move(published);
  }
  return result;
}

// --- collections -------------------------------------------------------------------------------

std::vector<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::cores() const {
  if (follower_ != nullptr) return follower_->cores();
  MutexLock lock(map_mutex_);
  std::vector<std::shared_ptr<Core>> result;
  for (const auto& [name, core] : collections_) result.push_back(core);
  return result;
}

std::shared_ptr<collection::CollectionCore> DatabaseImpl::find_core(std::string_view name) const {
  if (follower_ != nullptr) return follower_->find(name);
  MutexLock lock(map_mutex_);
  const auto found = collections_.find(name);
  return found == collections_.end() ? nullptr : found->second;
}

std::vector<std::string> DatabaseImpl::collection_names() const {
  std::vector<std::string> names;
  for (const auto& core : cores()) names.push_back(core->name());
  return names;
}

Result<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::collection(
    std::string_view name, const std::optional<CollectionOptions>& options, IfMissing if_missing) {
  OMEN_RETURN_IF_ERROR(collection::check_collection_name(name));
  if (options) OMEN_RETURN_IF_ERROR(collection::check_collection_options(*options));
  std::shared_ptr<Core> core = options ? nullptr : find_core(name);
  if (core == nullptr || core->dropped()) {
    MutexLock lock(manifest_mutex_);
    OMEN_ASSIGN_OR_RETURN(core, declare(name, options, if_missing));
  }
  // In every durability mode, and for every caller, not only the one that created it: a collection
  // that was handed out survives a crash.
  OMEN_RETURN_IF_ERROR(wait_declared(core->id()));
  return core;
}

Status DatabaseImpl::wait_declared(uint32_t id) {
  Lsn lsn{};
  {
    MutexLock lock(map_mutex_);
    const auto found = undurable_.find(id);
    if (found == undurable_.end()) return {};
    lsn = found->second;
  }
  OMEN_RETURN_IF_ERROR(log_->sync(lsn));
  MutexLock lock(map_mutex_);
  const auto found = undurable_.find(id);
  if (found != undurable_.end() && found->second == lsn) undurable_.erase(found);
  return {};
}

Result<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::declare(
    std::string_view name, const std::optional<CollectionOptions>& options, IfMissing if_missing) {
  const std::shared_ptr<Core> core = find_core(name);
  if (core == nullptr && if_missing == IfMissing::kFail) {
    return Status(StatusCode::kNotFound, "there is no collection \"" + std::string(name) + "\"");
  }
  if (core == nullptr && follower_ != nullptr) {
    return Status(StatusCode::kNotFound, "there is no collection \"" + std::string(name) +
                                             "\" yet, and a reader cannot create it");
  }
  if (core == nullptr) return create_collection(name, options.value_or(CollectionOptions()));
  if (!options) return core;

  OMEN_ASSIGN_OR_RETURN(const auto snapshot, core->snapshot());
  if (satisfies(*snapshot->fields, *options)) return core;
  const segment::Fields declared = fields_from_options(*options);
  const auto differs = [&](const segment::Fields& fields) {
    return Status(StatusCode::kAlreadyExists, "collection \"" + std::string(name) +
                                                  "\" exists with " + describe_fields(fields) +
                                                  "; asked for " + describe_fields(declared));
  };
  if (segment::dimensions_known(*snapshot->fields)) return differs(*snapshot->fields);
  if (follower_ != nullptr) return core;  // the writer will see to it
  // Nothing was ever added, unless just now: this declaration replaces the first one.
  OMEN_ASSIGN_OR_RETURN(const auto position, core->redeclare(declared));
  if (!position) {  // another thread has added its first points
    const segment::Fields fields = core->staged_fields();
    if (satisfies(fields, *options)) return core;
    return differs(fields);
  }
  manifest_.catalogue = *position;
  manifest_stale_ = true;
  {
    MutexLock lock(map_mutex_);
    undurable_[core->id()] = *position;
  }
  find_meta(core->id())->fields = meta_from_fields(declared);
  return core;
}

Result<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::create_collection(
    std::string_view name, const CollectionOptions& options) {
  if (manifest_.collections.size() >= kMaxCollections) {
    return Status(StatusCode::kLimitExceeded, "the database has " +
                                                  std::to_string(kMaxCollections) +
                                                  " collections, which is the most it can have");
  }
  collection::CollectionState state;
  state.id = manifest_.next_collection_id;
  if (state.id == UINT32_MAX) {
    return Status(StatusCode::kLimitExceeded, "no more numbers for collections");
  }
  state.name = name;
  state.fields = fields_from_options(options);
  OMEN_ASSIGN_OR_RETURN(std::shared_ptr<Core> core, Core::open(*this, core_options_, state));
  // Take all memory first: once the record is logged, the collection exists.
  std::map<std::string, std::shared_ptr<Core>, std::less<>> created;
  created.emplace(state.name, core);
  std::map<uint32_t, Lsn> undurable{{state.id, Lsn{}}};
  auto meta = meta_from_state(state);
  if (auto& all = manifest_.collections; all.size() == all.capacity()) {
    all.reserve(2 * all.size() + 1);
  }
  const collection::EncodedOperation record(
      collection::CreateOperation{state.id, state.name, state.fields});
  OMEN_ASSIGN_OR_RETURN(const Lsn logged, append(record.parts()));
  undurable.begin()->second = logged;
  manifest_.catalogue = logged;
  manifest_stale_ = true;
  ++manifest_.next_collection_id;
  manifest_.collections.push_back(std::move(meta));
  MutexLock lock(map_mutex_);
  collections_.merge(created);
  undurable_.merge(undurable);
  return core;
}

Status DatabaseImpl::drop_collection(std::string_view name) {
  std::shared_ptr<Core> core;
  Lsn dropped{};
  {
    MutexLock lock(manifest_mutex_);
    core = find_core(name);
    if (core == nullptr) {
      return {StatusCode::kNotFound, "there is no collection \"" + std::string(name) + "\""};
    }
    OMEN_ASSIGN_OR_RETURN(dropped, core->drop());
    manifest_.catalogue = dropped;
    manifest_stale_ = true;
    forget(*core);
    // Publish a manifest without its files, so that they can be removed. If that fails, the next
    // manifest does it.
    if (!superseded_.segments.empty()) publish_and_trim().ignore();
  }
  core->remove_new_files();
  return log_->sync(dropped);
}

/// Takes a collection that was dropped out of the lists.
void DatabaseImpl::forget(const Core& core) {
  {
    MutexLock lock(map_mutex_);
    collections_.erase(core.name());
    undurable_.erase(core.id());
  }
  const auto meta =
      std::ranges::find(manifest_.collections, core.id(), &storage::CollectionMeta::id);
  if (meta == manifest_.collections.end()) return;
  supersede_files_of(*meta);
  manifest_.collections.erase(meta);
}

void DatabaseImpl::supersede_files_of(const storage::CollectionMeta& meta) {
  for (const storage::SegmentMeta& segment : meta.segments) {
    superseded_.segments.push_back(segment.name);
    if (!segment.tombstones.empty()) superseded_.tombstones.push_back(segment.tombstones);
    for (const auto& index : segment.indexes) superseded_.indexes.push_back(index.name);
  }
}

storage::CollectionMeta* DatabaseImpl::find_meta(uint32_t id) {
  const auto meta = std::ranges::find(manifest_.collections, id, &storage::CollectionMeta::id);
  return meta == manifest_.collections.end() ? nullptr : &*meta;
}

// --- collection::Host --------------------------------------------------------------------------

Result<Lsn> DatabaseImpl::append(std::span<const std::span<const std::byte>> parts) {
  OMEN_RETURN_IF_ERROR(lock_->check());
  // Deletes fill no memtable, so that no seal would trim the log: look at its size here.
  if (++appends_ % kAppendsBetweenLooks == 0 && log_->bytes() >= kMaxLogBytes) background_.look();
  return log_->append(ShardId{0}, parts);
}

std::string DatabaseImpl::new_file_name() {
  std::string digits = std::to_string(next_file_number_++);
  return std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits;
}

collection::Published DatabaseImpl::publish(const collection::CollectionState& state) {
  MutexLock lock(manifest_mutex_);
  storage::CollectionMeta* const found = find_meta(state.id);
  if (found == nullptr) {
    return {{StatusCode::kNotFound, "collection \"" + state.name + "\" was dropped"}, false};
  }
  storage::CollectionMeta before = std::exchange(*found, meta_from_state(state));
  manifest_stale_ = true;
  if (sealing_for_good_) return {};
  const uint64_t doubts = manifest_store_.doubts();
  Status published = publish_and_trim();
  // Go back to the old state, or the next manifest would skip records that it still needs.
  if (!published.ok()) *found = std::move(before);
  return {std::move(published), manifest_store_.doubts() != doubts};
}

void DatabaseImpl::discard(const collection::Superseded& old) {
  MutexLock lock(manifest_mutex_);
  std::ranges::copy(old.segments, std::back_inserter(superseded_.segments));
  std::ranges::copy(old.tombstones, std::back_inserter(superseded_.tombstones));
  std::ranges::copy(old.indexes, std::back_inserter(superseded_.indexes));
  if (!manifest_stale_) remove_superseded();
}

Status DatabaseImpl::publish_and_trim() {
  OMEN_RETURN_IF_ERROR(segments_.sync_names());
  const Lsn trim = trimmable();
  const Lsn trimmed_before = manifest_.log.trimmed;
  manifest_.log.trimmed = std::max(trimmed_before, trim);
  if (Status published = publish_manifest(); !published.ok()) {
    manifest_.log.trimmed = trimmed_before;
    return published;
  }
  remove_superseded();
  // If this fails, the next opening removes the old files.
  log_->trim(trim).ignore();
  return {};
}

void DatabaseImpl::remove_superseded() {
  for (const std::string& name : superseded_.segments) segments_.remove_segment(name);
  for (const std::string& name : superseded_.tombstones) segments_.remove_tombstones(name);
  for (const std::string& name : superseded_.indexes) segments_.remove_index(name);
  superseded_ = {};
}

Status DatabaseImpl::sync(Lsn lsn) {
  OMEN_RETURN_IF_ERROR(lock_->check());
  return log_->sync(lsn);
}

Status DatabaseImpl::publish_manifest() {
  OMEN_RETURN_IF_ERROR(lock_->check());
  manifest_.next_file_number = next_file_number_;
  if (log_ != nullptr) {
    const storage::LogMark mark = log_->mark();
    manifest_.log.sequence = mark.sequence;
    manifest_.log.epoch = mark.epoch;
    manifest_.log.durable = durable_mark(manifest_);
    // The manifest says that the log was synced up to here, so sync it first.
    OMEN_RETURN_IF_ERROR(log_->sync(manifest_.log.durable));
  }
  OMEN_RETURN_IF_ERROR(manifest_store_.publish(manifest_));
  manifest_stale_ = false;
  return {};
}

/// @return the last operation that, with all before it, is in segments. Reads the end of the log
///         before it asks the collections: operations that are appended later do not count.
Lsn DatabaseImpl::trimmable() {
  uint64_t last = to_int(log_->last_appended());
  for (const auto& core : cores()) {
    const storage::CollectionMeta* const meta = find_meta(core->id());
    if (meta == nullptr) continue;
    if (const auto oldest = core->oldest_unsealed(meta->flushed)) {
      last = std::min(last, to_int(*oldest) - 1);
    }
  }
  return Lsn{last};
}

// --- background --------------------------------------------------------------------------------

void DatabaseImpl::limit_log() {
  if (log_->bytes() < kMaxLogBytes) return;
  std::shared_ptr<Core> holder;
  Lsn oldest{UINT64_MAX};
  for (const auto& core : cores()) {
    const auto first = core->oldest_unsealed(core->durable_state().flushed);
    if (!first || *first >= oldest) continue;
    oldest = *first;
    holder = core;
  }
  if (holder != nullptr) holder->freeze();
}

}  // namespace omendb::internal
