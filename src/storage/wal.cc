// The writing side of the log. A record goes: append() copies it into `pending_`; whoever holds the
// writing role swaps that buffer out and writes it with one call; whoever holds the syncing role
// then flushes the file for everything written so far. The roles are taken by the log's own thread
// (start_flush(), the interval) or by a waiter that finds them free, so that a lone writer pays for
// no thread switch and many share each flush.
//
// Writers that wait for a flush come back with their next records soon after it. Whoever syncs next
// gives them a moment (await_others), or it would sync its own record alone and theirs after that,
// in turns for ever: two writers would be no faster than one.
#include "storage/wal.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <new>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "base/sync.h"
#include "storage/wal_files.h"
#include "storage/wal_recovery.h"

namespace omendb::storage {
namespace {

// A record of this size or more is written from where it lies, without a copy in the buffer.
constexpr uint64_t kDirectBytes = uint64_t{4} << 20;
// append() waits for the disk when this much is gathered.
constexpr size_t kMaxPendingBytes = size_t{32} << 20;
// Others are awaited for a quarter of the time that a sync takes. After a time in vain the next
// syncs await nobody: none, then 1, 3, 7 of them, up to a limit, for each time more. Where a sync
// takes less than a millisecond, as on NVMe, others would be too late; and one that took very long
// says nothing about the next.
constexpr int kPatience = 4;
constexpr std::chrono::milliseconds kMostPatience{20};
constexpr std::chrono::milliseconds kShortSync{1};
constexpr uint32_t kMostSkips = 63;

class FileWal final : public Wal {
 public:
  FileWal(std::shared_ptr<Env> env, std::string directory, const WalOptions& options)
      : env_(std::move(env)),
        options_(options),
        folder_(env_, std::move(directory), options.file_bytes) {}
  ~FileWal() override;

  Status recover(Lsn from, const std::function<Status(Lsn, std::span<const std::byte>)>& replay,
                 WalRecovery* recovery) OMEN_EXCLUDES(mutex_);
  void start_thread() {
    thread_ = std::thread([this] { run(); });
  }

  Result<Lsn> append(std::span<const std::span<const std::byte>> parts) override;
  Status wait_durable(Lsn lsn) override { return drive(lsn, options_.sync_on_wait); }
  Status sync(Lsn lsn) override { return drive(lsn, true); }
  void start_flush() override;
  bool flushing() const override {
    const MutexLock lock(mutex_);
    return writing_ || syncing_ || awaiting_ || flush_wanted_;
  }
  Lsn last_appended() const override {
    const MutexLock lock(mutex_);
    return last_appended_;
  }
  Status trim(Lsn lsn) override;
  uint64_t bytes() const override;

 private:
  struct LogFile {
    uint64_t sequence = 0;
    Lsn first{};
    uint64_t bytes = 0;
  };

  Result<Lsn> append_direct(uint32_t crc, uint64_t length,
                            std::span<const std::span<const std::byte>> parts)
      OMEN_EXCLUDES(mutex_);
  Status drive(Lsn lsn, bool synced) OMEN_EXCLUDES(mutex_);
  void run() OMEN_EXCLUDES(mutex_);

  // These take or need a role, and let go of the mutex while they work.
  void take_writing_role() OMEN_REQUIRES(mutex_);
  void release_writing_role(Status status, Lsn written) OMEN_REQUIRES(mutex_);
  template <class Work>
  Status without_mutex(Work work) OMEN_REQUIRES(mutex_);
  void write_pending() OMEN_REQUIRES(mutex_);
  void sync_written() OMEN_REQUIRES(mutex_);
  void await_others() OMEN_REQUIRES(mutex_);
  void sync_together() OMEN_REQUIRES(mutex_);
  Status make_room(uint64_t bytes, Lsn written) OMEN_EXCLUDES(mutex_);

