// Opens a database: takes the lock, loads the manifest, and replays the log.
#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/fork.h"
#include "base/status_macros.h"
#include "database/catalog.h"
#include "database/database_impl.h"
#include "database/replay.h"
#include "storage/log/file_log_store.h"

namespace omendb::internal {

namespace {

using storage::join;

constexpr char kMemoryPath[] = ":memory:";

Status check_range(const char* name, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return {};
  return {StatusCode::kInvalidArgument, std::string(name) + " is " + std::to_string(value) +
                                            "; expected " + std::to_string(low) + ".." +
                                            std::to_string(high)};
}

Status check_options(std::string_view path, const OpenOptions& options) {
  if (path.empty()) {
    return {StatusCode::kInvalidArgument, "the path is empty; expected a folder or \":memory:\""};
  }
  if (path.find('\0') != std::string_view::npos) {
    return {StatusCode::kInvalidArgument, "the path holds a zero byte"};
  }
  OMEN_RETURN_IF_ERROR(
      check_range("memtable_bytes", options.memtable_bytes, 64 << 10, uint64_t{4} << 30));
  OMEN_RETURN_IF_ERROR(check_range("max_sealing_memtables", options.max_sealing_memtables, 1, 64));
  OMEN_RETURN_IF_ERROR(check_range("lock_timeout_ms", options.lock_timeout_ms, 0, 86'400'000));
  if (options.max_build_bytes != 0) {
    OMEN_RETURN_IF_ERROR(
        check_range("max_build_bytes", options.max_build_bytes, 1 << 20, uint64_t{1} << 40));
  }
  OMEN_RETURN_IF_ERROR(
      check_range("max_writes_in_flight", options.max_writes_in_flight, 1, 1 << 20));
  if (options.durability == Durability::kInterval) {
    OMEN_RETURN_IF_ERROR(check_range("interval_ms", options.interval_ms, 1, 60'000));
  }
  return {};
}

storage::LogOptions log_options(const OpenOptions& options) {
  storage::LogOptions result;
  result.sync_on_wait = options.durability == Durability::kSync;
  result.sync_interval_ms = options.durability == Durability::kInterval ? options.interval_ms : 0;
  return result;
}

/// Takes the lock, waiting for up to `timeout_ms` while another holds it.
Result<std::unique_ptr<storage::FileLock>> take_lock(storage::Env& env, const std::string& path,
                                                     uint64_t timeout_ms) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLongestPause{50};
  const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::chrono::milliseconds pause{1};
  for (;;) {
    auto taken = env.lock(path, storage::describe_this_process(env.now_micros()));
    if (taken.status().code() == StatusCode::kIoError) {
      return Status(StatusCode::kIoError,
                    taken.status().message() +
                        "; what this process may not write it can read, opened with mode \"r\"");
    }
    if (taken.status().code() != StatusCode::kLocked) return taken;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) {
      std::string message = taken.status().message();
      if (timeout_ms > 0) message += ", still after " + std::to_string(timeout_ms) + " ms";
      message += "; open it with mode \"r\" to read it meanwhile";
      return Status(StatusCode::kLocked, std::move(message));
    }
    std::this_thread::sleep_for(std::min(pause, left));
    pause = std::min(2 * pause, kLongestPause);
  }
}

size_t build_bytes(const OpenOptions& options) {
  constexpr uint64_t kLeast = uint64_t{64} << 20;
  if (options.max_build_bytes != 0) return options.max_build_bytes;
  return std::max(storage::memory_bytes() / 4, kLeast);
}

}  // namespace

DatabaseImpl::DatabaseImpl(std::string path, const OpenOptions& options,
                           std::shared_ptr<storage::Env> env,
                           std::shared_ptr<storage::LogStore> log)
    : path_(std::move(path)),
      forks_(forks()),
      options_(options),
      core_options_{.memtable_bytes = options.memtable_bytes,
                    .max_sealing_memtables = options.max_sealing_memtables,
                    .max_build_bytes = build_bytes(options)},
      env_(std::move(env)),
      segments_(env_, join(path_, kSegmentsFolder)),
      log_store_(std::move(log)),
      manifest_store_(env_, path_),
      pool_(options.executor == nullptr
                ? ThreadPool(std::max(1U, std::thread::hardware_concurrency()) - 1)
                : ThreadPool(options.executor)) {}

Result<std::shared_ptr<DatabaseImpl>> DatabaseImpl::open(std::string path,
                                                         const OpenOptions& options,
                                                         std::shared_ptr<storage::Env> env,
                                                         Tending tending,
                                                         std::shared_ptr<storage::LogStore> log) {
  OMEN_RETURN_IF_ERROR(check_options(path, options));
  const bool in_memory = path == kMemoryPath;
  const bool reader = options.mode == OpenMode::kRead;
  if (in_memory && env == nullptr && reader) {
    return Status(StatusCode::kInvalidArgument,
                  "\":memory:\" lives with the process that made it; there is nothing to read");
  }
  if (in_memory) path = kMemoryFolder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (env == nullptr) env = in_memory ? storage::Env::in_memory() : storage::Env::posix();
  OMEN_ASSIGN_OR_RETURN(path, env->absolute(path));
  if (log == nullptr) log = std::make_shared<storage::FileLogStore>(env, join(path, kLogFolder));
  // The child of a fork does not have the threads and must not touch the files: it destroys
  // nothing.
  const auto destroy = [](DatabaseImpl* impl) {
    if (impl->check_process().ok()) delete impl;
  };
  auto database = std::shared_ptr<DatabaseImpl>(
      new DatabaseImpl(std::move(path), options, std::move(env), std::move(log)), destroy);
  if (reader) {
    OMEN_RETURN_IF_ERROR(database->open_reader());
    return database;
  }
  OMEN_RETURN_IF_ERROR(database->open_folder());
  OMEN_RETURN_IF_ERROR(database->open_collections());
  database->completions_.start();
  if (tending == Tending::kBackground) database->background_.start();
  return database;
}

Status DatabaseImpl::open_reader() {
  auto follower = std::make_unique<Follower>(env_, path_, log_store_, core_options_, pool_);
  OMEN_RETURN_IF_ERROR(follower->refresh());
  follower_ = std::move(follower);
  return {};
}

Status DatabaseImpl::open_folder() {
  OMEN_ASSIGN_OR_RETURN(const bool exists, env_->exists(path_));
  if (exists) {
    OMEN_ASSIGN_OR_RETURN(const bool folder, env_->is_directory(path_));
    if (!folder) {
      return {StatusCode::kNotADatabase, "\"" + path_ + "\" is a file; a database is a folder"};
    }
  } else if (!options_.create_if_missing) {
    return {StatusCode::kNotFound, "there is no database at \"" + path_ + "\""};
  }
  MutexLock lock(manifest_mutex_);
  if (exists) {
    // Look before anything is written: the folder may belong to another program. Ignore damage
    // here: another process may be replacing the manifest, and the lock will show that.
    const auto manifest = manifest_store_.load();
    if (!manifest.ok() && manifest.status().code() != StatusCode::kCorruption) {
      return manifest.status();
    }
    if (manifest.ok() && !*manifest && !options_.create_if_missing) {
      return {StatusCode::kNotFound, "there is no database at \"" + path_ + "\""};
    }
  } else {
    OMEN_RETURN_IF_ERROR(env_->make_directory(path_));
  }
  OMEN_ASSIGN_OR_RETURN(lock_, take_lock(*env_, join(path_, kLockFile), options_.lock_timeout_ms));
  OMEN_ASSIGN_OR_RETURN(auto manifest, manifest_store_.load());
  OMEN_RETURN_IF_ERROR(env_->make_directory(join(path_, kSegmentsFolder)));
  OMEN_RETURN_IF_ERROR(env_->make_directory(join(path_, kLogFolder)));
  OMEN_RETURN_IF_ERROR(env_->sync_directory(path_));
  if (manifest) {
    manifest_ = std::move(*manifest);
    manifest_.opening_uuid = storage::random_uuid();
  } else {
    // Even if the folder existed: its maker may not have synced its name.
    OMEN_RETURN_IF_ERROR(env_->sync_directory(storage::parent_directory(path_)));
    manifest_.opening_uuid = storage::random_uuid();
    OMEN_RETURN_IF_ERROR(manifest_store_.publish(manifest_));
  }
  next_file_number_ = manifest_.next_file_number;
  return {};
}

/// Files that a crash left between being written and being named by a manifest.
Status DatabaseImpl::remove_orphans() {
  std::set<std::string> named;
  for (const auto& collection : manifest_.collections) {
    for (const auto& segment : collection.segments) {
      named.insert(segment::SegmentStore::segment_file(segment.name));
      for (const auto& index : segment.indexes) {
        named.insert(segment::SegmentStore::index_file(index.name));
      }
      if (!segment.tombstones.empty()) {
        named.insert(segment::SegmentStore::tombstone_file(segment.tombstones));
      }
    }
  }
  const std::string folder = join(path_, kSegmentsFolder);
  OMEN_ASSIGN_OR_RETURN(const auto files, env_->list(folder));
  for (const std::string& file : files) {
    if (!named.contains(file)) OMEN_RETURN_IF_ERROR(env_->remove_file(join(folder, file)));
  }
  return {};
}

Status DatabaseImpl::open_collections() {
  MutexLock lock(manifest_mutex_);
  OMEN_RETURN_IF_ERROR(remove_orphans());
  const auto open = [this](const auto& state) -> Result<std::shared_ptr<Core>> {
    OMEN_ASSIGN_OR_RETURN(std::shared_ptr<Core> core, Core::open(*this, core_options_, state));
    return core;
  };
  OMEN_ASSIGN_OR_RETURN(Replay replay, Replay::of(manifest_, open));
  storage::LogMark mark = manifest_.log;
  mark.durable = durable_mark(manifest_);
  storage::LogRecovery recovery;
  OMEN_ASSIGN_OR_RETURN(
      log_, log_store_->open(
                log_options(options_), mark,
                [&](const storage::LogRecord& record) { return replay.apply(record); }, &recovery));
  recovery_notes_ = std::move(recovery.notes);
  take_over(replay);
  for (const auto& core : cores()) {
    for (const Status& problem : core->index_problems()) {
      recovery_notes_.push_back("an index cannot be used, so searches measure every row instead: " +
                                problem.message());
    }
  }
  // Every manifest names a log file, also the first one, so that a folder without it is damaged.
  const bool begun = mark.sequence == 0 && log_->mark().sequence != 0;
  return begun ? publish_manifest() : Status();
}

/// Takes over the collections that replay has built from the manifest and the log after it.
void DatabaseImpl::take_over(const Replay& replay) {
  manifest_stale_ = replay.catalogue() != manifest_.catalogue;
  for (const storage::CollectionMeta& meta : manifest_.collections) {
    if (!replay.collections().contains(meta.id)) supersede_files_of(meta);
  }
  manifest_.next_collection_id = replay.next_collection_id();
  manifest_.catalogue = replay.catalogue();
  manifest_.collections.clear();
  MutexLock lock(map_mutex_);
  for (const auto& [id, core] : replay.collections()) {
    manifest_.collections.push_back(meta_from_state(core->durable_state()));
    collections_.emplace(core->name(), core);
  }
}

}  // namespace omendb::internal
