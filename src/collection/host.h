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

/// What is done for a collection in the background.
enum class Work : uint8_t { kSeal, kMerge };

/// Files that nothing names once a new state is in force.
struct Superseded {
  std::vector<std::string> segments;
  std::vector<std::string> tombstones;
};

/// What a collection asks of the database that holds it. Thread-safe.
class Host {
 public:
  virtual ~Host() = default;
  /// Orders and logs an operation; durable after wait_durable().
  virtual Result<Lsn> append(std::span<const std::span<const std::byte>> parts) = 0;
  /// Has the log written and synced by a thread of its own.
  virtual void start_flush() = 0;
  /// Whether somebody is at that.
  virtual bool flushing() const = 0;
  virtual Status wait_durable(Lsn lsn) = 0;
  /// wait_durable(), whatever the durability mode.
  virtual Status sync(Lsn lsn) = 0;
  /// Makes `state` the durable description of its collection, and the log before it superfluous.
  /// While the database closes, one manifest at the end does so for all collections.
  virtual Status publish(const CollectionState& state) = 0;
  /// Removes files that nothing names, once a manifest is in force that does not either.
  virtual void discard(const Superseded& old) = 0;
  /// A name that no file of this database ever had.
  virtual std::string new_file_name() = 0;
  virtual segment::SegmentStore& segments() = 0;
  virtual ThreadPool& pool() = 0;
  /// Flushes the log for an operation of the collection that nobody waits for, and calls
  /// CollectionCore::logged() then.
  virtual void when_durable(std::shared_ptr<CollectionCore> collection, Lsn lsn) = 0;
  /// Runs the task soon, on a thread that is nobody else's now; the caller may hold locks.
  virtual void post(std::function<void()> task) = 0;
  /// The collection may have work of that kind for the background. Allocates nothing that it cannot
  /// do without, so that it does not fail.
  virtual void wake(Work work, const std::string& collection) = 0;
};

}  // namespace omendb::collection
