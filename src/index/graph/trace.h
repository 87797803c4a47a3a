// What calibration learns of a graph from one query.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "index/calibration.h"
#include "index/graph/walk.h"

namespace omendb::index::graph {

/// One for each of Calibration::kNearest.
using Traces = std::array<Trace, Calibration::kNearest.size()>;

/// Follows a query through the graph until its nearest rows are visited, or a few thousand others.
/// @param self     the query's own node, which is left out.
/// @param nearest  nodes of its true nearest rows, nearest first; Calibration::kNearest.back() of
///                 them, or all there are.
Traces trace(Walk& walk, GraphQuery& query, uint32_t self, std::span<const uint32_t> nearest,
             const TypicalSquares& typical);

}  // namespace omendb::index::graph
