// Waits for the log on behalf of writes that complete by callback.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <thread>

#include "base/sync.h"
#include "collection/host.h"

namespace omendb::internal {

/// One thread serves all such writes: it flushes what was appended so far, tells the collections,
/// and then flushes what was appended in between. Thread-safe.
class Completions {
 public:
  using Core = std::shared_ptr<collection::CollectionCore>;

  /// @param wait_durable  of the log.
  /// @param run           runs a task that post() was given, or has another thread run it. If it
  ///                      throws or destroys the task, the thread of this object runs the task.
  Completions(std::function<Status(Lsn)> wait_durable,
              std::function<void(std::function<void()>)> run)
      : wait_durable_(std::move(wait_durable)), run_(std::move(run)) {}
  ~Completions() { stop(); }
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  void start();
  void stop() OMEN_EXCLUDES(mutex_);

  /// Calls CollectionCore::logged() when the operation is durable, or when the log has failed.
  void when_durable(Core core, Lsn lsn) OMEN_EXCLUDES(mutex_);
  /// Runs a task on another thread. The caller may hold locks.
  void post(std::function<void()> task) OMEN_EXCLUDES(mutex_);

 private:
  class Handed;
  using Waiting = std::map<Core, Lsn>;
  using Tasks = std::list<std::function<void()>>;

  void run() OMEN_EXCLUDES(mutex_);
  void flush(const Waiting& waiting);
  void hand_over(Tasks task);
  void take_back(Tasks task) OMEN_EXCLUDES(mutex_);

  const std::function<Status(Lsn)> wait_durable_;
  const std::function<void(std::function<void()>)> run_;
  Mutex mutex_;
  CondVar wake_;
  Waiting waiting_ OMEN_GUARDED_BY(mutex_);
  Tasks tasks_ OMEN_GUARDED_BY(mutex_);
  Tasks taken_back_ OMEN_GUARDED_BY(mutex_);
  bool stop_ OMEN_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace omendb::internal
