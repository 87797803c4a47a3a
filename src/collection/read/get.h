// Looking points up by id, and counting those that a filter matches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "collection/read/fetch.h"
#include "collection/state.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::collection {

/// The live rows of those of the ids that exist, in their order.
/// @param found  gets one entry an id: whether it exists.
Result<std::vector<RowAt>> find_points(const Snapshot& snapshot, const IdsView& ids,
                                       std::vector<uint8_t>& found);
Result<GetResult> get(const Snapshot& snapshot, std::string_view collection, const IdsView& ids,
                      const GetOptions& options);
Result<uint64_t> count(const Snapshot& snapshot, const Filter& where);

}  // namespace omendb::collection