  Status open_file(Lsn first) OMEN_EXCLUDES(mutex_);
  Status keep_tail(const WalContents& contents, Lsn after) OMEN_EXCLUDES(mutex_);
  Status retire_before(Lsn lsn) OMEN_EXCLUDES(mutex_);
  void fail(Status status) OMEN_REQUIRES(mutex_);
  Status refusal() const OMEN_REQUIRES(mutex_);
  void set_durable(Lsn lsn) OMEN_REQUIRES(mutex_) { durable_ = std::max(durable_, lsn); }
  /// Tells await_others() of a record that was appended.
  void announce() OMEN_REQUIRES(mutex_) {
    if (to_int(last_appended_) - to_int(durable_) == expected_) joined_.notify_one();
  }

  const std::shared_ptr<Env> env_;
  const WalOptions options_;

  mutable Mutex mutex_;
  CondVar progress_;  // a role was released, or something was written, synced or failed
  CondVar wake_;      // for the log's own thread
  CondVar joined_;    // as many records are on their way as are expected
  WalBuffer pending_ OMEN_GUARDED_BY(mutex_);
  Lsn last_appended_ OMEN_GUARDED_BY(mutex_){};
  Lsn written_ OMEN_GUARDED_BY(mutex_){};  // handed to the system
  Lsn durable_ OMEN_GUARDED_BY(mutex_){};  // synced
  Status failure_ OMEN_GUARDED_BY(mutex_);
  bool writing_ OMEN_GUARDED_BY(mutex_) = false;
  bool syncing_ OMEN_GUARDED_BY(mutex_) = false;
  bool awaiting_ OMEN_GUARDED_BY(mutex_) = false;
  bool flush_wanted_ OMEN_GUARDED_BY(mutex_) = false;
  // How many records were on their way when the last sync ended, and how long it took.
  uint64_t expected_ OMEN_GUARDED_BY(mutex_) = 1;
  std::chrono::steady_clock::duration sync_time_ OMEN_GUARDED_BY(mutex_){};
  uint32_t skips_ OMEN_GUARDED_BY(mutex_) = 0;       // syncs before others are awaited again
  uint32_t next_skips_ OMEN_GUARDED_BY(mutex_) = 0;  // after another time in vain
  bool stopping_ OMEN_GUARDED_BY(mutex_) = false;
  std::deque<LogFile> files_ OMEN_GUARDED_BY(mutex_);  // in order; the last may be output_
  std::shared_ptr<WritableFile> syncable_ OMEN_GUARDED_BY(mutex_);  // output_.file

  // Belong to the holder of the writing role.
  WalOutput output_;
  WalBuffer flushing_;
  WalFolder folder_;
  uint64_t last_sequence_ = 0;

