// Finds the rows that a bound filter matches.
#pragma once

#include <cstdint>

#include "base/bitmap.h"
#include "column/reader.h"
#include "filter/bind.h"
#include "omendb/status.h"

namespace omendb::filter {

/// The rows of one memtable or segment, as a filter reads them.
struct FilteredRows {
  uint32_t count = 0;
  const column::ColumnSource& columns;  ///< a column that it lacks is NULL in every row
  /// The ids, as BoundColumn::is_id says; null if the filter reads none.
  const column::BatchReader* ids = nullptr;
  const Bitmap* only = nullptr;  ///< the rows to look at; null: all
};

/// Evaluates the filter over rows [0, count) in batches, under SQL's three-valued logic.
/// @return the rows for which the filter is TRUE (not NULL).
/// @error kCorruption if stored bytes that were needed fail their checksum or make no sense.
/// Thread-safe.
Result<Bitmap> evaluate(const BoundFilter& filter, const FilteredRows& rows);

}  // namespace omendb::filter
