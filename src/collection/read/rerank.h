// Measures candidates until the wanted share of the nearest rows is expected among them.
//
// An example, with k = 2, recall .95, and estimates whose standard error is .5. (Steps are of 64
// candidates and more; here they are of two.)
//
//   candidate   estimate   distance, once measured
//   A           1.0        1.2
//   B           1.4        1.1
//   C           1.9         .9
//   D           2.6        2.4
//   E           3.2
//
// The first step measures A and B. The two nearest rows known are now at 1.1 and 1.2, and
// recall_limit() says that rows must be measured up to the estimate 1.98. The next step, C and D,
// begins at 1.9, so both are measured. The nearest are now at .9 and 1.1, and the limit falls to
// 1.84. The third step would begin with E, at 3.2: it lies beyond the limit and is not measured.
// rerank() returns 1.84. If the scan kept every row below that estimate, the search is done; if its
// queue was full below it, a second pass must keep more.
#pragma once

#include <cstddef>

#include "collection/read/plan.h"
#include "index/gathered.h"
#include "index/prepared_queries.h"

namespace omendb::collection {

/// Measures the candidates in the order of their estimates and adds them as hits. Stops when the
/// share `recall` of the k nearest rows is expected among the hits (see recall_limit()); recall 1
/// measures all.
/// @param query       the number of the query.
/// @param gathered    of this query; its candidates are reordered.
/// @return the estimate up to which rows have to be measured for this recall. If every such row
///         is among the candidates, no further pass is needed.
/// @error kCorruption if a candidate's vector is damaged.
Result<float> rerank(const SearchPlan& plan, index::PreparedQueries& queries, size_t query,
                     double recall, index::Gathered& gathered);

}  // namespace omendb::collection
