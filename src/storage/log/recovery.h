// Reading the log back.
//
// An example. The manifest says: trimmed 4, durable 9, file 7. The folder holds
//
//   0000000006.wal   records 3 to 7, then a frame that says that the log continues in the next file
//   0000000007.wal   records 8, 9 and 10; record 10's frame is cut
//
// Records 3 and 4 are in segments, so recovery replays 5 to 9. Record 10 lies after everything that
// is known to have been durable, so it is a torn tail: recovery drops it, and a note says so. Each
// of these is corruption instead, and the database does not open:
//   - record 9 is cut: the log ends before record 9, which the manifest says was durable;
//   - 0000000007.wal is missing: the manifest and the last frame of 0000000006.wal name it;
//   - 0000000006.wal is missing: the log begins at record 8, and record 5 is wanted.
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

/// A log file that recovery read.
struct LogInput {
  std::string path;
  LogFileHeader header{};
  std::shared_ptr<const MappedFile> mapped;
  uint64_t end = kLogHeaderBytes;  ///< past its last record
  bool continued = false;          ///< a frame there says that the next file was begun
};

/// What recovery found in the log.
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

/// Reads the header of a log file. @param file  at least its first page.
/// @error kCorruption, kUnsupportedVersion.
Status read_log_header(std::span<const std::byte> file, const std::string& path, uint64_t sequence,
                       LogFileHeader& header);

/// Reads the frame header at `offset`. @return false if there is none that was written for this
/// file. The payload is not checked.
bool read_frame_header(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                       LogFrame& frame);

/// @return the highest durable LSN in the frame headers of records first..last in these bytes of a
///         file; none if there is no such header. A header with a good checksum counts even if its
///         payload is gone.
/// @param bytes  begin at a multiple of 8 in the file, as frames do.
std::optional<uint64_t> durable_mark_in(std::span<const std::byte> bytes, uint32_t seed,
                                        uint64_t first, uint64_t last);

/// Reads the frame at `offset`. @return false if there is no whole frame of this file.
bool read_log_frame(std::span<const std::byte> file, uint64_t offset, uint32_t seed,
                    LogFrame& frame);

}  // namespace omendb::storage
