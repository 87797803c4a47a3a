// One way to read metadata, whether it grows in memory or lies in a mapped file: in batches of rows
// for filters, and by row number for the hits that are returned.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb::column {

/// Rows that one read() returns at most.
inline constexpr uint32_t kBatchRows = 2'048;
inline constexpr uint32_t kBatchWords = kBatchRows / 64;

/// Values of up to kBatchRows rows. Of the spans, the one that the column's (element) type names is
/// filled; values of NULL rows are unspecified but safe to read. Spans point into the column where
/// its layout allows and into `scratch` where not: they last until the batch is read into again.
struct ColumnBatch {
  uint32_t rows = 0;
  /// Bit r % 64 of word r / 64 is 0 where row r is NULL; bits past `rows` are unspecified. Null
  /// pointer: no row is NULL.
  const uint64_t* valid = nullptr;
  std::span<const uint8_t> bools;  ///< nonzero = true
  std::span<const int64_t> ints;   ///< also timestamps
  std::span<const double> doubles;
  std::span<const std::string_view> strings;
  /// Arrays only: rows + 1 entries. The element spans begin at element list_offsets[0].
  std::span<const uint64_t> list_offsets;

  size_t list_begin(uint32_t row) const { return list_offsets[row] - list_offsets[0]; }
  size_t list_end(uint32_t row) const { return list_offsets[row + 1] - list_offsets[0]; }

  struct Scratch {
    std::array<uint64_t, kBatchWords> valid;
    std::vector<uint8_t> bools;
    std::vector<int64_t> ints;
    std::vector<double> doubles;
    std::vector<std::string_view> strings;
    std::vector<uint64_t> list_offsets;
  };
  Scratch scratch;
};

/// Values that are read a batch of rows at a time. Thread-safe; each thread reads into a batch of
/// its own.
class BatchReader {
 public:
  virtual ~BatchReader() = default;
  virtual ColumnType type() const = 0;

  /// Reads rows [first_row, first_row + n). @pre first_row is a multiple of kBatchRows, n <=
  /// kBatchRows, and the rows exist.
  /// @error kCorruption if stored bytes fail their checksum or make no sense.
  virtual Status read(uint32_t first_row, uint32_t n, ColumnBatch& out) const = 0;
};

/// One column of one memtable or segment.
class ColumnReader : public BatchReader {
 public:
  /// Appends the rows' values to `out`, in the order given; rows may repeat. @pre out.type ==
  /// type(). @error as for read(); `out` is then partly filled.
  virtual Status gather(std::span<const uint32_t> rows, Column& out) const = 0;
};

/// The columns of one memtable or segment.
class ColumnSource {
 public:
  virtual ~ColumnSource() = default;
  /// The column's reader, which lives as long as the source; null if no row has such a value.
  virtual const ColumnReader* find(ColumnId column) const = 0;
};

/// Appends n rows without a value: kAbsent or kExplicitNull.
void append_nulls(Column& column, size_t n, uint8_t state = kAbsent);

}  // namespace omendb::column
