// What a collection needs from the database around it: the log, the manifest, files, threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/thread_pool.h"
#include "collection/state.h"
#include "omendb/status.h"
#include "segment/segment_store.h"

namespace omendb::collection {

class CollectionCore;

/// The kinds of background work.
enum class Work : uint8_t { kSeal, kMerge, kIndex };

/// Files that no manifest names once a new state is published.
struct Superseded {
  std::vector<std::string> segments;
  std::vector<std::string> tombstones;
  std::vector<std::string> indexes;
};

/// The result of a publication.
struct Published {
  Status status;
  /// After an error: whether the new manifest may have come into force nevertheless.
  bool in_doubt = false;
};

/// What a collection calls in the database that holds it. Thread-safe.
class Host {
 public:
  virtual ~Host() = default;
  /// Appends an operation to the log, which gives it its place in the order of writes. It is
  /// durable after wait_durable().
  virtual Result<Lsn> append(std::span<const std::span<const std::byte>> parts) = 0;
  /// Makes a thread of the log write and sync what was appended. Returns at once.
  virtual void start_flush() = 0;
  /// Whether a flush is running.
  virtual bool flushing() const = 0;
  virtual Status wait_durable(Lsn lsn) = 0;
  /// Like wait_durable(), but syncs in every durability mode.
  virtual Status sync(Lsn lsn) = 0;
  /// Publishes a manifest with `state`, after which the log up to `state.flushed` is not needed for
  /// this collection. While the database closes, one manifest at the end does so for all.
  /// After an error the earlier state is in force, or if Published::in_doubt is set, one of the
  /// two.
  virtual Published publish(const CollectionState& state) = 0;
  /// Removes the files as soon as the manifest in force does not name them.
  virtual void discard(const Superseded& old) = 0;
  /// @return a file stem that no file of this database ever had.
  virtual std::string new_file_name() = 0;
  virtual segment::SegmentStore& segments() = 0;
  virtual ThreadPool& pool() = 0;
  /// Flushes the log up to `lsn` on a thread of the database, and then calls
  /// CollectionCore::logged(). For operations that no caller waits for.
  virtual void when_durable(std::shared_ptr<CollectionCore> collection, Lsn lsn) = 0;
  /// Runs the task soon on another thread. The caller may hold locks.
  virtual void post(std::function<void()> task) = 0;
  /// Tells the background that the collection may have work of this kind. Never fails: if memory is
  /// short, the lane looks at every collection instead.
  virtual void wake(Work work, const std::string& collection) = 0;
};

}  // namespace omendb::collection
