// What searches for rows of an index would take: the observations that Calibration is made of.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "index/calibration.h"
#include "index/partition/assign.h"
#include "index/partition/cells.h"
#include "index/partition/ranking.h"
#include "omendb/status.h"

namespace omendb::index::partition {

/// One for each of Calibration::kNearest.
using Traces = std::array<Trace, Calibration::kNearest.size()>;

/// Follows a query through cells, as far as its nearest rows lie.
/// @param self     the query's own slot, which is left out.
/// @param nearest  its true nearest rows, nearest first; Calibration::kNearest.back() of them, or
///                 all there are.
Result<Traces> trace(const Cells& cells, const Homes& homes, PlacedQuery& query, uint32_t self,
                     std::span<const uint32_t> nearest);

}  // namespace omendb::index::partition
