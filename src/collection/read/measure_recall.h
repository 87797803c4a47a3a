// Measures the recall of searches on a collection's own data, against exact answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "base/thread_pool.h"
#include "collection/read/fetch.h"
#include "collection/state.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::collection {

/// See omendb::Collection::measure_recall. All searches see the one snapshot. Pure and thread-safe,
/// like search(), whose parameters the last three are.
/// @param clock  times the searches.
Result<RecallReport> measure_recall(const Snapshot& snapshot, std::string_view collection,
                                    const SearchOptions& search, const RecallOptions& options,
                                    Stop::Clock clock, const Stop& stop = {},
                                    ThreadPool* pool = nullptr, bool* index_failed = nullptr);

/// Draws live rows that have a vector in a field, each set of `count` rows with the same
/// probability. @return them in the order of the snapshot; all of them if there are fewer.
Result<std::vector<RowAt>> draw_rows(const Snapshot& snapshot, size_t field, uint64_t count,
                                     uint64_t seed, const Stop& stop);

struct Interval {
  double low = 0;
  double high = 1;
};
/// Where the mean of many queries lies with a probability of 95 %.
/// @param shares  of the k neighbours that each query found, each 0..1.
Interval recall_interval(std::span<const double> shares, size_t k);

}  // namespace omendb::collection
