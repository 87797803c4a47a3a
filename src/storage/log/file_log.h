// The log in a folder of files. file_log.cc appends, writes, syncs and waits; room.cc opens a
// folder, finds room for records, and trims. Format: docs/format.md, "WAL".
#pragma once

#include <chrono>
#include <deque>
#include <new>
#include <thread>
#include <utility>

#include "base/sync.h"
#include "storage/log/folder.h"
#include "storage/log/log.h"
#include "storage/log/recovery.h"

namespace omendb::storage {

/// A record of this size or more is written in pieces, without a whole copy in the buffer.
inline constexpr uint64_t kDirectBytes = uint64_t{4} << 20;

/// Thread-safe.
class FileLog final : public Log {
 public:
  /// LogStore::open(); errors name file and offset.
  static Result<std::unique_ptr<Log>> open(std::shared_ptr<Env> env, std::string directory,
                                           const LogOptions& options, const LogMark& mark,
                                           const LogVisitor& replay, LogRecovery* recovery);
  FileLog(std::shared_ptr<Env> env, std::string directory, const LogOptions& options)
      : env_(std::move(env)),
        options_(options),
        folder_(env_, std::move(directory), options.file_bytes) {}
  ~FileLog() override;

  Result<Lsn> append(ShardId shard, std::span<const std::span<const std::byte>> parts) override;
  Status wait_durable(Lsn lsn) override { return drive(lsn, options_.sync_on_wait); }
  Status sync(Lsn lsn) override { return drive(lsn, true); }
  void start_flush() override;
  bool flushing() const override {
    const MutexLock lock(mutex_);
    return writing_ || syncing_ || awaiting_ || flush_wanted_;
  }
  Epoch epoch() const override { return epoch_; }
  Lsn last_appended() const override {
    const MutexLock lock(mutex_);
    return last_appended_;
  }
  Status trim(Lsn lsn) override;
  uint64_t bytes() const override;
  LogMark mark() const override {
    const MutexLock lock(mutex_);
    return {.sequence = files_.empty() ? 0 : files_.back().sequence, .epoch = epoch_};
  }

 private:
  struct LogFile {
    uint64_t sequence = 0;
    Lsn first{};
    uint64_t bytes = 0;
  };

  Status recover(const LogMark& mark, const LogVisitor& replay, LogRecovery* recovery)
      OMEN_EXCLUDES(mutex_);
  Result<Lsn> append_direct(LogFrame frame, std::span<const std::span<const std::byte>> parts)
      OMEN_EXCLUDES(mutex_);
  Status drive(Lsn lsn, bool synced) OMEN_EXCLUDES(mutex_);
  void run() OMEN_EXCLUDES(mutex_);

  // These take or need a role, and release the mutex while they work.
  void take_writing_role() OMEN_REQUIRES(mutex_);
  void release_writing_role() OMEN_REQUIRES(mutex_);
  template <class Work>
  Status without_mutex(Work work) OMEN_REQUIRES(mutex_);
  void write_pending() OMEN_REQUIRES(mutex_);
  template <class Write>
  void write_in_role(Lsn last, Write write) OMEN_REQUIRES(mutex_);
  void write_pending_in_role() OMEN_REQUIRES(mutex_);
  void sync_written() OMEN_REQUIRES(mutex_);
  void await_others() OMEN_REQUIRES(mutex_);
  void sync_together() OMEN_REQUIRES(mutex_);

  /// Whether the file has blocks for a frame of `bytes` and for the zeros after it.
  bool has_room(uint64_t bytes) const OMEN_REQUIRES(mutex_) {
    return planned_ + bytes + sizeof(LogFrame) <= secured_;
  }
  Status find_room(uint64_t bytes) OMEN_REQUIRES(mutex_);
  Status extend_file(uint64_t end) OMEN_REQUIRES(mutex_);
  Status begin_file(uint64_t bytes) OMEN_REQUIRES(mutex_);
  void use_file(Lsn first) OMEN_REQUIRES(mutex_);

