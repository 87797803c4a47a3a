// Mutex and condition variable that clang's -Wthread-safety can check.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define OMEN_TSA(x) __attribute__((x))
#else
#define OMEN_TSA(x)
#endif

#define OMEN_GUARDED_BY(mutex) OMEN_TSA(guarded_by(mutex))
#define OMEN_PT_GUARDED_BY(mutex) OMEN_TSA(pt_guarded_by(mutex))
#define OMEN_REQUIRES(...) OMEN_TSA(requires_capability(__VA_ARGS__))
#define OMEN_EXCLUDES(...) OMEN_TSA(locks_excluded(__VA_ARGS__))

namespace omendb {

class OMEN_TSA(capability("mutex")) Mutex {
 public:
  void lock() OMEN_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() OMEN_TSA(release_capability()) { mutex_.unlock(); }
  bool try_lock() OMEN_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class OMEN_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) OMEN_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() OMEN_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits are written as loops around a condition, so that the analysis sees the guarded reads:
///   MutexLock lock(mutex_);
///   while (queue_.empty()) wake_.wait(mutex_);
class CondVar {
 public:
  void wait(Mutex& mutex) OMEN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> adopted(mutex.mutex_, std::adopt_lock);
    cv_.wait(adopted);
    adopted.release();
  }
  /// @return false if the time ran out.
  bool wait_for(Mutex& mutex, std::chrono::microseconds timeout) OMEN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> adopted(mutex.mutex_, std::adopt_lock);
    const bool woken = cv_.wait_for(adopted, timeout) == std::cv_status::no_timeout;
    adopted.release();
    return woken;
  }
  /// @return false if the time came.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point time) OMEN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> adopted(mutex.mutex_, std::adopt_lock);
    const bool woken = cv_.wait_until(adopted, time) == std::cv_status::no_timeout;
    adopted.release();
    return woken;
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace omendb
