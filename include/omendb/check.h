// Checks and repairs a database folder that no writer has open.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/status.h"

namespace omendb {

/// What check() found.
struct CheckReport {
  /// Damage and contradictions: one sentence for each, which names the file. Empty if the database
  /// is sound.
  std::vector<std::string> problems;
  /// Findings that are not damage: the torn tail of a log, files that nothing names.
  std::vector<std::string> notes;
  uint64_t collections = 0;
  uint64_t points = 0;  ///< live points of sound files, in segments and in the log
  uint64_t files = 0;   ///< files that were read whole
  uint64_t bytes = 0;   ///< bytes of those files

  bool sound() const { return problems.empty(); }
};

/// Reads every byte of a database, verifies every checksum, and compares the files with each other:
/// the manifest with the segments, tombstones and log that it names, the ids of a segment with
/// their order and with the ids of other segments, the log's operations with their collections.
/// Writes nothing, so it also checks a read-only folder.
/// @param path  a database folder. The check is refused while a writer has it open; check a
///              snapshot of it instead.
/// @return the report. Damage is reported there and is not an error of the call.
/// @error kNotFound, kNotADatabase, kUnsupportedVersion, kLocked, kInvalidArgument; kIoError if the
///        folder itself cannot be read.
Result<CheckReport> check(std::string_view path);

/// What repair() did.
struct RepairReport {
  uint64_t collections = 0;
  uint64_t points = 0;  ///< points that the new database holds
  /// Losses, and points that may be out of date: one sentence for each, which names the file and,
  /// where they can be read, the ids.
  std::vector<std::string> lost;

  bool complete() const { return lost.empty(); }
};

/// Copies the sound parts of a damaged database into a new one: every point whose id and vector can
/// be read, with the metadata that can be read, and with the changes of the log's sound records.
/// Does not change the damaged folder.
/// @param path  a database folder that no writer has open.
/// @param into  the new folder, outside `path`; its parent must exist.
/// @error kAlreadyExists if something exists at `into`; kInvalidArgument if `into` lies inside
///        `path`; kCorruption if no manifest can be read, without which the other files cannot be
///        interpreted; kNotFound, kNotADatabase, kUnsupportedVersion, kLocked, kNoSpace, kIoError.
Result<RepairReport> repair(std::string_view path, std::string_view into);

}  // namespace omendb
