// Answers queries from a snapshot.
#pragma once

#include <string_view>

#include "collection/state.h"
#include "omendb/database.h"

namespace omendb::collection {

/// See omendb::Collection::search. Pure: any number of threads may search one snapshot.
Result<SearchResult> search(const Snapshot& snapshot, std::string_view collection,
                            const VectorsView& queries, const SearchOptions& options);

}  // namespace omendb::collection
