// Threads of the caller's, for what OmenDB does not do on the thread that called.
#pragma once

#include <cstddef>
#include <functional>

namespace omendb {

/// Runs tasks. A program that has a thread pool of its own gives it to OpenOptions::executor, and
/// the database then keeps none: callbacks of writes, and the parallel parts of searches and adds,
/// run there. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `task` once, soon. Every task must run, or close() waits for ever. Tasks throw nothing,
  /// take milliseconds, and wait for no other task. post() throws nothing either.
  virtual void post(std::function<void()> task) = 0;
  /// How many tasks may run at once; at least 1.
  virtual size_t threads() const = 0;
};

}  // namespace omendb
