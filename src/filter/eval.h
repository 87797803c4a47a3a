// Which rows a bound filter matches.
#pragma once

#include <cstdint>

#include "base/bitmap.h"
#include "column/reader.h"
#include "filter/bind.h"
#include "omendb/status.h"

namespace omendb::filter {

/// Evaluates the filter over rows [0, rows) in batches, under SQL's three-valued logic. A column
/// that the source lacks is NULL in every row.
/// @return the rows for which the filter is TRUE (not NULL).
/// @error kCorruption if stored bytes that were needed fail their checksum or make no sense.
/// Thread-safe.
Result<Bitmap> evaluate(const BoundFilter& filter, const column::ColumnSource& source,
                        uint32_t rows);

}  // namespace omendb::filter
