#include "database/database_impl.h"

#include <algorithm>
#include <new>

#include "base/fork.h"
#include "base/status_macros.h"
#include "collection/write/batch_check.h"
#include "database/catalog.h"

namespace omendb::internal {

namespace {

/// Past this, the collection whose operations keep the log from being trimmed is sealed.
constexpr uint64_t kMaxLogBytes = uint64_t{1} << 30;
constexpr uint64_t kAppendsBetweenLooks = 256;

/// The database whose callback this thread runs.
thread_local const DatabaseImpl* in_callback_of = nullptr;

std::string describe(const CollectionOptions& options) {
  return "dim " + std::to_string(options.dim) + ", " + std::string(metric_name(options.metric)) +
         ", " + std::string(element_name(options.element));
}

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
  const DatabaseImpl* outer = std::exchange(in_callback_of, this);
  callback();
  in_callback_of = outer;
}

void DatabaseImpl::post(std::function<void()> task) {
  // A pool without threads would run it here, under the locks of whoever brings the news.
  if (pool_.threads() > 0) return pool_.submit(std::move(task));
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
  if (follower_ == nullptr) return held;
  if (auto core = follower_->find(held->name())) return core;
  return Status(StatusCode::kNotFound, "collection \"" + held->name() + "\" was dropped");
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
    if (closing_) {  // by another, who may be at it still
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
    for (const auto& core : cores()) {
      if (Status closed = core->close(); !closed.ok() && result.ok()) result = std::move(closed);
    }
    if (Status synced = flush(); result.ok()) result = std::move(synced);
    log_.reset();
  }
  lock_.reset();
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
    std::string_view name, const std::optional<CollectionOptions>& options) {
  OMEN_RETURN_IF_ERROR(collection::check_collection_name(name));
  if (options) OMEN_RETURN_IF_ERROR(collection::check_collection_options(*options));
  if (!options) {
    if (auto core = find_core(name)) return core;
  }
  MutexLock lock(manifest_mutex_);
  const std::shared_ptr<Core> core = find_core(name);
  if (core == nullptr && follower_ != nullptr) {
    return Status(StatusCode::kNotFound, "there is no collection \"" + std::string(name) +
                                             "\" yet, and a reader makes none");
  }
  if (core == nullptr) return create_collection(name, options.value_or(CollectionOptions()));
  if (!options) return core;

  OMEN_ASSIGN_OR_RETURN(const auto snapshot, core->snapshot());
  const segment::VectorSpec& spec = snapshot->spec;
  const bool same = spec.metric == options->metric && spec.element == options->element &&
                    (options->dim == 0 || spec.dim == options->dim);
  if (same) return core;
  if (spec.dim != 0) {
    return Status(StatusCode::kAlreadyExists, "collection \"" + std::string(name) +
                                                  "\" exists with " +
                                                  describe({spec.dim, spec.metric, spec.element}) +
                                                  "; asked for " + describe(*options));
  }
  if (follower_ != nullptr) return core;  // the writer will see to it
  // Nothing was ever added, unless just now: what was not declared then is declared now.
  if (!core->mark_dropped_if_untouched()) {
    return Status(StatusCode::kAlreadyExists,
                  "collection \"" + std::string(name) + "\" took its first points meanwhile");
  }
  OMEN_RETURN_IF_ERROR(remove_collection(*core));
  return create_collection(name, *options);
}

Result<std::shared_ptr<collection::CollectionCore>> DatabaseImpl::create_collection(
    std::string_view name, const CollectionOptions& options) {
  if (manifest_.collections.size() >= kMaxCollections) {
    return Status(StatusCode::kLimitExceeded, "the database has " +
                                                  std::to_string(kMaxCollections) +
                                                  " collections, which is the most it can have");
  }
  collection::CollectionState state;
  state.id = manifest_.next_collection_id++;
  state.name = name;
  state.spec = {options.dim, options.metric, options.element};
  // The log holds nothing of a new id, so `flushed` stays 0. The last LSN would not do: its record
  // may not be durable, and after a crash that LSN is given to another.
  OMEN_ASSIGN_OR_RETURN(std::shared_ptr<Core> core, Core::open(*this, core_options_, state));
  manifest_.collections.push_back(meta_from_state(state));
  if (Status published = publish_manifest(); !published.ok()) {
    manifest_.collections.pop_back();
    return published;
  }
  MutexLock lock(map_mutex_);
  collections_.emplace(std::string(name), core);
  return core;
}

Status DatabaseImpl::drop_collection(std::string_view name) {
  std::shared_ptr<Core> core;
  Status removed;
  {
    MutexLock lock(manifest_mutex_);
    core = find_core(name);
    if (core == nullptr) {
      return {StatusCode::kNotFound, "there is no collection \"" + std::string(name) + "\""};
    }
    core->mark_dropped();
    removed = remove_collection(*core);
  }
  core->remove_new_files();
  return removed;
}

/// The collection takes no more writes by now. If publication fails, the manifest without it may or
/// may not be in force: so it does not come back before the next open, which finds out, since a
/// write acknowledged meanwhile might be lost.
Status DatabaseImpl::remove_collection(Core& core) {
  {
    MutexLock lock(map_mutex_);
    collections_.erase(core.name());
  }
  const auto meta =
      std::ranges::find(manifest_.collections, core.id(), &storage::CollectionMeta::id);
  std::vector<storage::SegmentMeta> segments;
  if (meta != manifest_.collections.end()) {
    segments = std::move(meta->segments);
    manifest_.collections.erase(meta);
  }
  OMEN_RETURN_IF_ERROR(publish_manifest());
  for (const storage::SegmentMeta& segment : segments) {
    segments_.remove_segment(segment.name);
    if (!segment.tombstones.empty()) segments_.remove_tombstones(segment.tombstones);
  }
  return {};
}

// --- collection::Host --------------------------------------------------------------------------

Result<Lsn> DatabaseImpl::append(std::span<const std::span<const std::byte>> parts) {
  OMEN_RETURN_IF_ERROR(lock_->check());
  // Deletes fill no memtable, so nothing else would have the log's size looked at.
  if (++appends_ % kAppendsBetweenLooks == 0 && log_->bytes() >= kMaxLogBytes) background_.look();
  return log_->append(ShardId{0}, parts);
}

std::string DatabaseImpl::new_file_name() {
  std::string digits = std::to_string(next_file_number_++);
  return std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits;
}

Status DatabaseImpl::publish(const collection::CollectionState& state) {
  MutexLock lock(manifest_mutex_);
  const auto found = std::find_if(manifest_.collections.begin(), manifest_.collections.end(),
                                  [&](const auto& meta) { return meta.id == state.id; });
  if (found == manifest_.collections.end()) {
    return {StatusCode::kNotFound, "collection \"" + state.name + "\" was dropped"};
  }
  storage::CollectionMeta before = std::exchange(*found, meta_from_state(state));
  const Lsn trim = trimmable();
  const Lsn trimmed_before = manifest_.log.trimmed;
  manifest_.log.trimmed = std::max(trimmed_before, trim);
  if (Status published = publish_manifest(); !published.ok()) {
    // Both, or the next manifest would skip records that the old state still needs.
    *found = std::move(before);
    manifest_.log.trimmed = trimmed_before;
    return published;
  }
  // The state is in force, whatever becomes of the log's old files; the next opening removes them.
  log_->trim(trim).ignore();
  return {};
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
    // What a manifest says to be there must be there before it.
    OMEN_RETURN_IF_ERROR(log_->sync(manifest_.log.durable));
  }
  return manifest_store_.publish(manifest_);
}

/// The last operation that, with all before it, is in segments. Read before the collections are
/// asked: what is appended later does not count.
Lsn DatabaseImpl::trimmable() {
  uint64_t last = to_int(log_->last_appended());
  for (const auto& core : cores()) {
    const auto meta = std::find_if(manifest_.collections.begin(), manifest_.collections.end(),
                                   [&](const auto& m) { return m.id == core->id(); });
    if (meta == manifest_.collections.end()) continue;
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
