// Metadata columns: typed, nullable, growing in a memtable and then sealed in a segment file.
//
// A f64 may be NaN; it compares as IEEE 754 says (equal to nothing, itself included).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/job_control.h"
#include "column/reader.h"
#include "column/schema.h"
#include "omendb/status.h"
#include "omendb/types.h"
#include "storage/section_file.h"

namespace omendb::column {

class GrowingColumn;
class SealedColumn;

/// @error kInvalidArgument, kLimitExceeded for a name that no column may have.
Status check_column_name(std::string_view name);
/// Checks a batch of `rows` rows by itself. fit_columns() checks it against a schema.
/// @error kInvalidArgument for a bad name, a name given twice, a wrong number of rows, offsets that
///        make no sense, malformed UTF-8 or JSON; kLimitExceeded for kMaxColumnNameBytes,
///        kMaxStringBytes. Each names the column and the row.
Status check_columns(std::span<const Column> batch, size_t rows);
/// @param next_id  of the next new column.
/// @error kLimitExceeded if the schema would have more than kMaxColumns with those of the batch, or
///        would ever have had more than kMaxColumnIds.
Status check_column_count(std::span<const Column> batch, const Schema& schema, uint32_t next_id);
/// Has the schema follow a fitted batch: appends the columns that it lacks, and gives those that it
/// has the types that they have in the batch.
/// @param next_id  of the next new column; counted up.
/// @return whether anything changed.
bool take_columns(std::span<const Column> batch, Schema& schema, uint32_t& next_id);

/// The memtable's columns. One writer; any number of readers beside it, without locks, as long as
/// they read only rows below a watermark that was published to them (under a mutex, say) after the
/// append() that wrote those rows.
class GrowingColumns final : public ColumnSource {
 public:
  GrowingColumns();
  ~GrowingColumns() override;

  /// Appends `rows` rows. A column that the batch lacks gets NULLs; one that is new here has NULLs
  /// in all earlier rows, at no cost. Writer only. @pre check_columns() passed, and
  /// the columns have the types that they have in the schema, and in the batches before.
  void append(std::span<const Column> batch, const Schema& schema, size_t rows);

  size_t bytes() const;  ///< memory held; writer only
  const ColumnReader* find(ColumnId column) const override;

 private:
  GrowingColumn& column_for(ColumnId column, ColumnType type);

  uint32_t rows_ = 0;  // writer only
  /// Slots [0, count_) never change once counted.
  std::unique_ptr<std::unique_ptr<GrowingColumn>[]> columns_;
  std::atomic<uint32_t> count_{0};
  std::unordered_map<uint32_t, uint32_t> index_;  // writer only; by ColumnId
  std::vector<bool> in_batch_;                    // writer only
};

/// Sections of a segment file that hold columns; SectionKey::index is the column's number. Frozen.
/// Byte tables: format.h.
enum class ColumnSection : uint32_t {
  kDirectory = 100,      ///< names and types; index 0
  kValidity = 101,       ///< bitmap; absent if no row is NULL
  kValues = 102,         ///< bool, i64, f64, timestamp: values, or elements of arrays
  kStringOffsets = 103,  ///< u64, one more than there are strings
  kStringBytes = 104,    ///< UTF-8; of JSON, the texts
  kListOffsets = 105,    ///< u64, rows + 1; arrays only
  kExplicitNulls = 106,  ///< bitmap; absent if no row is kExplicitNull
};

/// The columns of a segment file. Opening reads the directory; values are checked, page by page,
/// when they are first read, and returned as views of the mapped file. Offsets are checked against
/// the size of their sections. Thread-safe.
class SealedColumns final : public ColumnSource {
 public:
  /// @param rows  of the segment. A file without columns is fine.
  /// @error kCorruption.
  static Result<std::unique_ptr<SealedColumns>> open(
      std::shared_ptr<const storage::SectionFile> file, uint32_t rows);
  ~SealedColumns() override;

  /// As they were when the file was written.
  const Schema& schema() const { return schema_; }
  const ColumnReader* find(ColumnId column) const override;

 private:
  SealedColumns();

  std::shared_ptr<const storage::SectionFile> file_;
  Schema schema_;
  std::vector<std::unique_ptr<SealedColumn>> columns_;
};

/// A row of one of several sources.
struct RowRef {
  uint32_t source = 0;
  uint32_t row = 0;
};

/// Writes the columns of a new segment, whose row i is rows[i]: sealing (one source, growing) and
/// merging (several, sealed) alike. Columns that no source has are left out, and those that the
/// schema lacks; values get the schema's types. Holds one column's offsets and bitmap in memory,
/// and values by the batch.
/// @param control  told of each batch of each column.
/// @error kCorruption if a source is damaged; kCancelled; what `out` says.
Status write_columns(storage::SectionFileWriter& out, const Schema& schema,
                     std::span<const ColumnSource* const> sources, std::span<const RowRef> rows,
                     JobControl& control);

}  // namespace omendb::column
