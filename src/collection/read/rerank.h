// Measures the candidates of a coded scan, as many as it takes.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "codec/rabitq.h"
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

struct RerankOptions {
  size_t k = 10;
  /// Hits beyond this distance do not count.
  float limit = std::numeric_limits<float>::infinity();
  /// Stop at the first candidate whose estimate is this many standard deviations of the estimation
  /// error beyond the k-th exact distance so far; infinity measures every candidate.
  float confidence = std::numeric_limits<float>::infinity();
};

/// Adds the candidates that may be among the k nearest to `found`, with their exact distances.
/// @param prepared    by part, the query as the part's codes were scanned with it.
/// @param candidates  `source` is a part of the snapshot; rearranged.
/// @param found       hits from elsewhere on entry; the k-th of all hits decides when to stop.
/// @return the estimate up to which rows have to be measured for that confidence. If all of them
///         were among the candidates, those were enough.
/// @error kCorruption if a candidate's vector is damaged.
/// The error bound of 1-bit codes: RaBitQ, arXiv 2405.12497, section 3.2.
Result<float> rerank(const Snapshot& snapshot, const distance::Kernels& kernels, const void* query,
                     std::span<const codec::rabitq::PreparedQuery> prepared,
                     std::span<index::Candidate> candidates, const RerankOptions& options,
                     std::vector<Found>& found);

}  // namespace omendb::collection
