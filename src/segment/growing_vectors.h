// One vector field of a memtable: a flat buffer that encodes as it copies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/large_array.h"
#include "index/coded_index.h"
#include "segment/byte_codes.h"
#include "segment/growing_presence.h"
#include "segment/row_source.h"
#include "segment/vector_spec.h"

namespace omendb::segment {

/// How the rows of each field are encoded, by the field's place; null where they are not.
using Encoders = std::vector<std::shared_ptr<const codec::rabitq::Encoder>>;

/// Memtable says which thread may call what.
class GrowingVectors {
 public:
  /// Below this, no codes: an exact scan of so few is faster, and a center drawn from fewer vectors
  /// would be a poor one for those that follow.
  static constexpr uint32_t kRowsBeforeCoding = 2'048;
  /// Rows are encoded by aligned blocks of this many.
  static constexpr uint32_t kBlockRows = codec::rabitq::kBlockRows;

  GrowingVectors(const VectorSpec& spec, uint32_t capacity,
                 std::shared_ptr<const codec::rabitq::Encoder> encoder);

  /// Rows are appended before they are filled; see Memtable::reserve_vectors().
  GrowingPresence& presence() { return presence_; }

  /// Copies the vectors of rows that have one, and zeros for the others.
  /// @return whether every block that lies wholly inside the batch has its code.
  bool fill(uint32_t first, const VectorsView& vectors);
  /// The same for rows that all have none.
  bool fill_none(uint32_t first, uint32_t rows);
  void populate_ahead(uint32_t rows, uint32_t batch);
  void publish(uint32_t first, uint32_t rows, bool encoded);

  /// How many of the first `rows` rows have codes. Call from the publisher.
  uint32_t coded_rows(uint32_t rows) const;
  std::shared_ptr<const codec::rabitq::Encoder> encoder() const { return encoder_owner_; }

 private:
  friend class GrowingVectorsView;
  friend class GrowingCodes;

  bool encode_filled(uint32_t first, uint32_t end);
  void adopt_encoder(uint32_t rows);
  std::vector<uint32_t> present(uint32_t rows) const;
  /// Encodes the blocks that lie whole inside [first, end).
  void encode_blocks(const codec::rabitq::Encoder& encoder, uint32_t first, uint32_t end);

  const VectorSpec spec_;
  const uint32_t capacity_;
  LargeArray<std::byte> vectors_;
  GrowingPresence presence_;
  uint32_t present_rows_ = 0;         // publisher: rows with a vector
  std::atomic<size_t> populated_{0};  // bytes of vectors_
  LargeArray<std::byte> codes_;
  mutable ByteCodes byte_codes_;
  std::shared_ptr<const codec::rabitq::Encoder> encoder_owner_;  // publisher
  std::atomic<const codec::rabitq::Encoder*> encoder_{nullptr};  // the same, for fill()
};

/// The codes of the first rows of a memtable: of its whole blocks.
class GrowingCodes final : public index::Codes {
 public:
  GrowingCodes(const GrowingVectors& vectors, uint32_t rows)
      : vectors_(&vectors), rows_(vectors.coded_rows(rows)) {}

  uint32_t rows() const override { return rows_; }
  const codec::rabitq::Encoder& encoder() const override {
    return *vectors_->encoder_.load(std::memory_order_acquire);
  }
  Result<const std::byte*> blocks() const override { return vectors_->codes_.get(); }
  bool sound() const override { return true; }  // memory stays

 private:
  const GrowingVectors* vectors_;
  uint32_t rows_;
};

/// The first rows of a memtable by their vectors in one field. The snapshot that holds it keeps the
/// memtable alive.
class GrowingVectorsView final : public index::Rows {
 public:
  GrowingVectorsView(const GrowingVectors& vectors, const GrowingIds& ids, uint32_t rows)
      : vectors_(&vectors), ids_(&ids), rows_(rows), codes_(vectors, rows), coded_(codes_) {}
  GrowingVectorsView(GrowingVectorsView&& other) noexcept
      : vectors_(other.vectors_),
        ids_(other.ids_),
        rows_(other.rows_),
        codes_(other.codes_),
        coded_(codes_) {}

  uint32_t rows() const override { return rows_; }
  bool complete() const override { return vectors_->presence_.complete(); }
  Result<bool> has(uint32_t slot) const override { return vectors_->presence_.has(slot); }
  Status clear_absent(std::span<uint64_t> mask) const override {
    vectors_->presence_.clear_absent(mask);
    return {};
  }
  bool before(uint32_t a, uint32_t b) const override { return ids_->at(a) < ids_->at(b); }
  Result<RowRun> vectors(uint32_t first, uint32_t count,
                         const uint64_t* /*mask*/ = nullptr) const override {
    return RowRun{row(first), first, count};
  }
  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override {
    for (uint32_t slot : slots) *out++ = row(slot);
    return {};
  }
  bool keeps_byte_codes() const override { return vectors_->byte_codes_.useful(); }
  codec::sq8::Codes byte_codes(const RowRun& vectors) const override {
    return vectors_->byte_codes_.of(vectors.rows, vectors.count);
  }
  /// The index of the rows that have codes; null if none has.
  const index::CodedIndex* coded() const { return codes_.rows() > 0 ? &coded_ : nullptr; }

 private:
  const std::byte* row(uint32_t slot) const {
    return vectors_->vectors_.get() + size_t{slot} * vectors_->spec_.row_bytes();
  }

  const GrowingVectors* vectors_;
  const GrowingIds* ids_;
  uint32_t rows_;
  GrowingCodes codes_;
  index::CodedIndex coded_;
};

}  // namespace omendb::segment
