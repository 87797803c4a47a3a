// The end of a collection's background work: by waiting for it, by close, by drop.
#include "base/status_macros.h"
#include "collection/collection_core.h"

namespace omendb::collection {

bool CollectionCore::work_is_due() const {
  if (oldest_frozen()) return true;
  // A lane takes its segments and begins its job under this lock: one of the two is seen.
  const MutexLock lock(commit_mutex_);
  return jobs_.any() || !choose_merge(MergeLane::kEither).empty() || choose_index().has_value();
}

Status CollectionCore::optimize(const Jobs::Deadline& deadline) {
  struct Optimizing {
    explicit Optimizing(std::atomic<uint32_t>& count) : count_(count) { ++count_; }
    ~Optimizing() { --count_; }
    std::atomic<uint32_t>& count_;
  };
  const Optimizing wait(optimizing_);
  const uint64_t failures = jobs_.mark().failures;
  while (true) {
    const Jobs::Mark seen = jobs_.mark();
    OMEN_RETURN_IF_ERROR(check_open());
    if (jobs_.stopped()) return {StatusCode::kClosed, "the database was closed"};
    if (seen.failures > failures) return seen.last_failure;
    if (!work_is_due()) return {};
    {
      MutexLock lock(write_mutex_);
      OMEN_RETURN_IF_ERROR(check_writable());
    }
    host_.wake(Work::kSeal, name_);
    host_.wake(Work::kMerge, name_);
    host_.wake(Work::kIndex, name_);
    if (jobs_.wait_for_change(seen, deadline)) continue;
    return {StatusCode::kDeadlineExceeded,
            "collection \"" + name_ + "\" still has work in the background"};
  }
}

void CollectionCore::stop_merging() {
  jobs_.stop();
}

Status CollectionCore::close() {
  jobs_.stop();
  Status sealed;
  {
    MutexLock lock(write_mutex_);
    if (closed_.exchange(true)) return {};
    room_.notify_all();
    // If the log has failed, it keeps what was acknowledged.
    if (publication_.drain().ok() && growing_first_lsn_ != Lsn{}) freeze_locked();
  }
  if (publication_.log_error().ok()) {
    const MutexLock lock(seal_mutex_);
    sealed = seal_all();
  }
  jobs_.wait_until_none();
  return sealed;
}

Result<Lsn> CollectionCore::drop() {
  Lsn lsn{};
  {
    MutexLock lock(write_mutex_);
    OMEN_RETURN_IF_ERROR(check_writable());
    const EncodedOperation record(DropOperation{id_});
    OMEN_ASSIGN_OR_RETURN(lsn, host_.append(record.parts()));
    dropped_ = true;
    room_.notify_all();
  }
  jobs_.stop_all();
  return lsn;
}

void CollectionCore::remove_new_files() {
  jobs_.wait_until_none();
  const MutexLock lock(commit_mutex_);
  remove_left_behind({});
}

}  // namespace omendb::collection
