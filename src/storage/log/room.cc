// Where the log's records go: a folder taken over from an earlier life, room in files, files that
// are needed no more.
//
// A record is accepted only when the file that it goes to has blocks for it, so that a full disk is
// an error of one append, before anything depends on it, and not the end of the log.
#include <algorithm>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/log/file_log.h"

namespace omendb::storage {
namespace {

// Blocks are taken for as much as the file holds already, within these limits: a small log stays
// small, a large one asks the system seldom.
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
  // What may be in the system's cache alone goes to a new file, whose bytes are surely new: after a
  // failed flush the old file's pages can look clean and be lost.
  if (contents.last > kept || (contents.torn && contents.last > from)) {
    OMEN_RETURN_IF_ERROR(take_over_tail(contents, kept, recovery));
  }
  OMEN_RETURN_IF_ERROR(retire_before(from));
  if (recovery != nullptr) {
    recovery->last = contents.last;
    if (contents.torn) recovery->notes.push_back(contents.note);
  }
  return {};
}

// On a full disk the old file stays, and nothing can be appended; all there is can be read.
Status FileLog::take_over_tail(const LogContents& contents, Lsn after, LogRecovery* recovery) {
  const Status kept = keep_tail(contents, after);
  if (kept.code() != StatusCode::kNoSpace) return kept;
  output_ = {};
  flushing_.clear();
  folder_.abandon();
  if (recovery != nullptr) {
    recovery->notes.push_back("read-only, as there is no room to write: " + kept.message());
  }
  const MutexLock lock(mutex_);
  fail(kept);
  return {};
}

// Copies the records after `after` to a new file, which takes the log's name when it is complete.
Status FileLog::keep_tail(const LogContents& contents, Lsn after) {
  const LogInput& input = contents.live.back();
  const auto bytes = input.mapped->bytes();
  OMEN_ASSIGN_OR_RETURN(output_, folder_.begin(last_sequence_ + 1, next(after), epoch_, 0));
  uint64_t offset = contents.tail_offset;
  LogFrame frame;
  // The records that were replayed, and no frame behind them that claims one of their numbers.
  for (Lsn lsn = next(contents.durable); lsn <= contents.last; lsn = next(lsn)) {
    const bool whole = read_log_frame(bytes, offset, input.header.crc, frame);
    if (!whole || frame.lsn != to_int(lsn)) break;
    const std::span<const std::byte> payload[] = {
        bytes.subspan(offset + sizeof(frame), frame.length)};
    offset += log_frame_bytes(frame.length);
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
  OMEN_RETURN_IF_ERROR(output_.write(flushing_, after));
  flushing_.clear();
  OMEN_RETURN_IF_ERROR(output_.file->sync());
  OMEN_RETURN_IF_ERROR(folder_.publish(++last_sequence_));
  const MutexLock lock(mutex_);
  use_file(next(after));
  return {};
}

// ---- room

// Returns when a frame of so many bytes can be planned at once. Lets go of the mutex on the way;
// the caller holds the writing role.
// @error kNoSpace: nothing has changed. Any other error has failed the log.
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

// Goes on in a new file, with room for a frame of so many bytes. The old one is synced first, so
// that a file's existence proves every record before it.
Status FileLog::begin_file(uint64_t bytes) {
  // Nobody appends meanwhile: what they planned for the old file would end up in the new one.
  const uint64_t secured_before = std::exchange(secured_, 0);
  write_pending_in_role();
  sync_written();
  OMEN_RETURN_IF_ERROR(failure_);
  OMEN_CHECK(durable_ >= written_ && written_ == last_appended_);
  const Lsn first = next(written_);
  const uint64_t ordinary = options_.file_bytes - std::min(options_.file_bytes, kLogHeaderBytes);
  const uint64_t room = std::max(bytes + sizeof(LogFrame), std::min(kMinRoomStep, ordinary));
  LogOutput begun;
  Status status = without_mutex([&]() -> Status {
    OMEN_ASSIGN_OR_RETURN(begun, folder_.begin(last_sequence_ + 1, first, epoch_, room));
    return {};
  });
  if (!status.ok()) {
    secured_ = secured_before;
    return status;
  }
  // From here on the folder may hold a file that begins with `first`: no other may get that record.
  status = without_mutex([&] { return folder_.publish(++last_sequence_); });
  if (!status.ok()) {
    fail(status);
    return failure_;
  }
  output_ = std::move(begun);
  use_file(first);
  // A spare has more blocks than it was asked for.
  secured_ = std::max(std::min(output_.file->size(), options_.file_bytes), kLogHeaderBytes + room);
  return {};
}

// Has output_, which begins with record `first`, take the log's records.
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
    // A log that holds nothing any more needs no file; the next record begins one.
    if (failure_.ok() && pending_.empty() && last_appended_ <= lsn) {
      set_durable(last_appended_);
      output_ = {};
      syncable_ = nullptr;
      planned_ = secured_ = 0;
    }
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
      const bool last = files_.size() == 1;
      if (last && (output_.file != nullptr || last_appended_ > lsn)) break;
      if (!last && files_[1].first > next(lsn)) break;
      unneeded.push_back(files_.front().sequence);
      files_.pop_front();
    }
  }
  return folder_.retire(unneeded);
}

}  // namespace omendb::storage
