// The writing side of the log. A record takes three steps. append() copies it into `pending_`. The
// thread that holds the writing role swaps that buffer out and writes it with one call. The thread
// that holds the syncing role syncs the file for everything written so far. The log's own thread
// takes the roles (for start_flush() and at intervals), or a waiter that finds them free. So a lone
// writer pays for no thread switch, and many writers share each sync.
//
// Writers that wait for a sync come back with their next records soon after it. The next thread
// that syncs waits a moment for them (await_others). Otherwise two writers would sync in turns,
// each its own record, and be no faster than one.
#include "storage/log/file_log.h"

#include <algorithm>

#include "base/check.h"
#include "base/status_macros.h"

namespace omendb::storage {
namespace {

// A large record is copied and written in pieces of this size, which stay in a core's cache.
constexpr size_t kPieceBytes = size_t{256} << 10;
// append() waits for the disk when this much is gathered.
constexpr size_t kMaxPendingBytes = size_t{32} << 20;
// A thread that syncs awaits others for a quarter of the time that a sync takes. Each time that it
// waits in vain, more of the following syncs do not wait: 0, 1, 3, 7, up to a limit. A sync that
// takes less than a millisecond, as on NVMe, never waits: others would come too late. A sync that
// took very long does not mean that the next one will, so the wait has a limit.
constexpr int kPatience = 4;
constexpr std::chrono::milliseconds kMostPatience{20};
constexpr std::chrono::milliseconds kShortSync{1};
constexpr uint32_t kMostSkips = 63;

}  // namespace

FileLog::~FileLog() {
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

void FileLog::fail(Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

Status FileLog::refusal() const {
  return {StatusCode::kReadOnly, "the log is read-only since a write failed (" +
                                     failure_.message() + "); reopen the database to write again"};
}

Result<Lsn> FileLog::append(ShardId shard, std::span<const std::span<const std::byte>> parts) {
  uint64_t length = 0;
  for (const auto part : parts) length += part.size();
  if (length > kMaxLogRecordBytes) {
    return Status(StatusCode::kLimitExceeded, "a log record of " + std::to_string(length) +
                                                  " bytes; at most " +
                                                  std::to_string(kMaxLogRecordBytes));
  }
  LogFrame frame{
      .length = static_cast<uint32_t>(length), .shard = to_int(shard), .epoch = to_int(epoch_)};
  if (length >= kDirectBytes) return append_direct(frame, parts);

  const MutexLock lock(mutex_);
  while (failure_.ok() && pending_.size() >= kMaxPendingBytes) {
    if (writing_) {
      progress_.wait(mutex_);
    } else {
      write_pending();
    }
  }
  const uint64_t bytes = log_frame_bytes(length);
  if (failure_.ok() && !has_room(bytes)) {
    take_writing_role();
    const Status room = find_room(bytes);
    release_writing_role();
    if (failure_.ok() && !room.ok()) return room;
  }
  if (!failure_.ok()) return refusal();
  const Lsn lsn = next(last_appended_);
  frame.lsn = to_int(lsn);
  pending_.add(frame, parts);
  planned_ += bytes;
  last_appended_ = lsn;
  announce();
  return lsn;
}

Result<Lsn> FileLog::append_direct(LogFrame frame,
                                   std::span<const std::span<const std::byte>> parts) {
  const uint64_t bytes = log_frame_bytes(frame.length);
  std::vector<std::byte> piece(kPieceBytes);
  const MutexLock lock(mutex_);
  take_writing_role();
  const Status room = find_room(bytes);
  if (!failure_.ok() || !room.ok()) {
    release_writing_role();
    return failure_.ok() ? room : refusal();
  }
  planned_ += bytes;
  const Lsn lsn = last_appended_ = next(last_appended_);
  announce();
  frame.lsn = to_int(lsn);
  write_in_role(lsn, [&](Lsn mark) -> Status {
    if (!flushing_.empty()) OMEN_RETURN_IF_ERROR(output_.write(flushing_, mark));
    return output_.write_in_pieces(frame, parts, mark, piece);
  });
  release_writing_role();
  if (!failure_.ok()) return failure_;
  return lsn;
}

// ---- the roles

void FileLog::take_writing_role() {
  while (writing_) progress_.wait(mutex_);
  writing_ = true;
}

void FileLog::release_writing_role() {
  writing_ = false;
  progress_.notify_all();
}

// Writes up to record `last`: `write` finds in flushing_ what was pending.
template <class Write>
void FileLog::write_in_role(Lsn last, Write write) {
  std::swap(pending_, flushing_);
  const Lsn mark = durable_;
  Status status = without_mutex([&] { return write(mark); });
  flushing_.clear();
  if (status.ok()) {
    written_ = last;
    files_.back().bytes = output_.offset;
  } else {
    fail(std::move(status));
  }
}

void FileLog::write_pending_in_role() {
  if (pending_.empty() || !failure_.ok()) return;
  write_in_role(last_appended_, [this](Lsn mark) { return output_.write(flushing_, mark); });
}

// Writes the pending records to the system.
void FileLog::write_pending() {
  take_writing_role();
  write_pending_in_role();
  release_writing_role();
}

// Makes everything written so far durable. The writing role is free meanwhile.
void FileLog::sync_written() {
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

void FileLog::await_others() {
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

// Syncs the written records, and those that other writers are about to append.
void FileLog::sync_together() {
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

// ---- waiting

Status FileLog::drive(Lsn lsn, bool synced) {
  const MutexLock lock(mutex_);
  OMEN_CHECK(lsn <= last_appended_);
  for (;;) {
    if ((synced ? durable_ : written_) >= lsn) return {};
    if (!failure_.ok()) return failure_;
    if (written_ < lsn) {
      // Another thread's write may include this record or not: look again when it has ended.
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

void FileLog::start_flush() {
  {
    const MutexLock lock(mutex_);
    if (pending_.empty()) return;
    flush_wanted_ = true;
  }
  wake_.notify_one();
}

// The log's own thread.
void FileLog::run() {
  using std::chrono::microseconds;
  using Clock = std::chrono::steady_clock;
  const bool periodic = options_.sync_interval_ms > 0;
  const auto interval = std::chrono::milliseconds(options_.sync_interval_ms);
  const auto lifetime = std::chrono::milliseconds(options_.spare_lifetime_ms);
  auto due = Clock::now() + interval;
  auto quiet_since = Clock::now();
  const MutexLock lock(mutex_);
  Lsn quiet_at = last_appended_;
  while (!stopping_) {
    if (last_appended_ != quiet_at) {
      quiet_at = last_appended_;
      quiet_since = Clock::now();
    }
    if (periodic && Clock::now() >= due) {
      write_pending();
      sync_written();
      due = Clock::now() + interval;
    } else if (flush_wanted_) {
      flush_wanted_ = false;
      write_pending();
      if (options_.sync_on_wait) sync_together();
    } else if (has_spares_ && Clock::now() >= quiet_since + lifetime) {
      drop_spares();
    } else if (periodic || has_spares_) {
      auto next_look = periodic ? due : quiet_since + lifetime;
      if (has_spares_) next_look = std::min(next_look, quiet_since + lifetime);
      wake_.wait_for(mutex_, std::chrono::ceil<microseconds>(next_look - Clock::now()));
    } else {
      wake_.wait(mutex_);
    }
  }
}

uint64_t FileLog::bytes() const {
  const MutexLock lock(mutex_);
  uint64_t total = pending_.size();
  for (const LogFile& file : files_) total += file.bytes;
  return total;
}

Result<std::unique_ptr<Log>> FileLog::open(std::shared_ptr<Env> env, std::string directory,
                                           const LogOptions& options, const LogMark& mark,
                                           const LogVisitor& replay, LogRecovery* recovery) {
  auto log = std::make_unique<FileLog>(std::move(env), std::move(directory), options);
  OMEN_RETURN_IF_ERROR(log->recover(mark, replay, recovery));
  log->thread_ = std::thread([raw = log.get()] { raw->run(); });
  return std::unique_ptr<Log>(std::move(log));
}

}  // namespace omendb::storage
