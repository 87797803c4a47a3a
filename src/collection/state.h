// What a collection is made of: its durable description, and the snapshots that readers see.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "segment/memtable.h"
#include "segment/segment_store.h"

namespace omendb::collection {

/// A segment as the manifest names it.
struct SegmentState {
  std::string name;  ///< of its file, unique in the database
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t dead_rows = 0;  ///< as of CollectionState::flushed
  std::string tombstones;  ///< the file that lists them; empty if none
  std::vector<storage::IndexMeta> indexes;
};

/// A collection as the manifest describes it. This and the log after `flushed` give its whole
/// state.
struct CollectionState {
  uint32_t id = 0;
  std::string name;
  segment::Fields fields = segment::unnamed_field({});  ///< dim 0 = not known yet
  std::optional<IdKind> id_kind;                        ///< none = not known yet
  uint64_t next_auto_id = 0;
  Lsn flushed{};  ///< operations up to here are in the segments
  column::Schema columns;
  uint32_t next_column_id = 0;
  std::vector<SegmentState> segments;
};

/// Rows of a snapshot that live in one place.
struct Part {
  std::shared_ptr<const segment::RowSource> rows;  ///< null in a staged snapshot's memtables
  std::shared_ptr<const segment::Tombstones> dead;
  std::shared_ptr<segment::Memtable> memtable;      ///< null for a segment
  std::shared_ptr<const segment::Segment> segment;  ///< null for a memtable
  std::string segment_name;
  std::shared_ptr<const segment::SegmentIndexes> indexes;  ///< of a segment; null for a memtable
  uint32_t watermark = 0;                                  ///< rows of this snapshot

  /// The indexes by which the rows can be searched in a field, given its place; none if every row
  /// has to be measured.
  std::vector<const index::PartIndex*> indexes_of(size_t field) const {
    if (indexes != nullptr) return indexes->searchers(field);
    const index::PartIndex* const only = rows->index(field);
    return only == nullptr ? std::vector<const index::PartIndex*>{} : std::vector{only};
  }
};

/// One consistent state: everything up to `lsn` and nothing after. Immutable once shared.
struct Snapshot {
  Lsn lsn{};
  std::shared_ptr<const segment::Fields> fields;  ///< vector fields
  std::optional<IdKind> id_kind;
  uint64_t next_auto_id = 0;
  std::shared_ptr<const column::Schema> columns;
  uint32_t next_column_id = 0;
  std::vector<Part> parts;  ///< oldest first; the last may be the growing memtable
  uint64_t live = 0;        ///< points

  /// @param field  its place in `fields`.
  const segment::VectorSpec& spec(size_t field) const { return (*fields)[field].spec; }
};

}  // namespace omendb::collection
