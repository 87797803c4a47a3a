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
  /// Runs `task` once, soon. Every task must run, or close() waits for ever. Tasks do not throw,
  /// take milliseconds, and do not wait for other tasks. post() must not throw either.
  virtual void post(std::function<void()> task) = 0;
  /// How many tasks may run at once; at least 1.
  virtual size_t threads() const = 0;
};

}  // namespace omendb
