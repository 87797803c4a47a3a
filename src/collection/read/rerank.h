// Measures the candidates of indexes that estimate, as many as it takes.
#pragma once

#include <cstddef>

#include "collection/read/plan.h"
#include "index/gathered.h"
#include "index/prepared_queries.h"

namespace omendb::collection {

/// Measures the candidates, nearest estimates first, and adds them as hits, until the share
/// `recall` of the k nearest rows is expected among the hits (recall_limit()); recall 1 measures
/// all.
/// @param query       which of the queries.
/// @param gathered    that query's; its candidates get rearranged.
/// @return the estimate up to which rows have to be measured for that recall. If all of them
///         were among the candidates, those were enough.
/// @error kCorruption if a candidate's vector is damaged.
Result<float> rerank(const SearchPlan& plan, index::PreparedQueries& queries, size_t query,
                     double recall, index::Gathered& gathered);

}  // namespace omendb::collection
