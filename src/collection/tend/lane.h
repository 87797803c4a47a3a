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

/// Collections wait in line for their turn. A turn is one piece of work, after which a collection
/// that has more goes to the end of the line: none waits for all the work of another. A collection
/// whose work failed has its next turn after a pause, or when it is added again. Thread-safe.
class Lane {
 public:
  using Core = std::shared_ptr<CollectionCore>;
  struct Work {
    /// Does one piece of work of a collection. @return whether there was one.
    std::function<Result<bool>(CollectionCore&)> step;
    /// All collections there are: those that add_all() adds.
    std::function<std::vector<Core>()> all;
    /// Runs before each step and at each wake(); may add collections. May be empty.
    std::function<void()> before = {};
  };

  explicit Lane(Work work) : work_(std::move(work)) {}
  ~Lane() { stop(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Collections may be added before.
  void start();
  /// Returns when the step that is under way has ended; what is in line is left undone.
  void stop() OMEN_EXCLUDES(mutex_);

  /// The collection may have work; if it has none, its turn is a short one.
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
  bool all_failed_ OMEN_GUARDED_BY(mutex_) = false;  // some did, and which is not known
  int turns_since_failure_ OMEN_GUARDED_BY(mutex_) = 0;
  bool all_ OMEN_GUARDED_BY(mutex_) = false;
  bool look_ OMEN_GUARDED_BY(mutex_) = false;
  bool stop_ OMEN_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace omendb::collection
