// Looking after a database folder that is not open: is it sound, and what can be saved of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/status.h"

namespace omendb {

/// What check() found.
struct CheckReport {
  /// What is damaged or contradicts itself, one sentence each, which names the file; empty if the
  /// database is sound.
  std::vector<std::string> problems;
  /// What is no damage and worth knowing: the torn tail of a log, files that nothing names.
  std::vector<std::string> notes;
  uint64_t collections = 0;
  uint64_t points = 0;  ///< live, in segments and in the log; of sound files
  uint64_t files = 0;   ///< that were read whole
  uint64_t bytes = 0;   ///< of them

  bool sound() const { return problems.empty(); }
};

/// Reads every byte of a database, verifies every checksum, and holds the files against one
/// another: the manifest against the segments, tombstones and log that it names, ids against order
/// and against those of other segments, the log's operations against their collections. Writes
/// nothing, so that a folder that may only be read can be checked.
/// @param path  a database folder. While a writer has it open the check is refused; check a
///              snapshot of it.
/// @return the report; damage is in it, not an error.
/// @error kNotFound, kNotADatabase, kUnsupportedVersion, kLocked, kInvalidArgument, kIoError where
///        the folder itself cannot be read.
Result<CheckReport> check(std::string_view path);

/// What repair() did.
struct RepairReport {
  uint64_t collections = 0;
  uint64_t points = 0;  ///< that the new database holds
  /// What could not be saved, or may have come back wrongly: a sentence each, which names file and,
  /// where they can be read, ids.
  std::vector<std::string> lost;

  bool complete() const { return lost.empty(); }
};

/// Copies what is sound of a damaged database into a new one: every point whose id and vector can
/// be read, with those of its metadata that can, as the log's sound records left it. The damaged
/// folder is not changed.
/// @param path  a database folder that no writer has open.
/// @param into  a new folder, whose parent exists.
/// @error kAlreadyExists if there is something at `into`, kCorruption if CURRENT or the manifest is
///        damaged, which say what the other files are; kNotFound, kNotADatabase,
///        kUnsupportedVersion, kLocked, kInvalidArgument, kNoSpace, kIoError.
Result<RepairReport> repair(std::string_view path, std::string_view into);

}  // namespace omendb
