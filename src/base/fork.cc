#include "base/fork.h"

#include <atomic>

#include <pthread.h>

namespace omendb {

namespace {

std::atomic<uint64_t> count{0};

}  // namespace

uint64_t forks() {
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++count; });
  (void)registered;
  return count.load(std::memory_order_relaxed);
}

}  // namespace omendb
