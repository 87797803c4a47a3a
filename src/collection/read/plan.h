// Decides how each part of a snapshot is searched.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "base/bitmap.h"
#include "base/stop.h"
#include "collection/read/row_filter.h"
#include "collection/state.h"
#include "index/part_index.h"
#include "index/rows.h"
#include "omendb/options.h"

namespace omendb::collection {

/// A range of a part's rows and the index that searches it. Everything is borrowed.
struct Leg {
  index::Scope scope;
  const index::Rows* rows = nullptr;
  const index::PartIndex* index = nullptr;
  /// Measures every row of the scope, for queries that need too many candidates of the index. The
  /// same as `index` if that measures.
  const index::PartIndex* exact = nullptr;
};

/// From this many queries on, they share the cost of passing over the rows.
inline constexpr size_t kQueriesThatShare = 8;

/// How a search proceeds, for all its queries. Owns the masks and the indexes that measure. Must
/// not outlive the snapshot.
struct SearchPlan {
  Metric metric = Metric::kL2;
  std::vector<Leg> legs;
  uint64_t matches = 0;  ///< live rows that match the filter and have a vector
  size_t effort = 0;     ///< candidates that a query keeps in its first pass
  /// Of the k nearest rows, the share that is to be among those that indexes look at, and, of
  /// these, the share that is to be measured.
  double reach = 1;
  double recall = 1;
  /// Standard errors beyond the k-th least estimate within which candidates may matter.
  float margin = std::numeric_limits<float>::infinity();
  /// Candidates that it pays to measure one by one in another pass, rather than to measure every
  /// row: for a query alone, and for queries that pass over the rows together.
  size_t affordable_alone = 0;
  size_t affordable_together = 0;

  std::vector<std::optional<Bitmap>> masks;
  std::vector<std::unique_ptr<const index::PartIndex>> indexes;

  bool estimates() const;
  /// See PartIndex::sound(), of all indexes.
  bool sound() const;
};

/// Live rows of a part that match and have a vector in the field; nothing if that is every row.
/// @param field  its place.
Result<std::optional<Bitmap>> mask_of(const Part& part, size_t field, const RowFilter& filter);

/// @param field    the place of the vector field to search.
/// @param queries  how many will be answered with the plan.
/// @param stop     asked between parts, whose filters may take long.
Result<SearchPlan> make_plan(const Snapshot& snapshot, size_t field, const SearchOptions& options,
                             size_t queries, const RowFilter& filter, const Stop& stop);

}  // namespace omendb::collection
