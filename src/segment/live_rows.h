// The rows of a new segment, chosen from its sources.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/job_control.h"
#include "column/columns.h"
#include "omendb/types.h"
#include "segment/segment_writer.h"

namespace omendb::segment {

/// Rows that the sources have and that are not dead.
uint64_t count_live_rows(std::span<const WriteSource> sources);

/// Live rows of all sources in the order of their ids; each id is alive in one source at most.
/// Sources that lie in the order of their ids are merged; others are sorted first.
/// @error kCorruption if ids of a source are damaged; kCancelled by `control`, which is told of
/// each
///        chunk of rows.
Result<std::vector<column::RowRef>> live_rows_by_id(std::span<const WriteSource> sources,
                                                    IdKind id_kind, JobControl& control);

}  // namespace omendb::segment
