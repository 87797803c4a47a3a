// The growing end of a collection: rows in the order of their arrival, in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "segment/growing_vectors.h"

namespace omendb::segment {

/// Rows of a memtable are born in three steps. reserve() gives a batch its slots, ids and metadata
/// (one caller at a time, in log order); fill() copies and encodes its vectors (any thread, batches
/// side by side); publish() completes the blocks that straddle two batches (one caller at a time,
/// in log order, after fill). Readers see rows through view() alone, below a watermark that was
/// published to them under a lock.
class Memtable : public std::enable_shared_from_this<Memtable> {
 public:
  static constexpr uint32_t kRowsBeforeCoding = GrowingVectors::kRowsBeforeCoding;
  static constexpr uint32_t kBlockRows = GrowingVectors::kBlockRows;

  /// @param capacity  rows that fit; memory is touched as they arrive.
  /// @param encoders  of older segments. A field that gets none makes its own when it has rows.
  Memtable(const Fields& fields, IdKind id_kind, uint32_t capacity, const Encoders& encoders);

  uint32_t capacity() const { return capacity_; }
  uint32_t reserved() const { return reserved_; }  ///< in the order of reserve() calls

  /// @param schema  has all of the columns, with their types.
  /// @pre rows <= capacity() - reserved(); ids and columns were checked; the types of columns that
  ///      are in the memtable have not changed.
  /// @return the batch's first slot.
  uint32_t reserve(const IdsView& ids, std::span<const Column> columns,
                   const column::Schema& schema, uint32_t rows);
  /// Reserves rows for the ids first_id, first_id + 1, …
  uint32_t reserve_sequence(uint64_t first_id, std::span<const Column> columns,
                            const column::Schema& schema, uint32_t rows);

  /// Notes which rows of a reserved batch have a vector in a field.
  /// @pre called before the rows are filled, in the order of the reserve() calls, and for each
  ///      field in which some row of the memtable lacks a vector.
  /// @param field    the field's place.
  /// @param present  null: all of them.
  void reserve_vectors(uint32_t first, uint32_t rows, size_t field, const Bitmap* present) {
    fields_[field]->presence().append(first, rows, present);
  }
  void reserve_no_vectors(uint32_t first, size_t field) {
    fields_[field]->presence().append_none(first);
  }

  /// @param field    the field's place.
  /// @param vectors  in the field's element type, finite; one row each, also of rows without one.
  /// @return whether the batch's whole blocks were encoded; publish() takes that, of all fields.
  bool fill(uint32_t first, size_t field, const VectorsView& vectors) {
    return fields_[field]->fill(first, vectors);
  }

  /// The same for rows that all have no vector in the field.
  bool fill_none(uint32_t first, uint32_t rows, size_t field) {
    return fields_[field]->fill_none(first, rows);
  }

  /// Asks the system for the memory of the next batch, past `rows`, which it expects to be as large
  /// as this one. Any thread, at any time; best called when no writer waits for it.
  void populate_ahead(uint32_t rows, uint32_t batch);

  /// @param encoded  whether every fill() of the batch said so.
  void publish(uint32_t first, uint32_t rows, bool encoded);

  /// Rows [0, watermark) as of the last publish(). Call from the publisher.
  std::shared_ptr<const RowSource> view(uint32_t watermark);

  const GrowingIds& ids() const { return ids_; }
  const column::GrowingColumns& columns() const { return columns_; }
  /// Of each field, null while it has none. Call from the publisher.
  Encoders encoders() const;

 private:
  friend class MemtableView;

  const uint32_t capacity_;
  uint32_t reserved_ = 0;
  GrowingIds ids_;
  column::GrowingColumns columns_;
  std::vector<std::unique_ptr<GrowingVectors>> fields_;
};

}  // namespace omendb::segment
