#include "storage/log/recovery.h"

#include <algorithm>

#include "base/status_macros.h"

namespace omendb::storage {
namespace {

Status corrupt(const std::string& path, uint64_t offset, const std::string& what) {
  return {StatusCode::kCorruption,
          "\"" + path + "\": offset " + std::to_string(offset) + ": " + what};
}

struct Scan {
  uint64_t offset = kLogHeaderBytes;  // past the last whole frame
  uint64_t next = 0;                  // the LSN expected there
  uint64_t durable = 0;               // the highest mark that a frame carried
  uint32_t epoch = 0;                 // of the last whole frame
};

// Walks whole frames from the start of a file, up to but not including LSN `until`.
// @param epoch  of the record before.
Result<Scan> scan_frames(const LogInput& input, uint64_t until, Lsn from, Epoch epoch,
                         const LogVisitor& replay) {
  const auto file = input.mapped->bytes();
  input.mapped->advise(0, file.size(), MappedFile::Advice::kSequential);
  Scan scan;
  scan.next = input.header.first_lsn;
  scan.durable = scan.next - 1;
  scan.epoch = to_int(epoch);
  LogFrame frame;
  while (scan.next < until && read_log_frame(file, scan.offset, input.header.crc, frame) &&
         frame.lsn == scan.next && frame.kind == LogFrameKind::kRecord) {
    if (frame.epoch < scan.epoch) {
      return corrupt(input.path, scan.offset,
                     "record " + std::to_string(frame.lsn) + " has epoch " +
                         std::to_string(frame.epoch) + " and follows one of epoch " +
                         std::to_string(scan.epoch));
    }
    scan.epoch = frame.epoch;
    if (frame.lsn > to_int(from)) {
      OMEN_RETURN_IF_ERROR(replay({Lsn{frame.lsn}, ShardId{frame.shard}, Epoch{frame.epoch},
                                   file.subspan(scan.offset + sizeof(frame), frame.length)}));
    }
    scan.durable = std::max(scan.durable, frame.durable_lsn);
    scan.offset += log_frame_bytes(frame.length);
    ++scan.next;
  }
  return scan;
}

// What lies past the last whole frame of the last file.
struct Rest {
  bool something = false;  // other than the zeros that end a log
  bool cut = false;        // not even all of those
  uint64_t durable = 0;    // the highest mark that a frame there carries
};

Rest examine_rest(const LogInput& input, const Scan& scan) {
  const auto file = input.mapped->bytes();
  Rest rest;
  const uint64_t left = file.size() - std::min<uint64_t>(file.size(), scan.offset);
  const auto at_end = file.last(left).first(std::min<uint64_t>(left, sizeof(LogFrame)));
  rest.something = std::ranges::any_of(at_end, [](std::byte b) { return b != std::byte{0}; });
  rest.cut = at_end.size() < sizeof(LogFrame);
  const uint64_t highest = scan.next + left / sizeof(LogFrame);
  if (const auto mark = durable_mark_in(file.last(left), input.header.crc, scan.next, highest)) {
    rest.something = true;
    rest.durable = *mark;
  }
  return rest;
}

// A frame behind the last record says that the next file was begun.
bool is_continued(const LogInput& input, const Scan& scan) {
  LogFrame frame;
  return read_frame_header(input.mapped->bytes(), scan.offset, input.header.crc, frame) &&
         frame.kind == LogFrameKind::kContinued && frame.lsn == scan.next;
}

// Checks the end of the log, which is behind `scan`: all records that were durable must be before
// it.
Status check_end(const LogInput& input, const Scan& scan, const LogMark& mark) {
  const Lsn durable = std::max(mark.durable, mark.trimmed);
  if (is_continued(input, scan)) {
    return corrupt(input.path, scan.offset,
                   "the log goes on in file " + log_file_name(input.header.sequence + 1) +
                       ", which is missing with record " + std::to_string(scan.next) +
                       " and all after it");
  }
  if (to_int(durable) < scan.next) return {};
  return corrupt(input.path, scan.offset,
                 "the log ends after record " + std::to_string(scan.next - 1) +
                     "; it was durable up to record " + std::to_string(to_int(durable)) +
                     " when the manifest was written");
}

Status read_last(const LogInput& input, const LogMark& mark, Epoch before, const LogVisitor& replay,
                 LogContents& contents) {
  const Lsn from = mark.trimmed;
  OMEN_ASSIGN_OR_RETURN(const Scan scan, scan_frames(input, UINT64_MAX, from, before, replay));
  OMEN_RETURN_IF_ERROR(check_end(input, scan, mark));
  const Rest rest = examine_rest(input, scan);
  if (rest.durable >= scan.next) {
    return corrupt(
        input.path, scan.offset,
        "record " + std::to_string(scan.next) +
            " is damaged. It was durable: a later record says that the log was synced up to " +
            std::to_string(rest.durable));
  }
  contents.torn = rest.something || rest.cut;
  contents.blank = !contents.torn && scan.offset == kLogHeaderBytes;
  if (rest.cut && !rest.something) {
    contents.note = "the end of \"" + input.path + "\" is missing: if a record followed number " +
                    std::to_string(scan.next - 1) + ", it is lost";
  } else if (rest.something) {
    contents.note = "dropped a torn tail at offset " + std::to_string(scan.offset) + " of \"" +
                    input.path + "\": record " + std::to_string(scan.next) +
                    " was cut before it was durable";
  }
  contents.epoch = std::max({contents.epoch, Epoch{scan.epoch}, Epoch{input.header.epoch}});
  contents.durable = Lsn{std::min(scan.durable, scan.next - 1)};
  contents.last = Lsn{std::max(scan.next - 1, to_int(from))};
  // Hop over the frames that stay where they are.
  LogFrame frame;
  uint64_t lsn = input.header.first_lsn;
  for (contents.tail_offset = kLogHeaderBytes; lsn <= to_int(contents.durable); ++lsn) {
    std::memcpy(&frame, input.mapped->bytes().data() + contents.tail_offset, sizeof(frame));
    contents.tail_offset += log_frame_bytes(frame.length);
  }
  return {};
}

}  // namespace

Result<LogInput> open_log_file(Env& env, const std::string& path, uint64_t sequence) {
  LogInput input;
  input.path = path;
  OMEN_ASSIGN_OR_RETURN(input.mapped, env.map_file(path));
  OMEN_RETURN_IF_ERROR(read_log_header(input.mapped->bytes(), path, sequence, input.header));
  return input;
}

Status read_log_header(std::span<const std::byte> file, const std::string& path, uint64_t sequence,
                       LogFileHeader& header) {
  if (file.size() < kLogHeaderBytes) {
    return corrupt(path, file.size(), "the file ends within its header; it is cut");
  }
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.magic != kLogMagic) return corrupt(path, 0, "not an OmenDB log");
  // Before the checksum: a newer version may lay the rest of the header out differently.
  if (header.version > kLogFormatVersion) {
    return {StatusCode::kUnsupportedVersion,
            "\"" + path + "\" has format version " + std::to_string(header.version) +
                "; this OmenDB reads up to " + std::to_string(kLogFormatVersion)};
  }
  if (header.crc != log_header_crc(header))
    return corrupt(path, 0, "the header fails its checksum");
  if (header.version == 0 || header.flags != 0 || header.first_lsn == 0 ||
      Lsn{header.first_lsn} > kMaxLsn || header.sequence > kMaxLogSequence) {
    return corrupt(path, 0, "the header makes no sense");
  }
  if (header.sequence != sequence) {
    return corrupt(path, 0, "the header is that of file " + std::to_string(header.sequence));
  }
  return {};
}