  Status take_over(const LogContents& contents, Lsn after, LogRecovery* recovery)
      OMEN_EXCLUDES(mutex_);
  Status go_on_in_last(const LogContents& contents) OMEN_EXCLUDES(mutex_);
  Status end_file(const LogInput& input, uint64_t offset, Lsn first);
  Status keep_tail(const LogContents& contents, Lsn after) OMEN_EXCLUDES(mutex_);
  Status retire_before(Lsn lsn) OMEN_EXCLUDES(mutex_);
  void drop_spares() OMEN_REQUIRES(mutex_);
  void fail(Status status) OMEN_REQUIRES(mutex_);
  Status refusal() const OMEN_REQUIRES(mutex_);
  void set_durable(Lsn lsn) OMEN_REQUIRES(mutex_) { durable_ = std::max(durable_, lsn); }
  /// Tells await_others() of a record that was appended.
  void announce() OMEN_REQUIRES(mutex_) {
    if (to_int(last_appended_) - to_int(durable_) == expected_) joined_.notify_one();
  }

  const std::shared_ptr<Env> env_;
  const LogOptions options_;
  Epoch epoch_{};  // set by recover()

  mutable Mutex mutex_;
  CondVar progress_;  // a role was released, or something was written, synced or failed
  CondVar wake_;      // for the log's own thread
  CondVar joined_;    // as many records are appended as await_others() expects
  LogBuffer pending_ OMEN_GUARDED_BY(mutex_);
  uint64_t planned_ OMEN_GUARDED_BY(mutex_) = 0;  // where in output_ the next frame goes
  uint64_t secured_ OMEN_GUARDED_BY(mutex_) = 0;  // up to where output_ has blocks
  Lsn last_appended_ OMEN_GUARDED_BY(mutex_){};
  Lsn written_ OMEN_GUARDED_BY(mutex_){};  // handed to the system
  Lsn durable_ OMEN_GUARDED_BY(mutex_){};  // synced
  Status failure_ OMEN_GUARDED_BY(mutex_);
  bool writing_ OMEN_GUARDED_BY(mutex_) = false;
  bool syncing_ OMEN_GUARDED_BY(mutex_) = false;
  bool awaiting_ OMEN_GUARDED_BY(mutex_) = false;
  bool flush_wanted_ OMEN_GUARDED_BY(mutex_) = false;
  // How many records were appended and not synced when the last sync ended, and how long it took.
  uint64_t expected_ OMEN_GUARDED_BY(mutex_) = 1;
  std::chrono::steady_clock::duration sync_time_ OMEN_GUARDED_BY(mutex_){};
  uint32_t skips_ OMEN_GUARDED_BY(mutex_) = 0;       // syncs before others are awaited again
  uint32_t next_skips_ OMEN_GUARDED_BY(mutex_) = 0;  // after the next wait in vain
  bool stopping_ OMEN_GUARDED_BY(mutex_) = false;
  bool has_spares_ OMEN_GUARDED_BY(mutex_) = false;    // there may be spares
  std::deque<LogFile> files_ OMEN_GUARDED_BY(mutex_);  // in order; the last may be output_
  std::shared_ptr<WritableFile> syncable_ OMEN_GUARDED_BY(mutex_);  // output_.file

  // Used only by the thread that holds the writing role.
  LogOutput output_;
  LogBuffer flushing_;
  LogFolder folder_;
  uint64_t last_sequence_ = 0;

  std::thread thread_;
};

// Does the work of a role. Running out of memory on the way fails the log like any other error.
template <class Work>
Status FileLog::without_mutex(Work work) {
  mutex_.unlock();
  Status status;
  try {
    status = work();
  } catch (const std::bad_alloc&) {
    status = Status(StatusCode::kOutOfMemory, "out of memory");
  }
  mutex_.lock();
  return status;
}

}  // namespace omendb::storage
