// The last step of a write: readers see it.
//
// An example. Two threads write at the same time; the log gave A position 7 and B position 8.
//
//   enqueue(A), enqueue(B)   pending: A, B. Readers see the state of position 6.
//   finish(B, OK)            B's rows are filled and the log is synced up to 8, so A's record is on
//                            the disk as well. A's rows are not filled yet: B waits behind A.
//   finish(A, OK)            A's rows are filled: A and B become visible in one step, and both
//                            calls return. Readers see the state of position 8.
//
// If the sync fails instead, nothing becomes visible: finish() returns the error to both, and so it
// does to every later write until the database is opened again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "collection/state.h"

namespace omendb::collection {

/// An operation that is logged and not visible yet.
struct Pending {
  Lsn lsn{};
  std::shared_ptr<const Snapshot> snapshot;     ///< the state after the operation
  std::shared_ptr<segment::Memtable> memtable;  ///< null for deletes
  uint32_t first = 0;
  uint32_t rows = 0;
  bool encoded = false;  ///< see Memtable::fill()
  bool filled = false;   ///< set by Publication
  /// Set by Publication: the argument of finish_later().
  std::function<void(const Status&)> done = {};
};

/// Holds the snapshot that readers see, and the operations that it does not show yet. An operation
/// becomes visible when it is filled and durable and all operations before it in the log are
/// visible. Thread-safe; a reader waits no longer than it takes to copy a pointer.
class Publication {
 public:
  /// @param first  the snapshot that readers see at first.
  explicit Publication(std::shared_ptr<const Snapshot> first) : current_(std::move(first)) {}

  /// The state that every acknowledged write is part of.
  std::shared_ptr<const Snapshot> current() const OMEN_EXCLUDES(current_mutex_);

  /// Adds an operation. Calls come in the order of the log. @return the argument of finish().
  std::shared_ptr<Pending> enqueue(Pending staged) OMEN_EXCLUDES(mutex_);

  /// Waits until the operation is visible, or until the log has failed.
  /// @pre its rows are filled.
  /// @param logged  the result of Host::wait_durable(). If it is an error, the log has failed for
  ///                good, and no operation becomes visible any more.
  Status finish(const std::shared_ptr<Pending>& staged, const Status& logged) OMEN_EXCLUDES(mutex_);

  /// The same without waiting. Calls `done` once: with OK when the operation is visible, with the
  /// log's error if it never will be. `done` runs on the thread that publishes, which may hold
  /// locks: it must pass the result on and return.
  void finish_later(const std::shared_ptr<Pending>& staged, std::function<void(const Status&)> done)
      OMEN_EXCLUDES(mutex_);
  /// Tells that everything up to `lsn` is durable, or that the log has failed.
  void logged(Lsn lsn, const Status& logged) OMEN_EXCLUDES(mutex_);

  /// Waits until everything up to `lsn` that was enqueued is visible. @error the log's.
  Status wait(Lsn lsn) OMEN_EXCLUDES(mutex_);
  /// The same for everything that was enqueued.
  Status drain() OMEN_EXCLUDES(mutex_) { return wait(Lsn{UINT64_MAX}); }

  /// Fails every operation that is not visible yet, and every later one. Called when memory and log
  /// differ; the log decides when the database is opened again.
  void fail(const Status& why) OMEN_EXCLUDES(mutex_);

  /// The error that stopped publication; OK if none did.
  Status log_error() const OMEN_EXCLUDES(mutex_);

  /// Replaces the snapshot that readers see.
  /// @pre nothing is pending, and nothing is enqueued during the call.
  void replace(std::shared_ptr<const Snapshot> next) OMEN_EXCLUDES(current_mutex_);

  /// Replaces the snapshot that readers see, and that of each pending operation, by one that holds
  /// the same points in other parts. Works after the log has failed, too. Changes all or, out of
  /// memory, none.
  /// @pre nothing is enqueued during the call.
  using Change = std::function<std::shared_ptr<const Snapshot>(const Snapshot&)>;
  void change(const Change& same_points) OMEN_EXCLUDES(mutex_, current_mutex_);

  /// Calls Memtable::view() and encoders(), which must not run beside Memtable::publish().
  std::shared_ptr<const segment::RowSource> view(segment::Memtable& memtable, uint32_t rows)
      OMEN_EXCLUDES(mutex_);
  segment::Encoders encoders(const segment::Memtable& memtable) OMEN_EXCLUDES(mutex_);

 private:
  /// Callbacks to call, and the status that each gets.
  using News = std::vector<std::pair<std::function<void(const Status&)>, Status>>;
  News publish_ready() OMEN_REQUIRES(mutex_);
  News give_up(const Status& why) OMEN_REQUIRES(mutex_);
  News note_logged(Lsn lsn, const Status& logged) OMEN_REQUIRES(mutex_);
  static void tell(const News& news);
  bool is_published(Lsn lsn) const OMEN_REQUIRES(mutex_) {
    return pending_.empty() || pending_.front()->lsn > lsn;
  }

  mutable Mutex mutex_;
  CondVar changed_;  // something was published, or the log has failed
  std::deque<std::shared_ptr<Pending>> pending_ OMEN_GUARDED_BY(mutex_);  // in log order
  Lsn durable_ OMEN_GUARDED_BY(mutex_){};
  Status log_error_ OMEN_GUARDED_BY(mutex_);
  mutable Mutex current_mutex_;  // taken after mutex_, held while a pointer is copied
  std::shared_ptr<const Snapshot> current_ OMEN_GUARDED_BY(current_mutex_);
};

}  // namespace omendb::collection
