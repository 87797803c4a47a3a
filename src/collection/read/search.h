// Answers queries from a snapshot.
#pragma once

#include <string_view>

#include "base/stop.h"
#include "base/thread_pool.h"
#include "collection/state.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::collection {

/// See omendb::Collection::search. Pure: any number of threads may search one snapshot.
/// @param stop  when to give up; made of the timeout and the flag of the options.
/// @param pool  shares the queries of a batch; null = the calling thread answers them all.
/// @param index_failed  set if an index was found damaged. The answer is right all the same, since
///                      the rows of that index were measured.
Result<SearchResult> search(const Snapshot& snapshot, std::string_view collection,
                            const VectorsView& queries, const SearchOptions& options,
                            const Stop& stop = {}, ThreadPool* pool = nullptr,
                            bool* index_failed = nullptr);

/// See omendb::Collection::search_ids.
Result<SearchResult> search_ids(const Snapshot& snapshot, std::string_view collection,
                                const IdsView& ids, const SearchOptions& options,
                                const Stop& stop = {}, ThreadPool* pool = nullptr,
                                bool* index_failed = nullptr);

}  // namespace omendb::collection
