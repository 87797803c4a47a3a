// Reading the log back.
//
// An example. The manifest says: trimmed 4, durable 9, file 7. The folder holds
//
//   0000000006.wal   records 3 to 7, then a frame that says that the log continues in the next file
//   0000000007.wal   records 8, 9 and 10; record 10's frame is cut
//
// Records 3 and 4 are in segments, so 5 to 9 are replayed. Record 10 lies after everything that is
// known to have been durable, so it is a torn tail: it is dropped, and a note says so. Were 9 cut
// instead, the log would end before what the manifest knows: that is corruption, and nothing opens.
// So it would be if 0000000007.wal were missing (the manifest and the frame in 0000000006.wal name
// it), or 0000000006.wal (the log would begin at record 8, and 5 is the first that is wanted).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage/env.h"
#include "storage/log/folder.h"
#include "storage/log/format.h"
#include "storage/log/log.h"

namespace omendb::storage {

/// A log file as recovery found it.
struct LogInput {
  std::string path;
  LogFileHeader header{};
  std::shared_ptr<const MappedFile> mapped;
  uint64_t end = kLogHeaderBytes;  ///< past its last record
  bool continued = false;          ///< a frame there says that the next file was begun
};

/// What the log holds.
struct LogContents {
  std::vector<LogInput> live;    ///< files with records after `trimmed`, in order
  std::vector<uint64_t> unused;  ///< sequence numbers of files wholly before that
  uint64_t last_sequence = 0;    ///< the highest in the folder
  Lsn last{};                    ///< the last whole record, or LogMark::trimmed if that is later
  Epoch epoch{};                 ///< the highest that wrote here
  /// Records after this one may sit in the system's cache alone, as after a failed flush.
  Lsn durable{};
  uint64_t tail_offset = 0;  ///< in the last live file: where the first record after `durable` is
  bool torn = false;         ///< something was dropped
  bool blank = false;        ///< the last live file holds nothing but its header
  std::string note;          ///< about that, for people
};

/// Finds the files, replays each record after `mark.trimmed`, and applies the torn-tail rule.
/// @error kCorruption with file and offset for damage before the durable mark, for a log that ends
///        before `mark.durable`, and for files that are missing; replay's own.
Result<LogContents> read_log(Env& env, const LogFolder& folder, std::span<const uint64_t> sequences,
                             const LogMark& mark, const LogVisitor& replay);

/// Maps a log file and checks its header.
/// @error kCorruption, kUnsupportedVersion.
Result<LogInput> open_log_file(Env& env, const std::string& path, uint64_t sequence);

/// Takes the header of a log file. @param file  its first page at least.
/// @error kCorruption, kUnsupportedVersion.
Status read_log_header(std::span<const std::byte> file, const std::string& path, uint64_t sequence,
                       LogFileHeader& header);

/// Takes the frame header at `offset`, if one that was written for this file is there; what it says
/// of the payload is not checked.
bool read_frame_header(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                       LogFrame& frame);

/// The highest durable LSN that the frames of records first..last in these bytes of a file carry;
/// none if no such frame is there. Frames start at multiples of 8, as `bytes` do. A header that was
/// written for this file is proof of what it says, even if its payload is gone.
std::optional<uint64_t> durable_mark_in(std::span<const std::byte> bytes, uint32_t seed,
                                        uint64_t first, uint64_t last);

/// Takes the frame at `offset`, if a whole one for this file is there.
bool read_log_frame(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                    LogFrame& frame);

}  // namespace omendb::storage
