// Which rows of a snapshot a scan or a get(where) returns, and in what order.
#pragma once

#include <vector>

#include "collection/read/fetch.h"
#include "collection/read/row_filter.h"
#include "omendb/options.h"

namespace omendb::collection {

/// What `order_by` calls a point's id.
inline constexpr std::string_view kIdColumn = "id";

/// The rows that `options` asks for: those that match, in order, from the offset-th on, at most as
/// many as its limit. Without order_by they come in stored order: part after part, oldest first.
/// @param filter  bound from options.where.
/// @error kNotFound for an order_by column that the collection lacks, unless the collection is
///        empty; kTypeMismatch for one without an order (arrays), kInvalidArgument for one given
///        twice, kCorruption.
Result<std::vector<RowAt>> choose_rows(const Snapshot& snapshot, const RowFilter& filter,
                                       const ScanOptions& options);

/// choose_rows() and fetch().
/// @error as those, and kInvalidFilter.
Result<Points> get_where(const Snapshot& snapshot, std::string_view collection,
                         const ScanOptions& options);

}  // namespace omendb::collection
