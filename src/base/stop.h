// Makes a call that takes long give up before it is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "omendb/status.h"

namespace omendb {

/// A deadline, and a flag that the caller may set from another thread. Work that takes long asks
/// check() between pieces of about a millisecond. Immutable; thread-safe.
class Stop {
 public:
  /// Microseconds on a clock that never goes back.
  using Clock = uint64_t (*)();

  /// Never.
  Stop() = default;

  /// @param cancelled   borrowed; true = give up. Null = nobody cancels.
  /// @param timeout_ms  from now; 0: no deadline.
  Stop(const std::atomic<bool>* cancelled, uint64_t timeout_ms, Clock clock)
      : cancelled_(cancelled), timeout_ms_(timeout_ms), clock_(clock) {
    if (timeout_ms_ == 0) return;
    constexpr uint64_t kLongest = uint64_t{1} << 50;  // as good as none
    deadline_ = clock() + (timeout_ms_ < kLongest ? timeout_ms_ : kLongest) * 1'000;
  }

  /// Whether check() can ever fail: if not, nobody needs to cut work into pieces.
  bool possible() const { return cancelled_ != nullptr || timeout_ms_ != 0; }

  /// @error kCancelled, kDeadlineExceeded.
  Status check() const {
    if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) {
      return {StatusCode::kCancelled, "the caller cancelled the call"};
    }
    if (timeout_ms_ != 0 && clock_() >= deadline_) {
      return {StatusCode::kDeadlineExceeded,
              "the call took longer than its timeout of " + std::to_string(timeout_ms_) + " ms"};
    }
    return {};
  }

 private:
  const std::atomic<bool>* cancelled_ = nullptr;
  uint64_t timeout_ms_ = 0;
  uint64_t deadline_ = 0;
  Clock clock_ = nullptr;
};

}  // namespace omendb
