// Looking points up by id, and counting those that a filter matches.
#pragma once

#include <cstdint>
#include <string_view>

#include "collection/state.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::collection {

Result<GetResult> get(const Snapshot& snapshot, std::string_view collection, const IdsView& ids,
                      const GetOptions& options);
Result<uint64_t> count(const Snapshot& snapshot, const Filter& where);

}  // namespace omendb::collection
