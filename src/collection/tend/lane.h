// A thread that does one kind of background work for all collections of a database.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/sync.h"
#include "omendb/status.h"

namespace omendb::collection {

class CollectionCore;

/// Collections wait in line for their turn. A turn is one piece of work. A collection that has more
/// goes to the end of the line, so that no collection waits for all the work of another. A
/// collection whose work failed gets its next turn after a pause, or when it is added again.
/// Thread-safe.
class Lane {
 public:
  using Core = std::shared_ptr<CollectionCore>;
  struct Work {
    /// Does one piece of work of a collection. @return false if it had none.
    std::function<Result<bool>(CollectionCore&)> step;
    /// Lists all collections of the database, for add_all().
    std::function<std::vector<Core>()> all;
    /// Runs before each step and at each wake(); may add collections. May be empty.
    std::function<void()> before = {};
  };

  explicit Lane(Work work) : work_(std::move(work)) {}
  ~Lane() { stop(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Starts the thread. Collections may be added before.
  void start();
  /// Waits until the step that is running has ended. Work in line is left undone.
  void stop() OMEN_EXCLUDES(mutex_);

  /// Puts a collection that may have work in line.
  void add(const Core& core) OMEN_EXCLUDES(mutex_);
  void add_all() OMEN_EXCLUDES(mutex_);
  void wake() OMEN_EXCLUDES(mutex_);

 private:
  enum class Turn : uint8_t { kStop, kLook, kStep };

  void run() OMEN_EXCLUDES(mutex_);
  Turn next_turn(Core& core) OMEN_EXCLUDES(mutex_);
  void enqueue(const Core& core) OMEN_REQUIRES(mutex_);
  void enqueue_failed() OMEN_REQUIRES(mutex_);
  bool do_turn(Turn turn, const Core& core);

  const Work work_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<Core> line_ OMEN_GUARDED_BY(mutex_);
  std::set<const CollectionCore*> in_line_ OMEN_GUARDED_BY(mutex_);
  std::deque<Core> failed_ OMEN_GUARDED_BY(mutex_);
  // Memory was too short to note which collections failed: all get another turn.
  bool all_failed_ OMEN_GUARDED_BY(mutex_) = false;
  int turns_since_failure_ OMEN_GUARDED_BY(mutex_) = 0;
  bool all_ OMEN_GUARDED_BY(mutex_) = false;
  bool look_ OMEN_GUARDED_BY(mutex_) = false;
  bool stop_ OMEN_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace omendb::collection
