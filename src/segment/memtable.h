// The growing end of a collection: a flat buffer that encodes as it copies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/large_array.h"
#include "segment/byte_codes.h"
#include "segment/row_source.h"
#include "segment/vector_spec.h"

namespace omendb::segment {

/// Rows of a memtable are born in three steps. reserve() gives a batch its slots, ids and metadata
/// (one caller at a time, in log order); fill() copies and encodes its vectors (any thread, batches
/// side by side); publish() completes the blocks that straddle two batches (one caller at a time,
/// in log order, after fill). Readers see rows through view() alone, below a watermark that was
/// published to them under a lock.
class Memtable : public std::enable_shared_from_this<Memtable> {
 public:
  /// Below this, no codes: an exact scan of so few is faster, and a center drawn from fewer vectors
  /// would be a poor one for those that follow.
  static constexpr uint32_t kRowsBeforeCoding = 2'048;
  /// Rows are encoded by aligned blocks of this many.
  static constexpr uint32_t kBlockRows = codec::rabitq::kBlockRows;

  /// @param capacity  rows that fit; memory is touched as they arrive.
  /// @param encoder   of the segments before this memtable; null = make one when there are rows.
  /// @param known     the columns whose types are settled.
  Memtable(const VectorSpec& spec, IdKind id_kind, uint32_t capacity,
           std::shared_ptr<const codec::rabitq::Encoder> encoder, column::Schema known);

  uint32_t capacity() const { return capacity_; }
  uint32_t reserved() const { return reserved_; }  ///< in the order of reserve() calls

  /// @pre rows <= capacity() - reserved(); ids and columns were checked.
  /// @return the batch's first slot.
  uint32_t reserve(const IdsView& ids, std::span<const Column> columns, uint32_t rows);
  /// The same for ids first_id, first_id + 1, …
  uint32_t reserve_sequence(uint64_t first_id, std::span<const Column> columns, uint32_t rows);

  /// @param vectors  in the collection's element type, finite.
  /// @return whether the batch's whole blocks were encoded; publish() wants to know.
  bool fill(uint32_t first, const VectorsView& vectors);

  /// Readies memory past `rows` for the next batch, which is thought to be as large as this one.
  /// Any thread, at any time; of use where nobody waits for it.
  void populate_ahead(uint32_t rows, uint32_t batch);

  void publish(uint32_t first, uint32_t rows, bool encoded);

  /// Rows [0, watermark) as of the last publish(). Call from the publisher.
  std::shared_ptr<const RowSource> view(uint32_t watermark);

  const GrowingIds& ids() const { return ids_; }
  const column::GrowingColumns& columns() const { return columns_; }
  std::shared_ptr<const codec::rabitq::Encoder> encoder() const { return encoder_owner_; }

 private:
  friend class MemtableView;

  void adopt_encoder(uint32_t rows);
  /// Encodes the blocks that lie whole inside [first, end).
  void encode_blocks(const codec::rabitq::Encoder& encoder, uint32_t first, uint32_t end);

  const VectorSpec spec_;
  const uint32_t capacity_;
  uint32_t reserved_ = 0;
  GrowingIds ids_;
  column::GrowingColumns columns_;
  LargeArray<std::byte> vectors_;
  std::atomic<size_t> populated_{0};  // bytes of vectors_
  LargeArray<std::byte> codes_;
  mutable ByteCodes byte_codes_;
  std::shared_ptr<const codec::rabitq::Encoder> encoder_owner_;  // publisher
  std::atomic<const codec::rabitq::Encoder*> encoder_{nullptr};  // the same, for fill()
};

}  // namespace omendb::segment
