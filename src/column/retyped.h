// Values that were stored before their column was given another type, read as that type.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bitmap.h"
#include "column/reader.h"
#include "column/schema.h"

namespace omendb::column {

/// Reads a column as if it had been stored with another type, converted by append_converted(). A
/// value that the type cannot hold reads as NULL: a column gets another type only when no live row
/// has such a value.
class RetypedReader final : public ColumnReader {
 public:
  /// @param stored  outlives this.
  RetypedReader(const ColumnReader& stored, ColumnType type) : stored_(&stored), type_(type) {}

  ColumnType type() const override { return type_; }
  Status read(uint32_t first_row, uint32_t n, ColumnBatch& out) const override;
  Status gather(std::span<const uint32_t> rows, Column& out) const override;

 private:
  const ColumnReader* stored_;
  ColumnType type_;
};

/// A column in one memtable or segment, with the type that the collection gives it today.
class TypedColumn {
 public:
  TypedColumn(const ColumnSource& source, ColumnId column, ColumnType type)
      : stored_(source.find(column)) {
    if (stored_ != nullptr && stored_->type() != type) retyped_.emplace(*stored_, type);
  }
  /// Null if no row has such a value. Valid as long as this and the source.
  const ColumnReader* reader() const { return retyped_ ? &*retyped_ : stored_; }

 private:
  const ColumnReader* stored_;
  std::optional<RetypedReader> retyped_;
};

/// The first row of `live` whose value a column of type `to` cannot hold as it is; none if it holds
/// all of them: i64 that f64 holds exactly, and empty lists as empty lists of any type.
Result<std::optional<uint32_t>> first_row_not_held(const ColumnReader& reader, const Bitmap& live,
                                                   ColumnType to);

}  // namespace omendb::column
