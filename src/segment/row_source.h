// The rows that a search, a get or a merge reads, in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "column/columns.h"
#include "index/part_index.h"
#include "index/rows.h"
#include "omendb/status.h"
#include "segment/growing_ids.h"

namespace omendb::segment {

using index::RowRun;

/// Rows [0, rows()) with their vectors, ids and metadata, immutable and thread-safe. Everything a
/// call returns was checked against its checksum and stays valid while the source lives.
class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual uint32_t rows() const = 0;
  /// The rows as an index sees them: by their vectors in one field.
  /// @param field  the field's place in the collection's Fields.
  virtual const index::Rows& field(size_t field) const = 0;
  /// @return the index that a memtable keeps of its vectors in a field; null if there is none. The
  ///         indexes of a segment are files of their own: sealed_index.h.
  virtual const index::PartIndex* index(size_t field) const = 0;

  virtual Result<IdView> id(uint32_t slot) const = 0;
  /// Whether rows lie in the order of their ids.
  virtual bool in_id_order() const = 0;
  /// The ids of [first, first + out.size()). @pre the rows exist, and ids are of that kind.
  virtual Status read_ids(uint32_t first, std::span<uint64_t> out) const = 0;
  virtual Status read_ids(uint32_t first, std::span<std::string_view> out) const = 0;
  /// The newest row with the id, dead or alive.
  virtual Result<std::optional<uint32_t>> find(const IdView& id) const = 0;

  virtual const column::ColumnSource& columns() const = 0;

  /// Checks that the rows have not changed. Callers check after their last read and before they
  /// answer, because a file that is cut during the reads reads as zeros.
  /// @error kIoError, kCorruption; each names the file.
  virtual Status check() const = 0;
};

}  // namespace omendb::segment
