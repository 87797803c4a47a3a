// The last step of a write: what is staged becomes visible to readers.
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

/// An operation between stage and publish.
struct Pending {
  Lsn lsn{};
  std::shared_ptr<const Snapshot> snapshot;     ///< the state that it leaves
  std::shared_ptr<segment::Memtable> memtable;  ///< null for deletes
  uint32_t first = 0;
  uint32_t rows = 0;
  bool encoded = false;  ///< see Memtable::fill()
  bool filled = false;   ///< Publication's
  /// Publication's: what finish_later() was given.
  std::function<void(const Status&)> done = {};
};

/// Holds the snapshot that readers see, and the operations that it does not show yet. Those become
/// visible in the order of the log, each when it is filled, durable, and all before it are visible.
/// Thread-safe; readers wait for the copy of a pointer alone.
class Publication {
 public:
  /// @param first  what is visible at the start.
  explicit Publication(std::shared_ptr<const Snapshot> first) : current_(std::move(first)) {}

  /// The state that every acknowledged write is part of.
  std::shared_ptr<const Snapshot> current() const OMEN_EXCLUDES(current_mutex_);

  /// Calls come in the order of the log. @return what finish() wants.
  std::shared_ptr<Pending> enqueue(Pending staged) OMEN_EXCLUDES(mutex_);

  /// Returns when the operation is visible, or never will be. Its rows are filled by now.
  /// @param logged  what became of its flush; if that failed, the log has failed for good, and so
  ///                has every operation that is not visible yet.
  Status finish(const std::shared_ptr<Pending>& staged, const Status& logged) OMEN_EXCLUDES(mutex_);

  /// The same without waiting: `done` is called once, by the thread that makes the operation
  /// visible or finds that it never will be, which may hold locks: it hands the news on and
  /// returns.
  void finish_later(const std::shared_ptr<Pending>& staged, std::function<void(const Status&)> done)
      OMEN_EXCLUDES(mutex_);
  /// Everything up to `lsn` is durable, or never will be.
  void logged(Lsn lsn, const Status& logged) OMEN_EXCLUDES(mutex_);

  /// Returns when everything up to `lsn` that was enqueued is visible, or why it never will be.
  Status wait(Lsn lsn) OMEN_EXCLUDES(mutex_);
  /// The same for everything enqueued.
  Status drain() OMEN_EXCLUDES(mutex_) { return wait(Lsn{UINT64_MAX}); }

  /// Gives up what is not visible yet, and all that comes: memory and log differ from now on, and
  /// the log is what counts when the database is opened again.
  void fail(const Status& why) OMEN_EXCLUDES(mutex_);

  /// Why nothing is published any more; OK while all is well.
  Status log_error() const OMEN_EXCLUDES(mutex_);

  /// Shows the same points from other parts. @pre nothing is pending, nor enqueued meanwhile.
  void replace(std::shared_ptr<const Snapshot> same) OMEN_EXCLUDES(current_mutex_);

  /// Memtable::view() and encoders(), which are for the publisher to call.
  std::shared_ptr<const segment::RowSource> view(segment::Memtable& memtable, uint32_t rows)
      OMEN_EXCLUDES(mutex_);
  segment::Encoders encoders(const segment::Memtable& memtable) OMEN_EXCLUDES(mutex_);

 private:
  /// Those of whom to tell, and what.
  using News = std::vector<std::pair<std::function<void(const Status&)>, Status>>;
  News publish_ready() OMEN_REQUIRES(mutex_);
  News give_up(const Status& why) OMEN_REQUIRES(mutex_);
  News note_logged(Lsn lsn, const Status& logged) OMEN_REQUIRES(mutex_);
  static void tell(const News& news);
  bool is_published(Lsn lsn) const OMEN_REQUIRES(mutex_) {
    return pending_.empty() || pending_.front()->lsn > lsn;
  }

  mutable Mutex mutex_;
  CondVar changed_;  // something was published, or will never be
  std::deque<std::shared_ptr<Pending>> pending_ OMEN_GUARDED_BY(mutex_);  // in log order
  Lsn durable_ OMEN_GUARDED_BY(mutex_){};
  Status log_error_ OMEN_GUARDED_BY(mutex_);
  mutable Mutex current_mutex_;  // taken after mutex_, held for the copy of a pointer
  std::shared_ptr<const Snapshot> current_ OMEN_GUARDED_BY(current_mutex_);
};

}  // namespace omendb::collection