bool read_frame_header(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                       LogFrame& frame) {
  if (offset > file.size() || file.size() - offset < sizeof(LogFrame)) return false;
  std::memcpy(&frame, file.data() + offset, sizeof(frame));
  return frame.lsn != 0 && frame.header_crc == log_frame_crc(frame, seed) &&
         (frame.kind == LogFrameKind::kRecord ||
          (frame.kind == LogFrameKind::kContinued && frame.length == 0));
}

std::optional<uint64_t> durable_mark_in(std::span<const std::byte> bytes, uint32_t seed,
                                        uint64_t first, uint64_t last) {
  std::optional<uint64_t> mark;
  for (uint64_t at = 0; at + sizeof(LogFrame) <= bytes.size(); at += 8) {
    uint64_t lsn = 0;
    std::memcpy(&lsn, bytes.data() + at + offsetof(LogFrame, lsn), sizeof(lsn));
    if (lsn < first || lsn > last) continue;
    LogFrame frame;
    if (!read_frame_header(bytes, at, seed, frame)) continue;
    mark = std::max(mark.value_or(0), frame.durable_lsn);
  }
  return mark;
}

bool read_log_frame(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                    LogFrame& frame) {
  if (!read_frame_header(file, offset, seed, frame)) return false;
  if (frame.length > file.size() - offset - sizeof(frame)) return false;
  return crc32c::of(file.subspan(offset + sizeof(frame), frame.length)) == frame.payload_crc;
}

