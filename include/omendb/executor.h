// Lets OmenDB run its parallel work on the caller's threads.
#pragma once

#include <cstddef>
#include <functional>

namespace omendb {

/// Runs tasks. A program that has its own thread pool passes it as OpenOptions::executor. Then the
/// database starts no pool: callbacks of writes and the parallel parts of searches and adds run on
/// the program's. Implementations are thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `task` once, soon: on another thread, or before it returns. Tasks take milliseconds, do
  /// not wait for other tasks, and throw nothing but what the program's callback throws. If post()
  /// throws, or the task is destroyed without having run, the database runs a callback of a write
  /// on a thread of its own instead, so an executor may refuse tasks and may be stopped with tasks
  /// in its queue. A task that is kept and never run keeps close() waiting.
  virtual void post(std::function<void()> task) = 0;
  /// How many tasks may run at once; at least 1. Does not throw.
  virtual size_t threads() const = 0;
};

}  // namespace omendb
