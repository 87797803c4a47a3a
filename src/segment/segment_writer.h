// Writes the live rows of memtables and segments into one new segment: sealing and merging are the
// same act.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/job_control.h"
#include "segment/segment.h"

namespace omendb::segment {

struct WriteSource {
  std::shared_ptr<const RowSource> rows;
  std::shared_ptr<const Tombstones> dead;
};

struct WriteOptions {
  /// Gets each chunk of rows as progress; may stop the work between two chunks. Null: no progress.
  JobControl* control = nullptr;
  /// Passes over the rows that the job has before it once the segment is written.
  uint64_t passes_to_follow = 0;
};

inline constexpr uint32_t kDropped = UINT32_MAX;

struct WrittenSegment {
  /// Null if no row was alive; then there is no file either.
  std::shared_ptr<const Segment> segment;
  /// new_slots[s][r]: where row r of source s went, or kDropped.
  std::vector<std::vector<uint32_t>> new_slots;
};

/// @return the bytes that write_segment() holds in memory for each row: the row's place in the
///         source and in the segment, and the offsets of one column's strings or arrays. The
///         elements of string arrays need more.
size_t write_bytes_per_row(const column::Schema& schema);

/// Writes and syncs the file (not its folder), rows in the order of their ids, and opens it.
/// @error kCorruption if a source is damaged; kLimitExceeded for more than kMaxSegmentRows live
///        rows; kCancelled by WriteOptions::control; kNoSpace, kIoError. No file is left behind.
Result<WrittenSegment> write_segment(std::shared_ptr<storage::Env> env, const std::string& path,
                                     const Fields& fields, IdKind id_kind,
                                     const column::Schema& schema,
                                     std::span<const WriteSource> sources,
                                     const WriteOptions& options = {});

}  // namespace omendb::segment
