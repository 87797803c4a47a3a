// The jobs that a collection has running: their kinds, their progress, the segments they replace.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/job_control.h"
#include "base/sync.h"
#include "omendb/results.h"

namespace omendb::collection {

/// The list of a collection's running jobs. Thread-safe; its lock is taken last.
class Jobs {
 public:
  enum class By : uint8_t {
    kBackground,  ///< the thread of a lane
    kCaller,      ///< the caller's thread, in compact() or close()
  };

  /// A running job. Its destructor ends it.
  class Running {
   public:
    Running(Jobs& jobs, JobKind what, By whose, std::vector<std::string> replaced)
        : kind(what), by(whose), segments(std::move(replaced)), jobs_(jobs) {}
    ~Running() { jobs_.end(*this); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    const JobKind kind;
    const By by;
    const std::vector<std::string> segments;  ///< that it replaces; no other job may replace them
    JobControl control;

   private:
    Jobs& jobs_;
  };

  /// @return null if no such job may begin: after stop(), or while an Alone lives.
  std::unique_ptr<Running> begin(JobKind kind, By by, std::vector<std::string> segments = {})
      OMEN_EXCLUDES(mutex_);

  std::set<std::string> taken_segments() const OMEN_EXCLUDES(mutex_);
  std::vector<JobInfo> info() const OMEN_EXCLUDES(mutex_);
  bool any() const OMEN_EXCLUDES(mutex_);
  /// Whether a seal or a merge is running.
  bool any_that_makes_segments() const OMEN_EXCLUDES(mutex_);

  /// While it lives, the background runs no merge. The constructor cancels those that run and waits
  /// until they have ended.
  class Alone {
   public:
    explicit Alone(Jobs& jobs) : jobs_(jobs) { jobs_.send_background_away(); }
    ~Alone() { jobs_.let_background_back(); }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

   private:
    Jobs& jobs_;
  };

  /// Cancels every job except seals, and lets no new one begin. Returns at once.
  void stop() OMEN_EXCLUDES(mutex_);
  /// The same, and cancels seals too.
  void stop_all() OMEN_EXCLUDES(mutex_);
  bool stopped() const OMEN_EXCLUDES(mutex_);
  void wait_until_none() const OMEN_EXCLUDES(mutex_);

  /// Tells wait_for_change() that a job ended, or why it failed.
  void report(const Status& status) OMEN_EXCLUDES(mutex_);

  /// The calls of report() up to some moment.
  struct Mark {
    uint64_t changes = 0;
    uint64_t failures = 0;
    Status last_failure;
  };
  Mark mark() const OMEN_EXCLUDES(mutex_);
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  /// Waits until something happened after `seen`. @return false if the deadline came first.
  bool wait_for_change(const Mark& seen, const Deadline& deadline) const OMEN_EXCLUDES(mutex_);

 private:
  void end(const Running& running) OMEN_EXCLUDES(mutex_);
  void send_background_away() OMEN_EXCLUDES(mutex_);
  void let_background_back() OMEN_EXCLUDES(mutex_);
  void note_change() OMEN_REQUIRES(mutex_);
  bool background_merges() const OMEN_REQUIRES(mutex_);

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<Running*> running_ OMEN_GUARDED_BY(mutex_);
  int alone_ OMEN_GUARDED_BY(mutex_) = 0;
  bool stopped_ OMEN_GUARDED_BY(mutex_) = false;
  bool seals_stopped_ OMEN_GUARDED_BY(mutex_) = false;
  Mark mark_ OMEN_GUARDED_BY(mutex_);
};

}  // namespace omendb::collection
