#include "storage/log/follower.h"

#include <algorithm>

#include "base/status_macros.h"
#include "storage/log/recovery.h"

namespace omendb::storage {
namespace {

/// Frames are read in pieces of this size; a larger frame is read alone.
constexpr uint64_t kReadAhead = uint64_t{256} << 10;
/// How often the folder is listed again because a file in the list was gone when it was opened:
/// each time, the writer has trimmed its log in between.
constexpr int kMaxLooks = 1'000;

Status missing_file(const std::string& path, const std::string& who) {
  return {StatusCode::kCorruption,
          "\"" + path + "\" is missing: " + who + " it as a file of the log"};
}

}  // namespace

LogFollower::LogFollower(std::shared_ptr<Env> env, std::string directory, Lsn from)
    : env_(std::move(env)), directory_(std::move(directory)), position_(from) {}

Result<std::vector<uint64_t>> LogFollower::sequences() const {
  std::vector<uint64_t> result;
  const auto names = env_->list(directory_);
  if (names.status().code() == StatusCode::kNotFound) return result;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (const auto sequence = log_file_sequence(name)) result.push_back(*sequence);
  }
  std::ranges::sort(result);
  return result;
}

// Looks for a frame first, then for the next file, then whether this file still has its name. This
// order finds every record that was acknowledged before the call: a file gets its name after the
// frames before it were written, and loses it after a manifest has taken their place.
Result<bool> LogFollower::has_news() const {
  if (!source_) {
    OMEN_ASSIGN_OR_RETURN(const auto files, sequences());
    return !files.empty();
  }
  std::array<std::byte, sizeof(LogFrame)> header;
  OMEN_ASSIGN_OR_RETURN(const size_t size, source_->file->read_at(source_->offset, header));
  LogFrame frame;
  if (read_frame_header(std::span(header).first(size), 0, source_->header.crc, frame)) return true;
  return superseded();
}

// Whether there is a file after the source, or the source has lost its name.
Result<bool> LogFollower::superseded() const {
  OMEN_ASSIGN_OR_RETURN(const bool followed, env_->exists(path(source_->header.sequence + 1)));
  if (followed) return true;
  OMEN_ASSIGN_OR_RETURN(const bool named, source_->file->still_named());
  return !named;
}

Result<LogFollower::Outcome> LogFollower::read(const LogVisitor& visit) {
  uint64_t last_file = 0;  // files that are begun later are left to the next call
  for (bool first = true;; first = false) {
    if (source_) {
      OMEN_ASSIGN_OR_RETURN(const bool over, superseded());
      // Frames were written before the next file got its name: now all of them are here.
      OMEN_ASSIGN_OR_RETURN(const Stop stop, visit_frames(visit));
      if (stop == Stop::kLost) return Outcome::kLost;
      // A writer that recovers copies records to the next file and then writes the frame that ends
      // this file over the first of them: they may have been here when the call began.
      const bool ended = stop == Stop::kEnded;
      const uint64_t sequence = source_->header.sequence;
      const bool more = first || sequence < last_file || (sequence == last_file && ended);
      if (!more || !(over || ended)) return Outcome::kUpToDate;
    }
    if (first) {
      OMEN_ASSIGN_OR_RETURN(const auto files, sequences());
      if (!files.empty()) last_file = files.back();
    }
    OMEN_ASSIGN_OR_RETURN(const Switch found, find_source());
    if (found == Switch::kLost) return Outcome::kLost;
    if (found != Switch::kMoved) return Outcome::kUpToDate;
  }
}

// Switches to the file that holds the record after position_, if that is another file.
Result<LogFollower::Switch> LogFollower::find_source() {
  for (int look = 0; look < kMaxLooks; ++look) {
    OMEN_ASSIGN_OR_RETURN(const auto files, sequences());
    if (files.empty()) {
      source_.reset();
      return Switch::kNone;
    }
    bool vanished = false;
    for (size_t i = files.size(); i-- > 0 && !vanished;) {
      OMEN_ASSIGN_OR_RETURN(auto opened, open_source(files[i]));
      vanished = !opened;
      if (vanished || opened->header.first_lsn > to_int(position_) + 1) continue;
      // The source again: it ends before the file that follows it begins.
      if (source_ && source_->header.nonce == opened->header.nonce) return Switch::kLost;
      source_ = std::move(opened);
      ++files_opened_;
      buffer_.clear();
      return Switch::kMoved;
    }
    if (!vanished) return Switch::kLost;
  }
  return Status(StatusCode::kIoError,
                "the log in \"" + directory_ + "\" is trimmed faster than it can be opened");
}

