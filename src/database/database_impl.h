// An open database folder: lock, manifest, log, collections, and the threads that tend them.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/sync.h"
#include "base/thread_pool.h"
#include "collection/collection_core.h"
#include "database/background.h"
#include "database/completions.h"
#include "database/follower.h"
#include "omendb/database.h"
#include "storage/log/log.h"
#include "storage/manifest.h"

namespace omendb::internal {

/// Where a ":memory:" database lives in its own Env.
inline constexpr char kMemoryFolder[] = "/memory";
inline constexpr char kLockFile[] = "LOCK";
inline constexpr char kSegmentsFolder[] = "segments";
inline constexpr char kLogFolder[] = "wal";

/// What to do about a collection that does not exist.
enum class IfMissing : uint8_t { kCreate, kFail };

/// Whether threads seal and merge in the background.
enum class Tending : uint8_t { kBackground, kNone };

/// Thread-safe. Each call of the public API holds a CallGuard: close() waits until those that run
/// have ended, and later calls fail with kClosed. Order of locks: a collection's locks except its
/// write lock, manifest_mutex_, the collection's write lock, map_mutex_.
class DatabaseImpl final : public collection::Host {
 public:
  /// @param env  null = the operating system's, or memory for ":memory:".
  /// @param log  null = files in the database's folder.
  static Result<std::shared_ptr<DatabaseImpl>> open(
      std::string path, const OpenOptions& options, std::shared_ptr<storage::Env> env = nullptr,
      Tending tending = Tending::kBackground, std::shared_ptr<storage::LogStore> log = nullptr);
  ~DatabaseImpl() override;

  Result<std::shared_ptr<collection::CollectionCore>> collection(
      std::string_view name, const std::optional<CollectionOptions>& options,
      IfMissing if_missing = IfMissing::kCreate);
  std::vector<std::string> collection_names() const;
  Status drop_collection(std::string_view name);
  std::vector<std::shared_ptr<collection::CollectionCore>> cores() const;
  Status flush();
  Status compact();
  Status snapshot(const std::string& path, const SnapshotOptions& options);  // snapshot.cc
  Status close();

  const std::vector<std::string>& recovery_notes() const { return recovery_notes_; }
  const std::string& path() const { return path_; }
  OpenMode mode() const { return options_.mode; }

  /// @error kReadOnly for a reader.
  Status check_writable() const;
  /// @return the collection that has the name of `held` now.
  Result<std::shared_ptr<collection::CollectionCore>> current(
      const std::shared_ptr<collection::CollectionCore>& held) const;

  Status enter();
  void leave();
  /// Like enter() and leave(), for a write that completes by callback: leave_async() is called when
  /// the callback has returned.
  /// @error kLimitExceeded if too many are in flight.
  Status enter_async();
  void leave_async();
  /// Runs a callback of the user's. close() is refused inside it.
  void run_callback(const std::function<void()>& callback);

  // collection::Host
  Result<Lsn> append(std::span<const std::span<const std::byte>> parts) override;
  void start_flush() override { log_->start_flush(); }
  bool flushing() const override { return log_->flushing(); }
  Status wait_durable(Lsn lsn) override { return log_->wait_durable(lsn); }
  Status sync(Lsn lsn) override;
  collection::Published publish(const collection::CollectionState& state) override;
  void discard(const collection::Superseded& old) override;
  std::string new_file_name() override;
  segment::SegmentStore& segments() override { return segments_; }
  /// Has one thread fewer than the machine has processors, because the thread that calls a search
  /// or an add takes part.
  ThreadPool& pool() override { return pool_; }
  void when_durable(std::shared_ptr<collection::CollectionCore> core, Lsn lsn) override {
    completions_.when_durable(std::move(core), lsn);
  }
  void post(std::function<void()> task) override;
  void wake(collection::Work work, const std::string& name) override {
    background_.wake(work, find_core(name));
  }

 private:
  using Core = collection::CollectionCore;

  DatabaseImpl(std::string path, const OpenOptions& options, std::shared_ptr<storage::Env> env,
               std::shared_ptr<storage::LogStore> log);

  /// @error kClosed in the child of a fork, which has none of the threads.
  Status check_process() const;
  Status shut_down();

  // Opening: open.cc.
  Status open_reader();
  Status open_folder();
  Status remove_orphans() OMEN_REQUIRES(manifest_mutex_);
  Status open_collections();
  void take_over(const Replay& replay) OMEN_REQUIRES(manifest_mutex_);

