// Measures the candidates of indexes that estimate, as many as it takes.
#pragma once

#include <cstddef>

#include "collection/read/plan.h"
#include "index/gathered.h"
#include "index/prepared_queries.h"

namespace omendb::collection {

/// Measures the candidates that may be among the k nearest, nearest estimates first, and adds them
/// as hits. It stops at the first candidate whose estimate is `confidence` standard deviations of
/// the estimation error beyond the k-th distance so far; infinity measures every candidate.
/// @param query       which of the queries.
/// @param gathered    that query's; its candidates get rearranged.
/// @return the estimate up to which rows have to be measured for that confidence. If all of them
///         were among the candidates, those were enough.
/// @error kCorruption if a candidate's vector is damaged.
Result<float> rerank(const SearchPlan& plan, index::PreparedQueries& queries, size_t query,
                     float confidence, index::Gathered& gathered);

}  // namespace omendb::collection
