// Writes the live rows of memtables and segments into one new segment: sealing and merging are the
// same act.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "segment/segment.h"

namespace omendb::segment {

struct WriteSource {
  std::shared_ptr<const RowSource> rows;
  std::shared_ptr<const Tombstones> dead;
};

inline constexpr uint32_t kDropped = UINT32_MAX;

struct WrittenSegment {
  /// Null if no row was alive; then there is no file either.
  std::shared_ptr<const Segment> segment;
  /// new_slots[s][r]: where row r of source s went, or kDropped.
  std::vector<std::vector<uint32_t>> new_slots;
};

/// Writes and syncs the file (not its folder), rows in the order of their ids, and opens it.
/// @error kCorruption if a source is damaged; kLimitExceeded for more than kMaxSegmentRows live
///        rows; whatever the disk says. No file is left behind.
Result<WrittenSegment> write_segment(std::shared_ptr<storage::Env> env, const std::string& path,
                                     const VectorSpec& spec, IdKind id_kind,
                                     const column::Schema& schema,
                                     std::span<const WriteSource> sources);

}  // namespace omendb::segment