  std::thread thread_;
};

// ---- opening

Status FileWal::recover(Lsn from,
                        const std::function<Status(Lsn, std::span<const std::byte>)>& replay,
                        WalRecovery* recovery) {
  OMEN_ASSIGN_OR_RETURN(const auto sequences, folder_.scan());
  OMEN_ASSIGN_OR_RETURN(const WalContents contents,
                        read_wal(*env_, folder_, sequences, from, replay));
  last_sequence_ = contents.last_sequence;
  const Lsn kept = std::max(contents.durable, from);
  {
    const MutexLock lock(mutex_);
    last_appended_ = written_ = durable_ = contents.last;
    for (const WalInput& input : contents.live) {
      files_.push_back(
          {input.header.sequence, Lsn{input.header.first_lsn}, input.mapped->bytes().size()});
    }
  }
  // What may be in the system's cache alone goes to a new file, whose bytes are surely new: after a
  // failed flush the old file's pages can look clean and be lost.
  if (contents.last > kept || (contents.torn && contents.last > from)) {
    OMEN_RETURN_IF_ERROR(keep_tail(contents, kept));
  }
  OMEN_RETURN_IF_ERROR(folder_.retire(contents.unused));
  OMEN_RETURN_IF_ERROR(retire_before(from));
  if (recovery != nullptr) {
    recovery->last = contents.last;
    if (contents.torn) recovery->notes.push_back(contents.note);
  }
  return {};
}

// Copies the records after `after` to a new file, which takes the log's name when it is complete.
Status FileWal::keep_tail(const WalContents& contents, Lsn after) {
  const WalInput& input = contents.live.back();
  const auto bytes = input.mapped->bytes();
  OMEN_ASSIGN_OR_RETURN(output_, folder_.begin(last_sequence_ + 1, next(after)));
  uint64_t offset = contents.tail_offset;
  WalFrame frame;
  while (read_wal_frame(bytes, offset, input.header.crc, frame) &&
         frame.lsn <= to_int(contents.last)) {
    const std::span<const std::byte> payload[] = {
        bytes.subspan(offset + sizeof(frame), frame.length)};
    offset += wal_frame_bytes(frame.length);
    if (Lsn{frame.lsn} <= after) continue;
    if (frame.length >= kDirectBytes || flushing_.size() >= kDirectBytes) {
      OMEN_RETURN_IF_ERROR(output_.write(flushing_, after));
      flushing_.clear();
    }
    if (frame.length >= kDirectBytes) {
      OMEN_RETURN_IF_ERROR(output_.write(frame, payload, after));
    } else {
      flushing_.add(Lsn{frame.lsn}, frame.payload_crc, frame.length, payload);
    }
  }
  OMEN_RETURN_IF_ERROR(output_.write(flushing_, after));
  flushing_.clear();
  OMEN_RETURN_IF_ERROR(output_.file->sync());
  OMEN_RETURN_IF_ERROR(folder_.publish(++last_sequence_));
  const MutexLock lock(mutex_);
  files_.push_back({last_sequence_, next(after), output_.offset});
  syncable_ = output_.file;
  return {};
}

FileWal::~FileWal() {
  if (thread_.joinable()) {
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    joined_.notify_all();
    thread_.join();
  }
  const MutexLock lock(mutex_);
  if (failure_.ok() && !pending_.empty()) write_pending();
  folder_.remove_spares();
}

// ---- appending

void FileWal::fail(Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

Status FileWal::refusal() const {
  return {StatusCode::kReadOnly, "the log is read-only since a write failed (" +
                                     failure_.message() + "); reopen the database to write again"};
}

Result<Lsn> FileWal::append(std::span<const std::span<const std::byte>> parts) {
  uint64_t length = 0;
  uint32_t crc = 0;
  for (const auto part : parts) length += part.size();
  if (length > kMaxWalRecordBytes) {
    return Status(StatusCode::kLimitExceeded, "a log record of " + std::to_string(length) +
                                                  " bytes; at most " +
                                                  std::to_string(kMaxWalRecordBytes));
  }
  for (const auto part : parts) crc = crc32c::extend(crc, part);
  if (length >= kDirectBytes) return append_direct(crc, length, parts);

  const MutexLock lock(mutex_);
  while (failure_.ok() && pending_.size() >= kMaxPendingBytes) {
    if (writing_) {
      progress_.wait(mutex_);
    } else {
      write_pending();
    }
  }
  if (!failure_.ok()) return refusal();
  const Lsn lsn = next(last_appended_);
  pending_.add(lsn, crc, length, parts);
  last_appended_ = lsn;
  announce();
  return last_appended_;
}

Result<Lsn> FileWal::append_direct(uint32_t crc, uint64_t length,
                                   std::span<const std::span<const std::byte>> parts) {
  const MutexLock lock(mutex_);
  take_writing_role();
  if (!failure_.ok()) {
    release_writing_role({}, written_);
    return refusal();
  }
  const Lsn before = written_;
  const Lsn lsn = last_appended_ = next(last_appended_);
  announce();
  std::swap(pending_, flushing_);
  const Lsn mark = durable_;
  const WalFrame frame{0, crc, to_int(lsn), 0, static_cast<uint32_t>(length), 0};
  Status status = without_mutex([&]() -> Status {
    OMEN_RETURN_IF_ERROR(make_room(flushing_.size() + wal_frame_bytes(length), before));
    if (!flushing_.empty()) OMEN_RETURN_IF_ERROR(output_.write(flushing_, mark));
    return output_.write(frame, parts, mark);
  });
  flushing_.clear();
  release_writing_role(std::move(status), lsn);
  if (!failure_.ok()) return failure_;
  return lsn;
}

// ---- the roles

// Does what its role is for. Running out of memory on the way is a failure like any other.
template <class Work>
Status FileWal::without_mutex(Work work) {
  mutex_.unlock();
  Status status;
  try {
    status = work();
  } catch (const std::bad_alloc&) {
    status = Status(StatusCode::kInternal, "out of memory");
  }
  mutex_.lock();
  return status;
}

void FileWal::take_writing_role() {
  while (writing_) progress_.wait(mutex_);
  writing_ = true;
}

void FileWal::release_writing_role(Status status, Lsn written) {
  writing_ = false;
  if (status.ok()) {
    written_ = std::max(written_, written);
    if (!files_.empty() && output_.file != nullptr) files_.back().bytes = output_.offset;
  } else {
    fail(std::move(status));
  }
  progress_.notify_all();
}

// Hands what is pending to the system.
void FileWal::write_pending() {
  take_writing_role();
  if (pending_.empty() || !failure_.ok()) return release_writing_role({}, written_);
  std::swap(pending_, flushing_);
  const Lsn before = written_;
  const Lsn last = last_appended_;
  const Lsn mark = durable_;
  Status status = without_mutex([&]() -> Status {
    OMEN_RETURN_IF_ERROR(make_room(flushing_.size(), before));
    return output_.write(flushing_, mark);
  });
  flushing_.clear();
  release_writing_role(std::move(status), last);
}

// Makes everything written so far durable. The writing role is free meanwhile.
void FileWal::sync_written() {
  while (syncing_) progress_.wait(mutex_);
  if (!failure_.ok() || durable_ >= written_) return;
  syncing_ = true;
  const Lsn target = written_;
  const Lsn before = durable_;
  const auto file = syncable_;
  const auto start = std::chrono::steady_clock::now();
  Status status = without_mutex([&] { return file->sync(); });
  syncing_ = false;
  sync_time_ = std::chrono::steady_clock::now() - start;
  expected_ = to_int(last_appended_) - to_int(before);
  if (status.ok()) {
    set_durable(target);
  } else {
    fail(std::move(status));
  }
  progress_.notify_all();
}

void FileWal::await_others() {
  const auto enough = [this]() OMEN_REQUIRES(mutex_) {
    return to_int(last_appended_) - to_int(durable_) >= expected_ || !failure_.ok() || stopping_;
  };
  if (enough()) return;
  if (skips_ > 0) {
    --skips_;
    return;
  }
  const auto patience =
      std::min<std::chrono::steady_clock::duration>(sync_time_ / kPatience, kMostPatience);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!enough()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) {
      skips_ = next_skips_;
      next_skips_ = std::min(2 * next_skips_ + 1, kMostSkips);
      return;
    }
    joined_.wait_for(mutex_, std::chrono::ceil<std::chrono::microseconds>(left));
  }
  next_skips_ = 0;
}

// Syncs what is written, and what others are about to append.
void FileWal::sync_together() {
  while (syncing_ || awaiting_) progress_.wait(mutex_);
  if (!failure_.ok() || durable_ >= written_) return;
  if (!options_.sync_on_wait || sync_time_ < kShortSync) return sync_written();
  awaiting_ = true;
  await_others();
  write_pending();
  awaiting_ = false;
  progress_.notify_all();
  sync_written();
}

// Begins a new file if the output cannot take `bytes` more. The old one is synced first, so that a
// file's existence proves every record before it.
Status FileWal::make_room(uint64_t bytes, Lsn written) {
  if (output_.file != nullptr) {
    const bool fits = output_.offset + bytes + sizeof(WalFrame) <= options_.file_bytes;
    if (fits || output_.offset == kWalHeaderBytes) return {};
    const MutexLock lock(mutex_);
    sync_written();
    if (!failure_.ok()) return failure_;
    OMEN_CHECK(durable_ >= written_);
  }
  return open_file(next(written));
}

Status FileWal::open_file(Lsn first) {
  OMEN_ASSIGN_OR_RETURN(output_, folder_.begin(last_sequence_ + 1, first));
  OMEN_RETURN_IF_ERROR(folder_.publish(++last_sequence_));
  const MutexLock lock(mutex_);
  files_.push_back({last_sequence_, first, output_.offset});
  syncable_ = output_.file;
  return {};
}

// ---- waiting

Status FileWal::drive(Lsn lsn, bool synced) {
  const MutexLock lock(mutex_);
  OMEN_CHECK(lsn <= last_appended_);
  for (;;) {
    if ((synced ? durable_ : written_) >= lsn) return {};
    if (!failure_.ok()) return failure_;
    if (written_ < lsn) {
      // Another's write may carry this record along or not; either way there is news after it.
      if (writing_) {
        progress_.wait(mutex_);
      } else {
        write_pending();
      }
    } else if (syncing_ || awaiting_) {
      progress_.wait(mutex_);
    } else {
      sync_together();
    }
  }
}

void FileWal::start_flush() {
  {
    const MutexLock lock(mutex_);
    if (pending_.empty()) return;
    flush_wanted_ = true;
  }
  wake_.notify_one();
}

// The log's own thread.
void FileWal::run() {
  using std::chrono::microseconds;
  using Clock = std::chrono::steady_clock;
  const bool periodic = options_.sync_interval_ms > 0;
  const auto interval = std::chrono::milliseconds(options_.sync_interval_ms);
  auto due = Clock::now() + interval;
  const MutexLock lock(mutex_);
  while (!stopping_) {
    if (periodic && Clock::now() >= due) {
      write_pending();
      sync_written();
      due = Clock::now() + interval;
    } else if (flush_wanted_) {
      flush_wanted_ = false;
      write_pending();
      if (options_.sync_on_wait) sync_together();
    } else if (periodic) {
      wake_.wait_for(mutex_, std::chrono::ceil<microseconds>(due - Clock::now()));
    } else {
      wake_.wait(mutex_);
    }
  }
}

// ---- trimming

Status FileWal::trim(Lsn lsn) {
  {
    const MutexLock lock(mutex_);
    take_writing_role();
    // A log that holds nothing any more needs no file; the next record begins one.
    if (failure_.ok() && pending_.empty() && last_appended_ <= lsn) {
      set_durable(last_appended_);
      output_ = {};
      syncable_ = nullptr;
    }
  }
  const Status status = retire_before(lsn);
  const MutexLock lock(mutex_);
  release_writing_role({}, written_);
  return status;
}

// Retires the files whose every record is at or before `lsn`; the caller holds the writing role.
Status FileWal::retire_before(Lsn lsn) {
  std::vector<uint64_t> unneeded;
  {
    const MutexLock lock(mutex_);
    while (!files_.empty()) {
      const bool last = files_.size() == 1;
      if (last && (output_.file != nullptr || last_appended_ > lsn)) break;
      if (!last && files_[1].first > next(lsn)) break;
      unneeded.push_back(files_.front().sequence);
      files_.pop_front();
    }
  }
  return folder_.retire(unneeded);
}

uint64_t FileWal::bytes() const {
  const MutexLock lock(mutex_);
  uint64_t total = pending_.size();
  for (const LogFile& file : files_) total += file.bytes;
  return total;
}

}  // namespace

Result<std::unique_ptr<Wal>> Wal::open(
    std::shared_ptr<Env> env, std::string directory, const WalOptions& options, Lsn from,
    const std::function<Status(Lsn, std::span<const std::byte>)>& replay, WalRecovery* recovery) {
  auto wal = std::make_unique<FileWal>(std::move(env), std::move(directory), options);
  OMEN_RETURN_IF_ERROR(wal->recover(from, replay, recovery));
  wal->start_thread();
  return std::unique_ptr<Wal>(std::move(wal));
}

}  // namespace omendb::storage