// @return none if the file has lost its name, whatever was in it.
Result<std::optional<LogFollower::Source>> LogFollower::open_source(uint64_t sequence) const {
  Source source;
  source.path = path(sequence);
  auto opened = env_->open_file(source.path);
  if (opened.status().code() == StatusCode::kNotFound) return std::optional<Source>();
  if (!opened.ok()) return opened.status();
  source.file = *std::move(opened);
  std::array<std::byte, kLogHeaderBytes> bytes;
  OMEN_ASSIGN_OR_RETURN(const size_t size, source.file->read_at(0, bytes));
  const Status valid =
      read_log_header(std::span(bytes).first(size), source.path, sequence, source.header);
  OMEN_ASSIGN_OR_RETURN(const bool named, source.file->still_named());
  if (!named) return std::optional<Source>();
  OMEN_RETURN_IF_ERROR(valid);
  source.next = source.header.first_lsn;
  return std::optional<Source>(std::move(source));
}

// Hops from header to header. The writer appends more slowly than this reads.
Result<uint64_t> LogFollower::end_of_frames() const {
  uint64_t end = source_->offset;
  std::array<std::byte, sizeof(LogFrame)> header;
  for (uint64_t lsn = source_->next;; ++lsn) {
    OMEN_ASSIGN_OR_RETURN(const size_t size, source_->file->read_at(end, header));
    LogFrame frame;
    const bool whole =
        read_frame_header(std::span(header).first(size), 0, source_->header.crc, frame);
    if (!whole || frame.lsn != lsn || frame.kind != LogFrameKind::kRecord) return end;
    end += log_frame_bytes(frame.length);
  }
}

// Visits the frames that are in the source when the call begins.
Result<LogFollower::Stop> LogFollower::visit_frames(const LogVisitor& visit) {
  OMEN_ASSIGN_OR_RETURN(const uint64_t end, end_of_frames());
  LogFrame frame;
  std::span<const std::byte> payload;
  while (source_->offset < end) {
    OMEN_ASSIGN_OR_RETURN(const bool whole, next_frame(frame, payload));
    if (!whole || frame.lsn != source_->next || frame.kind != LogFrameKind::kRecord) break;
    const Lsn lsn{frame.lsn};
    if (lsn > position_) {
      OMEN_RETURN_IF_ERROR(visit({lsn, ShardId{frame.shard}, Epoch{frame.epoch}, payload}));
      position_ = lsn;
      epoch_ = Epoch{frame.epoch};
      visited_ = true;
    } else if (lsn == position_ && visited_ && Epoch{frame.epoch} != epoch_) {
      return Stop::kLost;  // another record stands where a visited one was
    }
    source_->offset += log_frame_bytes(frame.length);
    ++source_->next;
  }
  // A file that a later writer begins holds every record that it kept. Here a visited record is
  // missing.
  if (visited_ && source_->next <= to_int(position_)) return Stop::kLost;
  OMEN_ASSIGN_OR_RETURN(const bool ended, continues_elsewhere());
  return ended ? Stop::kEnded : Stop::kNoMore;
}

// Whether a frame at the source's offset says that the log goes on in the next file.
Result<bool> LogFollower::continues_elsewhere() const {
  std::array<std::byte, sizeof(LogFrame)> header;
  OMEN_ASSIGN_OR_RETURN(const size_t size, source_->file->read_at(source_->offset, header));
  LogFrame frame;
  return read_frame_header(std::span(header).first(size), 0, source_->header.crc, frame) &&
         frame.kind == LogFrameKind::kContinued && frame.lsn == source_->next;
}

