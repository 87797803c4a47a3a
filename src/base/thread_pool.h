// A small fixed pool of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "omendb/executor.h"

namespace omendb {

/// Runs tasks in the order of submission on a fixed number of threads. Thread-safe. The destructor
/// runs all submitted tasks and then joins the threads.
class ThreadPool {
 public:
  /// @param threads  fewer if the system refuses more. 0 is allowed: submit() then runs the task at
  ///                 once, in the caller.
  explicit ThreadPool(size_t threads);
  /// Has no threads of its own: tasks go to `executor`, which may outlive the pool with some of
  /// those that parallel_for() no longer needs.
  explicit ThreadPool(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const {
    return executor_ == nullptr ? threads_.size() : std::max<size_t>(1, executor_->threads());
  }

  /// @param task  throws nothing.
  void submit(std::function<void()> task) OMEN_EXCLUDES(mutex_);

  /// Calls fn(i) for each i in [0, n), in any order and on several threads; returns when all calls
  /// have returned. The calling thread takes part, so this may be used from inside a task, and
  /// makes progress when every pool thread is busy. If calls throw, one of the exceptions is thrown
  /// again when all calls have ended.
  void parallel_for(size_t n, const std::function<void(size_t)>& fn) OMEN_EXCLUDES(mutex_);

 private:
  struct Loop;

  void work() OMEN_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> tasks_ OMEN_GUARDED_BY(mutex_);
  bool stopping_ OMEN_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
  const std::shared_ptr<Executor> executor_;
};

}  // namespace omendb
