#include "collection/tend/jobs.h"

#include <algorithm>

namespace omendb::collection {

std::unique_ptr<Jobs::Running> Jobs::begin(JobKind kind, By by, std::vector<std::string> segments) {
  auto running = std::make_unique<Running>(*this, kind, by, std::move(segments));
  {
    const MutexLock lock(mutex_);
    const bool refused =
        kind == JobKind::kSeal ? seals_stopped_ : stopped_ || (by == By::kBackground && alone_ > 0);
    if (!refused) {
      running_.push_back(running.get());
      return running;
    }
  }
  return nullptr;
}

void Jobs::end(const Running& running) {
  const MutexLock lock(mutex_);
  if (std::erase(running_, &running) > 0) note_change();
}

void Jobs::note_change() {
  ++mark_.changes;
  changed_.notify_all();
}

std::set<std::string> Jobs::taken_segments() const {
  const MutexLock lock(mutex_);
  std::set<std::string> taken;
  for (const Running* job : running_) taken.insert(job->segments.begin(), job->segments.end());
  return taken;
}

std::vector<JobInfo> Jobs::info() const {
  const MutexLock lock(mutex_);
  std::vector<JobInfo> jobs;
  for (const Running* job : running_) {
    jobs.push_back({job->kind, job->control.rows_done(), job->control.rows_total()});
  }
  return jobs;
}

bool Jobs::any() const {
  const MutexLock lock(mutex_);
  return !running_.empty();
}

bool Jobs::any_that_makes_segments() const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(running_,
                             [](const Running* job) { return job->kind != JobKind::kIndex; });
}

bool Jobs::background_merges() const {
  return std::ranges::any_of(running_, [](const Running* job) {
    return job->kind != JobKind::kSeal && job->by == By::kBackground;
  });
}

void Jobs::send_background_away() {
  const MutexLock lock(mutex_);
  ++alone_;
  for (Running* job : running_) {
    if (job->kind != JobKind::kSeal && job->by == By::kBackground) job->control.cancel();
  }
  while (background_merges()) changed_.wait(mutex_);
}

void Jobs::let_background_back() {
  const MutexLock lock(mutex_);
  --alone_;
  note_change();
}

void Jobs::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (Running* job : running_) {
    if (job->kind != JobKind::kSeal) job->control.cancel();
  }
  note_change();
}

void Jobs::stop_all() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  seals_stopped_ = true;
  for (Running* job : running_) job->control.cancel();
  note_change();
}

bool Jobs::stopped() const {
  const MutexLock lock(mutex_);
  return stopped_;
}

void Jobs::wait_until_none() const {
  const MutexLock lock(mutex_);
  while (!running_.empty()) changed_.wait(mutex_);
}

void Jobs::report(const Status& status) {
  const MutexLock lock(mutex_);
  if (!status.ok()) {
    ++mark_.failures;
    mark_.last_failure = status;
  }
  note_change();
}

Jobs::Mark Jobs::mark() const {
  const MutexLock lock(mutex_);
  return mark_;
}

bool Jobs::wait_for_change(const Mark& seen, const Deadline& deadline) const {
  const MutexLock lock(mutex_);
  while (mark_.changes == seen.changes) {
    if (!deadline) {
      changed_.wait(mutex_);
    } else if (!changed_.wait_until(mutex_, *deadline)) {
      return mark_.changes != seen.changes;
    }
  }
  return true;
}

}  // namespace omendb::collection
