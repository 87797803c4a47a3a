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

/// Checks a batch of `rows` rows by itself. fit_columns() checks it against a schema.
/// @error kInvalidArgument for a bad name, a name given twice, a wrong number of rows, offsets that
///        make no sense, malformed UTF-8 or JSON; kLimitExceeded for kMaxColumnNameBytes,
///        kMaxStringBytes. Each names the column and the row.
Status check_columns(std::span<const Column> batch, size_t rows);
/// Appends to the schema the columns of a fitted batch that it lacks.
/// @return whether there were any.
bool add_new_columns(std::span<const Column> batch, Schema& schema);

/// The memtable's columns. One writer; any number of readers beside it, without locks, as long as
/// they read only rows below a watermark that was published to them (under a mutex, say) after the
/// append() that wrote those rows.
class GrowingColumns final : public ColumnSource {
 public:
  /// @param known  columns that have types already; others take the type of their first batch.
  explicit GrowingColumns(Schema known = {});
  ~GrowingColumns() override;

  /// Appends `rows` rows. A column that the batch lacks gets NULLs; one that is new here has NULLs
  /// in all earlier rows, at no cost. Writer only. @pre check_columns() passed, and
  /// the columns have the types that they have here.
  void append(std::span<const Column> batch, size_t rows);

  size_t bytes() const;  ///< memory held; writer only
  const ColumnReader* find(std::string_view name) const override;

 private:
  GrowingColumn& column_for(const Column& first_batch);

  const Schema known_;
  uint32_t rows_ = 0;  // writer only
  /// Slots [0, count_) never change once counted.
  std::unique_ptr<std::unique_ptr<GrowingColumn>[]> columns_;
  std::atomic<uint32_t> count_{0};
  std::unordered_map<std::string, uint32_t> index_;  // writer only
  std::vector<bool> in_batch_;                       // writer only
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
/// when they are first read, and handed out where they lie. Offsets are trusted no further than
/// their sections reach, whatever the file says. Thread-safe.
class SealedColumns final : public ColumnSource {
 public:
  /// @param rows  of the segment. A file without columns is fine.
  /// @error kCorruption.
  static Result<std::unique_ptr<SealedColumns>> open(
      std::shared_ptr<const storage::SectionFile> file, uint32_t rows);
  ~SealedColumns() override;

  const Schema& schema() const { return schema_; }
  const ColumnReader* find(std::string_view name) const override;

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
/// merging (several, sealed) alike. Columns that no source has are left out. Holds one column's
/// offsets and bitmap in memory, and values by the batch.
/// @param control  told of each batch of each column.
/// @error kCorruption if a source is damaged or its types are not the schema's; kCancelled; what
///        `out` says.
Status write_columns(storage::SectionFileWriter& out, const Schema& schema,
                     std::span<const ColumnSource* const> sources, std::span<const RowRef> rows,
                     JobControl& control);

}  // namespace omendb::column
