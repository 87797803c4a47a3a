// Progress and cancellation of a long job.
#pragma once

#include <atomic>
#include <cstdint>

#include "omendb/status.h"

namespace omendb {

/// The thread that does the job calls begin() and, after each chunk, proceed(). Any thread may call
/// the rest at any time.
class JobControl {
 public:
  /// Says how much there is to do: `passes` passes over `rows` rows. A row is done when all its
  /// passes are.
  void begin(uint64_t rows, uint64_t passes) {
    passes_.store(passes, std::memory_order_relaxed);
    rows_total_.store(rows, std::memory_order_relaxed);
  }
  /// Notes that one pass over `rows` more rows is done.
  /// @error kCancelled if the job must stop: it undoes its work and returns this error.
  Status proceed(uint64_t rows) {
    steps_done_.fetch_add(rows, std::memory_order_relaxed);
    if (!cancelled()) return {};
    return {StatusCode::kCancelled, "the work in the background was stopped"};
  }

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  /// The share of the work that is done, in rows; at most rows_total().
  uint64_t rows_done() const {
    const uint64_t total = rows_total();
    const uint64_t done =
        steps_done_.load(std::memory_order_relaxed) / passes_.load(std::memory_order_relaxed);
    return done < total ? done : total;
  }
  uint64_t rows_total() const { return rows_total_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> rows_total_{0};
  std::atomic<uint64_t> passes_{1};
  std::atomic<uint64_t> steps_done_{0};  // rows of passes
};

}  // namespace omendb
