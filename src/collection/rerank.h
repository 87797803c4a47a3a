// Measures the candidates of a coded scan.
#pragma once

#include <span>
#include <vector>

#include "collection/state.h"
#include "distance/kernels.h"
#include "index/candidate_queue.h"

namespace omendb::collection {

/// A hit before its id is known.
struct Found {
  float distance = 0;
  uint32_t part = 0;
  uint32_t slot = 0;
};

/// Appends to `found` every candidate whose exact distance is at most `limit`.
/// @param candidates  their `source` is a part of the snapshot.
/// @error kCorruption if a candidate's vector is damaged.
Status rerank(const Snapshot& snapshot, const distance::Kernels& kernels, const void* query,
              std::span<const index::Candidate> candidates, float limit, std::vector<Found>& found);

}  // namespace omendb::collection