Status LogFollower::check_end(const LogMark& mark) {
  if (!source_) {
    return mark.sequence == 0 ? Status() : missing_file(path(mark.sequence), "the manifest names");
  }
  const uint64_t sequence = source_->header.sequence;
  if (sequence < mark.sequence) return missing_file(path(mark.sequence), "the manifest names");
  OMEN_ASSIGN_OR_RETURN(const bool ended, continues_elsewhere());
  if (ended) {
    // In this order: the writer makes the next file first, and removes this one first.
    OMEN_ASSIGN_OR_RETURN(const bool followed, env_->exists(path(sequence + 1)));
    OMEN_ASSIGN_OR_RETURN(const bool named, source_->file->still_named());
    if (followed || !named) return {};
    return missing_file(path(sequence + 1), "the one before it names");
  }
  OMEN_RETURN_IF_ERROR(check_rest());
  const uint64_t durable = to_int(std::max(mark.durable, mark.trimmed));
  if (durable < source_->next) return {};
  return {StatusCode::kCorruption,
          "\"" + source_->path + "\": offset " + std::to_string(source_->offset) +
              ": the log ends after record " + std::to_string(source_->next - 1) +
              "; it was durable up to record " + std::to_string(durable) +
              " when the manifest was written"};
}

// Finds out whether the source ends here or has a damaged record here.
Status LogFollower::check_rest() {
  const uint64_t next = source_->next;
  uint64_t durable = 0;
  std::vector<std::byte> bytes(kReadAhead);
  for (uint64_t at = source_->offset;; at += kReadAhead - sizeof(LogFrame)) {
    OMEN_ASSIGN_OR_RETURN(const size_t size, source_->file->read_at(at, bytes));
    const auto there = std::span<const std::byte>(bytes).first(size);
    const auto mark = durable_mark_in(there, source_->header.crc, next, UINT64_MAX);
    durable = std::max(durable, mark.value_or(0));
    if (size < bytes.size()) break;
  }
  if (durable < next) return {};
  // The writer of that mark had synced this record before: the record must be here, unless the file
  // was reused in between.
  LogFrame frame;
  std::span<const std::byte> payload;
  buffer_.clear();
  OMEN_ASSIGN_OR_RETURN(const bool whole, next_frame(frame, payload));
  OMEN_ASSIGN_OR_RETURN(const bool named, source_->file->still_named());
  if (whole || !named) return {};
  return {StatusCode::kCorruption,
          "\"" + source_->path + "\": offset " + std::to_string(source_->offset) + ": record " +
              std::to_string(next) + " is damaged. It was durable: a later record says that " +
              "the log was synced up to " + std::to_string(durable)};
}

// Reads the frame at the source's offset, if a whole one is there. The writer may be writing it:
// bytes that were read ahead can show that there is a frame, but only bytes that are read again can
// show that there is none.
Result<bool> LogFollower::next_frame(LogFrame& frame, std::span<const std::byte>& payload) {
  for (uint64_t reread = 0;;) {
    if (reread > 0) OMEN_RETURN_IF_ERROR(refill(reread));
    const uint64_t skip = source_->offset - buffer_offset_;
    const std::span<const std::byte> bytes =
        source_->offset >= buffer_offset_ && skip < buffer_.size()
            ? std::span<const std::byte>(buffer_).subspan(skip)
            : std::span<const std::byte>();
    uint64_t wanted = kReadAhead;
    if (read_frame_header(bytes, 0, source_->header.crc, frame)) {
      if (read_log_frame(bytes, 0, source_->header.crc, frame)) {
        payload = bytes.subspan(sizeof(frame), frame.length);
        return true;
      }
      wanted = std::max(wanted, log_frame_bytes(frame.length));
    }
    if (reread >= wanted) return false;
    reread = wanted;
  }
}

Status LogFollower::refill(uint64_t bytes) {
  buffer_.resize(static_cast<size_t>(bytes));
  buffer_offset_ = source_->offset;
  OMEN_ASSIGN_OR_RETURN(const size_t size, source_->file->read_at(buffer_offset_, buffer_));
  buffer_.resize(size);
  return {};
}

}  // namespace omendb::storage