Result<LogContents> read_log(Env& env, const LogFolder& folder, std::span<const uint64_t> sequences,
                             const LogMark& mark, const LogVisitor& replay) {
  const Lsn from = mark.trimmed;
  LogContents contents;
  contents.epoch = mark.epoch;
  contents.last = from;
  contents.durable = from;
  if (sequences.empty() && mark.sequence == 0 && mark.durable <= mark.trimmed) return contents;
  if (sequences.empty() && mark.sequence == 0) {
    return Status(StatusCode::kCorruption,
                  "\"" + folder.directory() + "\": the log is missing; the manifest says that it " +
                      "was durable up to record " + std::to_string(to_int(mark.durable)));
  }
  if (sequences.empty() || sequences.back() < mark.sequence) {
    return Status(StatusCode::kCorruption,
                  "\"" + folder.path(mark.sequence) +
                      "\" is missing: the manifest names it as a file of the log");
  }
  contents.last_sequence = sequences.back();
  // Newest first, down to the file where the first wanted record is.
  for (size_t i = sequences.size(); i-- > 0;) {
    const bool enough =
        !contents.live.empty() && contents.live.back().header.first_lsn <= to_int(from) + 1;
    if (enough) {
      contents.unused.push_back(sequences[i]);
      continue;
    }
    OMEN_ASSIGN_OR_RETURN(auto input, open_log_file(env, folder.path(sequences[i]), sequences[i]));
    if (!contents.live.empty() && contents.live.back().header.sequence != sequences[i] + 1) {
      return Status(StatusCode::kCorruption, "\"" + folder.path(sequences[i] + 1) +
                                                 "\" is missing: the files of the log before and "
                                                 "after it are there");
    }
    contents.live.push_back(std::move(input));
  }
  std::ranges::reverse(contents.live);
  const LogInput& first = contents.live.front();
  if (first.header.first_lsn > to_int(from) + 1) {
    return corrupt(first.path, 0,
                   "the log begins at record " + std::to_string(first.header.first_lsn) +
                       "; records from " + std::to_string(to_int(from) + 1) + " on are missing");
  }
  Epoch epoch{};
  for (size_t i = 0; i + 1 < contents.live.size(); ++i) {
    const uint64_t until = contents.live[i + 1].header.first_lsn;
    OMEN_ASSIGN_OR_RETURN(const Scan scan,
                          scan_frames(contents.live[i], until, from, epoch, replay));
    epoch = Epoch{scan.epoch};
    contents.live[i].end = scan.offset;
    contents.live[i].continued = is_continued(contents.live[i], scan);
    if (scan.next >= until) continue;
    return corrupt(contents.live[i].path, scan.offset,
                   "record " + std::to_string(scan.next) + " is damaged or missing, and was " +
                       "durable: the next file begins at record " + std::to_string(until));
  }
  OMEN_RETURN_IF_ERROR(read_last(contents.live.back(), mark, epoch, replay, contents));
  // Zeros that stand for lost bytes must not pass for a torn tail.
  for (const LogInput& input : contents.live) OMEN_RETURN_IF_ERROR(input.mapped->check());
  return contents;
}

}  // namespace omendb::storage
