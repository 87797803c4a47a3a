// The files of the log: opening a folder, finding room for records, removing files.
//
// append() accepts a record only when its file has blocks for it. So a full disk is an error of one
// append, before anything depends on the record, and the log itself does not fail.
#include <algorithm>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/log/file_log.h"

namespace omendb::storage {
namespace {

// A file that needs room doubles its blocks, within these limits: a small log stays small, and a
// large one asks the system seldom.
constexpr uint64_t kMinRoomStep = uint64_t{64} << 10;
constexpr uint64_t kMaxRoomStep = uint64_t{16} << 20;

}  // namespace

// ---- opening

Status FileLog::recover(const LogMark& mark, const LogVisitor& replay, LogRecovery* recovery) {
  const Lsn from = mark.trimmed;
  OMEN_ASSIGN_OR_RETURN(const auto sequences, folder_.scan());
  OMEN_ASSIGN_OR_RETURN(const LogContents contents,
                        read_log(*env_, folder_, sequences, mark, replay));
  if (to_int(contents.epoch) == UINT32_MAX) {
    return {StatusCode::kCorruption, "the log in \"" + folder_.directory() + "\" has epoch " +
                                         std::to_string(to_int(contents.epoch)) +
                                         ", the highest there is"};
  }
  epoch_ = Epoch{to_int(contents.epoch) + 1};
  last_sequence_ = contents.last_sequence;
  const Lsn kept = std::max(contents.durable, from);
  {
    const MutexLock lock(mutex_);
    last_appended_ = written_ = durable_ = contents.last;
    for (const LogInput& input : contents.live) {
      files_.push_back(
          {input.header.sequence, Lsn{input.header.first_lsn}, input.mapped->bytes().size()});
    }
  }
  OMEN_RETURN_IF_ERROR(folder_.retire(contents.unused));
  OMEN_RETURN_IF_ERROR(take_over(contents, kept, recovery));
  OMEN_RETURN_IF_ERROR(retire_before(from));
  if (recovery != nullptr) {
    recovery->last = contents.last;
    if (contents.torn) recovery->notes.push_back(contents.note);
  }
  return {};
}

// On a full disk the old files stay and the log is read-only.
Status FileLog::take_over(const LogContents& contents, Lsn after, LogRecovery* recovery) {
  const Status taken = contents.blank ? go_on_in_last(contents) : keep_tail(contents, after);
  if (taken.code() != StatusCode::kNoSpace) return taken;
  output_ = {};
  flushing_.clear();
  folder_.abandon();
  if (recovery != nullptr) {
    recovery->notes.push_back("read-only, as there is no room to write: " + taken.message());
  }
  const MutexLock lock(mutex_);
  fail(taken);
  return {};
}

// Goes on in the last file, if it holds no record yet.
Status FileLog::go_on_in_last(const LogContents& contents) {
  const LogFileHeader& header = contents.live.back().header;
  // Its header was synced before it got its name. A crash may have come before the name was synced.
  OMEN_RETURN_IF_ERROR(env_->sync_directory(folder_.directory()));
  OMEN_ASSIGN_OR_RETURN(output_, folder_.reopen(header.sequence, header.crc, kLogHeaderBytes));
  if (contents.live.size() > 1) {
    // A crash may have come between the beginning of the last file and the end of the one before.
    const LogInput& before = contents.live[contents.live.size() - 2];
    if (!before.continued) {
      OMEN_RETURN_IF_ERROR(end_file(before, before.end, Lsn{header.first_lsn}));
    }
  }
  const MutexLock lock(mutex_);
  syncable_ = output_.file;
  planned_ = secured_ = output_.offset;
  return {};
}

// Writes the frame that ends a file of an earlier writer.
Status FileLog::end_file(const LogInput& input, uint64_t offset, Lsn first) {
  const LogFileHeader& header = input.header;
  OMEN_ASSIGN_OR_RETURN(LogOutput file, folder_.reopen(header.sequence, header.crc, offset));
  // A file that was cut may lack the zeros behind its last record.
  const std::vector<std::byte> lost(offset - std::min(offset, file.file->size()));
  if (!lost.empty()) OMEN_RETURN_IF_ERROR(file.file->append(lost));
  return file.write_continued(first);
}

// Copies the records after `after` to a new file and syncs it; then the file gets its name. These
// records may be in the system's cache alone: after a failed flush, pages of the old file can look
// clean and be lost, so syncing the old file would not do.
Status FileLog::keep_tail(const LogContents& contents, Lsn after) {
  OMEN_ASSIGN_OR_RETURN(output_, folder_.begin(last_sequence_ + 1, next(after), epoch_, 0));
  uint64_t offset = contents.tail_offset;
  uint64_t kept_end = offset;
  LogFrame frame;
  // The records that were replayed, and no frame behind them that claims one of their numbers.
  for (Lsn lsn = next(contents.durable); !contents.live.empty() && lsn <= contents.last;
       lsn = next(lsn)) {
    const LogInput& input = contents.live.back();
    const auto bytes = input.mapped->bytes();
    const bool whole = read_log_frame(bytes, offset, input.header.crc, frame);
    if (!whole || frame.lsn != to_int(lsn)) break;
    const std::span<const std::byte> payload[] = {
        bytes.subspan(offset + sizeof(frame), frame.length)};
    offset += log_frame_bytes(frame.length);
    if (lsn <= after) kept_end = offset;
    if (lsn <= after) continue;
    if (frame.length >= kDirectBytes || flushing_.size() >= kDirectBytes) {
      OMEN_RETURN_IF_ERROR(output_.write(flushing_, after));
      flushing_.clear();
    }
    if (frame.length >= kDirectBytes) {
      OMEN_RETURN_IF_ERROR(output_.write(frame, payload, after));
    } else {
      flushing_.add(frame, payload);
    }
  }
  if (contents.last > after) {
    OMEN_RETURN_IF_ERROR(output_.write(flushing_, after));
    flushing_.clear();
    OMEN_RETURN_IF_ERROR(output_.file->sync());
  }
  OMEN_RETURN_IF_ERROR(folder_.publish(++last_sequence_));
  // The copies are durable now; the frame may lie over the first of the originals.
  if (!contents.live.empty()) {
    OMEN_RETURN_IF_ERROR(end_file(contents.live.back(), kept_end, next(after)));
  }
  const MutexLock lock(mutex_);
  use_file(next(after));
  return {};
}

// ---- room

// Makes room for a frame of `bytes`. Releases the mutex on the way; the caller holds the writing
// role. @error kNoSpace: nothing has changed. Any other error has failed the log.
Status FileLog::find_room(uint64_t bytes) {
  while (failure_.ok() && !has_room(bytes)) {
    const uint64_t end = planned_ + bytes + sizeof(LogFrame);
    const bool fits =
        output_.file != nullptr && (end <= options_.file_bytes || planned_ == kLogHeaderBytes);
    Status status = fits ? extend_file(end) : begin_file(bytes);
    if (status.code() == StatusCode::kNoSpace) return status;
    if (!status.ok()) fail(std::move(status));
  }
  return failure_;
}

// Takes blocks up to `end` at least.
Status FileLog::extend_file(uint64_t end) {
  const uint64_t step = std::clamp(planned_, kMinRoomStep, kMaxRoomStep);
  uint64_t secured = std::max(end, std::min(planned_ + step, options_.file_bytes));
  OMEN_RETURN_IF_ERROR(without_mutex([&] {
    const Status ample = output_.file->reserve(secured);
    if (ample.code() != StatusCode::kNoSpace) return ample;
    secured = end;
    return output_.file->reserve(secured);
  }));
  secured_ = std::max(secured_, secured);
  return {};
}

// Goes on in a new file with room for a frame of `bytes`. The caller holds the writing role. The
// order matters. The old file is synced before the new one gets its name, so that the new file
// proves that every record before it is durable. The frame that ends the old file is written after
// that, so that it proves that the new file existed.
Status FileLog::begin_file(uint64_t bytes) {
  // No room: nobody may plan a frame for the old file any more, since it would go to the new one.
  const uint64_t secured_before = std::exchange(secured_, 0);
  write_pending_in_role();
  sync_written();
  OMEN_RETURN_IF_ERROR(failure_);
  OMEN_CHECK(durable_ >= written_ && written_ == last_appended_);
  const Lsn first = next(written_);
  const uint64_t ordinary = options_.file_bytes - std::min(options_.file_bytes, kLogHeaderBytes);
  const uint64_t room =
      bytes == 0 ? 0 : std::max(bytes + sizeof(LogFrame), std::min(kMinRoomStep, ordinary));
  LogOutput begun;
  Status status = without_mutex([&]() -> Status {
    OMEN_ASSIGN_OR_RETURN(begun, folder_.begin(last_sequence_ + 1, first, epoch_, room));
    return {};
  });
  if (!status.ok()) {
    secured_ = secured_before;
    return status;
  }
  // From here on the folder may hold a file that begins with `first`. If publish() fails, the log
  // must fail too, or another file could get that record.
  status = without_mutex([&] { return folder_.publish(++last_sequence_); });
  if (!status.ok()) {
    fail(status);
    return failure_;
  }
  status = without_mutex([&] { return output_.write_continued(first); });
  if (!status.ok()) {
    fail(status);
    return failure_;
  }
  output_ = std::move(begun);
  use_file(first);
  // A spare has more blocks than it was asked for.
  if (room == 0) return {};
  secured_ = std::max(std::min(output_.file->size(), options_.file_bytes), kLogHeaderBytes + room);
  return {};
}

// Makes output_, which begins with record `first`, the file that records go to.
void FileLog::use_file(Lsn first) {
  files_.push_back({last_sequence_, first, output_.offset});
  syncable_ = output_.file;
  planned_ = secured_ = output_.offset;
}

// ---- trimming

Status FileLog::trim(Lsn lsn) {
  {
    const MutexLock lock(mutex_);
    take_writing_role();
    // If every record is trimmed, the log goes on in a new, small file. If there is no room for a
    // new file, it stays in the old one.
    const bool whole = failure_.ok() && last_appended_ <= lsn && planned_ > kLogHeaderBytes;
    if (whole) begin_file(0).ignore();
  }
  const Status status = retire_before(lsn);
  const MutexLock lock(mutex_);
  release_writing_role();
  return status;
}

// Retires the files whose every record is at or before `lsn`; the caller holds the writing role.
Status FileLog::retire_before(Lsn lsn) {
  std::vector<uint64_t> unneeded;
  {
    const MutexLock lock(mutex_);
    while (!files_.empty()) {
      // The last file stays, so that its absence shows that somebody removed files.
      if (files_.size() == 1 || files_[1].first > next(lsn)) break;
      unneeded.push_back(files_.front().sequence);
      files_.pop_front();
    }
  }
  const Status retired = folder_.retire(unneeded);
  const MutexLock lock(mutex_);
  has_spares_ = folder_.has_spares();
  if (has_spares_) wake_.notify_all();
  return retired;
}

// Gives back the disk space of an idle database.
void FileLog::drop_spares() {
  take_writing_role();
  without_mutex([&]() -> Status {
    folder_.remove_spares();
    return {};
  }).ignore();
  has_spares_ = false;
  release_writing_role();
}

}  // namespace omendb::storage
