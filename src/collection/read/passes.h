// Answers a batch of queries in passes over the parts, as many as it takes.
#pragma once

#include <span>

#include "base/stop.h"
#include "collection/read/plan.h"
#include "index/gathered.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb::collection {

struct PassOptions {
  /// The share of the k nearest rows that is wanted; 1: every candidate is measured.
  double recall = 1;
  /// Stop after the first pass, even if a query needs more candidates.
  bool once = false;
};

/// Legs that measure are searched once. Legs that estimate are searched
///   1. for as many candidates as are usually enough (SearchPlan::effort);
///   2. for the queries to which those were not enough, for all that are still needed;
///   3. for the queries that need so many that it costs less, by measuring every row.
/// On return the hits in `out` are expected to include the share `recall` of the k nearest rows, or
/// less of them with `once`.
/// @param queries  of the rows' element type.
/// @param out      one a query, new.
/// Any number of threads may use one plan, each for queries of its own.
Status answer(const SearchPlan& plan, const VectorsView& queries, const PassOptions& options,
              const Stop& stop, std::span<index::Gathered> out);

}  // namespace omendb::collection