  std::shared_ptr<Core> find_core(std::string_view name) const;
  Result<std::shared_ptr<Core>> declare(std::string_view name,
                                        const std::optional<CollectionOptions>& options,
                                        IfMissing if_missing) OMEN_REQUIRES(manifest_mutex_);
  Result<std::shared_ptr<Core>> create_collection(std::string_view name,
                                                  const CollectionOptions& options)
      OMEN_REQUIRES(manifest_mutex_);
  /// Waits until the record that declares the collection is durable.
  Status wait_declared(uint32_t id) OMEN_EXCLUDES(map_mutex_);
  void forget(const Core& core) OMEN_REQUIRES(manifest_mutex_);
  void supersede_files_of(const storage::CollectionMeta& meta) OMEN_REQUIRES(manifest_mutex_);
  storage::CollectionMeta* find_meta(uint32_t id) OMEN_REQUIRES(manifest_mutex_);
  Status publish_manifest() OMEN_REQUIRES(manifest_mutex_);
  /// Publishes the manifest, and removes the log records and files that it makes superfluous.
  Status publish_and_trim() OMEN_REQUIRES(manifest_mutex_);
  void remove_superseded() OMEN_REQUIRES(manifest_mutex_);
  Status seal_for_good();
  Lsn trimmable() OMEN_REQUIRES(manifest_mutex_);

  void limit_log();

  const std::string path_;
  const uint64_t forks_;
  const OpenOptions options_;
  const collection::CoreOptions core_options_;
  const std::shared_ptr<storage::Env> env_;
  segment::SegmentStore segments_;
  std::unique_ptr<storage::FileLock> lock_;
  const std::shared_ptr<storage::LogStore> log_store_;
  std::unique_ptr<storage::Log> log_;
  std::vector<std::string> recovery_notes_;
  std::atomic<uint64_t> next_file_number_{1};
  std::atomic<uint64_t> appends_{0};

  Mutex manifest_mutex_;
  storage::ManifestStore manifest_store_ OMEN_GUARDED_BY(manifest_mutex_);
  storage::Manifest manifest_ OMEN_GUARDED_BY(manifest_mutex_);
  // Files that manifest_ does not name, but the manifest on the disk may.
  collection::Superseded superseded_ OMEN_GUARDED_BY(manifest_mutex_);
  bool manifest_stale_ OMEN_GUARDED_BY(manifest_mutex_) = false;  // the disk's differs
  bool sealing_for_good_ OMEN_GUARDED_BY(manifest_mutex_) = false;

  mutable Mutex map_mutex_;
  std::map<std::string, std::shared_ptr<Core>, std::less<>> collections_
      OMEN_GUARDED_BY(map_mutex_);
  // By id: the log record of a declaration that may not be durable yet.
  std::map<uint32_t, Lsn> undurable_ OMEN_GUARDED_BY(map_mutex_);

  ThreadPool pool_;

  std::unique_ptr<Follower> follower_;  // a reader's; it has no lock_, no log_ and no background_

  Mutex calls_mutex_;
  CondVar calls_ended_;
  uint64_t calls_ OMEN_GUARDED_BY(calls_mutex_) = 0;
  bool closing_ OMEN_GUARDED_BY(calls_mutex_) = false;
  bool closed_ OMEN_GUARDED_BY(calls_mutex_) = false;

  std::atomic<size_t> writes_in_flight_{0};
  Completions completions_{[this](Lsn lsn) { return log_->wait_durable(lsn); },
                           [this](auto task) { pool_.submit(std::move(task)); }};
  Background background_{[this] { return cores(); }, [this] { limit_log(); }};
};

/// Keeps a database open for the length of a call.
class CallGuard {
 public:
  explicit CallGuard(DatabaseImpl& database) : database_(database), status_(database.enter()) {}
  ~CallGuard() {
    if (status_.ok()) database_.leave();
  }
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;
  const Status& status() const { return status_; }

 private:
  DatabaseImpl& database_;
  const Status status_;
};

/// The inside of a public Collection. It goes by the name: a collection may be dropped and created
/// again, so each call asks for the current one.
class CollectionHandle {
 public:
  CollectionHandle(std::shared_ptr<DatabaseImpl> owner,
                   std::shared_ptr<collection::CollectionCore> held)
      : database(std::move(owner)), held_(std::move(held)) {}

  Result<std::shared_ptr<collection::CollectionCore>> core() const {
    return database->current(held_);
  }

  const std::shared_ptr<DatabaseImpl> database;

 private:
  const std::shared_ptr<collection::CollectionCore> held_;
};

}  // namespace omendb::internal
