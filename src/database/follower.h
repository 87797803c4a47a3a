// A database that another process writes, as a reader sees it: docs/adr, "Followers without locks".
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sync.h"
#include "collection/collection_core.h"
#include "database/replay.h"
#include "storage/log/log.h"
#include "storage/manifest.h"

namespace omendb::internal {

/// Keeps a reader's collections in step with the writer: it reads the records that the writer
/// appends to the log, and takes over the segments of each new manifest. It takes no lock and
/// changes no file.
///
/// The writer may remove a file of an older manifest before the follower opens it, and trim records
/// before the follower reads them. Then a later manifest is in force, and the follower builds its
/// collections anew from that. It does the same if the path leads to another database, or to
/// another state of this one: somebody exchanged the folder or brought a copy back. Thread-safe.
class Follower final : public collection::Host {
 public:
  using Core = collection::CollectionCore;

  Follower(std::shared_ptr<storage::Env> env, std::string path,
           std::shared_ptr<storage::LogStore> log, const collection::CoreOptions& options,
           ThreadPool& pool);

  /// Brings the collections up to date: every write that was acknowledged before the call began is
  /// visible when it returns. The first call opens the database.
  /// @error kNotFound if there is no database, kCorruption, kUnsupportedVersion, kIoError. A later
  ///        call that finds a database succeeds.
  Status refresh() OMEN_EXCLUDES(mutex_);

  std::vector<std::shared_ptr<Core>> cores() const OMEN_EXCLUDES(map_mutex_);
  /// @return null if there is no such collection. "default" always exists: it is empty until the
  ///         writer has made it.
  std::shared_ptr<Core> find(std::string_view name) const OMEN_EXCLUDES(map_mutex_);

  // collection::Host. Calls that would write are refused.
  Result<Lsn> append(std::span<const std::span<const std::byte>> parts) override;
  void start_flush() override {}
  bool flushing() const override { return false; }
  Status wait_durable(Lsn) override { return {}; }
  Status sync(Lsn) override { return {}; }
  collection::Published publish(const collection::CollectionState& state) override;
  void discard(const collection::Superseded&) override {}
  std::string new_file_name() override { return {}; }
  segment::SegmentStore& segments() override { return segments_; }
  ThreadPool& pool() override { return pool_; }
  void when_durable(std::shared_ptr<Core>, Lsn) override {}
  void post(std::function<void()> task) override { task(); }
  void wake(collection::Work, const std::string&) override {}

 private:
  /// The collections of a manifest, with the log records after it.
  struct View {
    Replay replay;
    std::unique_ptr<storage::LogReader> log;
    // Of the manifest that was taken over last.
    std::array<uint8_t, 16> opening_uuid{};
    uint64_t generation = 0;
  };
  struct InForce {
    storage::Manifest manifest;
    std::unique_ptr<storage::ReadableFile> current;  ///< the CURRENT that names it
  };

  Status look() OMEN_REQUIRES(mutex_);
  Result<bool> keep_up(bool in_force) OMEN_REQUIRES(mutex_);
  Result<InForce> load_manifest() OMEN_REQUIRES(mutex_);
  Status check_same_database(const View& view) OMEN_REQUIRES(mutex_);
  Status build() OMEN_REQUIRES(mutex_);
  Result<View> view_of(const storage::Manifest& manifest) OMEN_REQUIRES(mutex_);
  Result<storage::LogReader::Outcome> follow_log(View& view) OMEN_REQUIRES(mutex_);
  Status adopt(const storage::Manifest& manifest) OMEN_REQUIRES(mutex_);
  Result<std::shared_ptr<Core>> open_core(const collection::CollectionState& state);
  void show() OMEN_REQUIRES(mutex_) OMEN_EXCLUDES(map_mutex_);

  const std::shared_ptr<storage::Env> env_;
  const std::string path_;
  const std::shared_ptr<storage::LogStore> log_;
  const collection::CoreOptions options_;
  ThreadPool& pool_;
  segment::SegmentStore segments_;
  std::atomic<uint64_t> arrivals_{0};

  Mutex mutex_;                                      // taken before map_mutex_
  uint64_t looked_for_ OMEN_GUARDED_BY(mutex_) = 0;  // the last arrival that a look() has served
  storage::ManifestStore manifests_ OMEN_GUARDED_BY(mutex_);
  /// The CURRENT that was read. It stays open, so that no other file is mistaken for it.
  std::unique_ptr<storage::ReadableFile> current_ OMEN_GUARDED_BY(mutex_);
  View view_ OMEN_GUARDED_BY(mutex_);
  /// Whether view_ is whole, and is that of current_. If not, the next look() builds it anew.
  bool settled_ OMEN_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Core> empty_default_ OMEN_GUARDED_BY(mutex_);

  mutable Mutex map_mutex_;
  std::map<std::string, std::shared_ptr<Core>, std::less<>> by_name_ OMEN_GUARDED_BY(map_mutex_);
  std::shared_ptr<Core> default_ OMEN_GUARDED_BY(map_mutex_);  // if the writer has made none
};

}  // namespace omendb::internal
