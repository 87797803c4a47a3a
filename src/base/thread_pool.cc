#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace omendb {

// One parallel_for. Shared with tasks that may start after it is over: they find no index left and
// so never touch `fn`, which lives only as long as the call.
struct ThreadPool::Loop {
  Loop(size_t count, const std::function<void(size_t)>& body) : n(count), fn(body) {}

  void run() OMEN_EXCLUDES(mutex) {
    size_t finished = 0;
    std::exception_ptr thrown;
    for (size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) {
      try {
        fn(i);
      } catch (...) {
        thrown = std::current_exception();
      }
      ++finished;
    }
    if (finished == 0) return;
    const MutexLock lock(mutex);
    done += finished;
    if (thrown != nullptr) failure = thrown;
    if (done == n) all_done.notify_all();
  }

  void wait() OMEN_EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    while (done < n) all_done.wait(mutex);
    if (failure != nullptr) std::rethrow_exception(failure);
  }

  const size_t n;
  const std::function<void(size_t)>& fn;
  std::atomic<size_t> next{0};
  Mutex mutex;
  CondVar all_done;
  size_t done OMEN_GUARDED_BY(mutex) = 0;
  std::exception_ptr failure OMEN_GUARDED_BY(mutex);
};

ThreadPool::ThreadPool(size_t threads) {
  threads_.reserve(threads);
  try {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {  // no more threads: use those that started
  } catch (const std::bad_alloc&) {     // or no memory for one
  }
}

ThreadPool::~ThreadPool() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(std::function<void()> task) {
  if (executor_ != nullptr) return executor_->post(std::move(task));
  if (threads_.empty()) return task();
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ThreadPool::parallel_for(size_t n, const std::function<void(size_t)>& fn) {
  if (n == 0) return;
  const size_t helpers = std::min(threads(), n - 1);
  if (helpers == 0) {
    for (size_t i = 0; i < n; ++i) fn(i);
    return;
  }
  const auto loop = std::make_shared<Loop>(n, fn);
  try {
    for (size_t i = 0; i < helpers; ++i) submit([loop] { loop->run(); });
  } catch (...) {  // no memory, or an executor that refuses: fewer helpers
  }
  loop->run();
  loop->wait();
}

void ThreadPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      const MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) wake_.wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace omendb
