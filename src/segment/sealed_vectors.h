// One vector field of a sealed segment.
#pragma once

#include <memory>

#include "segment/byte_codes.h"
#include "segment/row_source.h"
#include "segment/segment_format.h"
#include "segment/vector_spec.h"
#include "storage/section_file.h"

namespace omendb::segment {

/// The rows by their vectors in the field. They lie in a mapped file, in the order of their ids,
/// and are checked when they are touched. Thread-safe.
class SealedVectors final : public index::Rows {
 public:
  /// @param file  of a segment with that many rows; kept open.
  /// @error kCorruption if the field's section is missing or of another size.
  static Result<SealedVectors> open(std::shared_ptr<const storage::SectionFile> file,
                                    const Field& field, Presence presence, uint32_t rows);

  uint32_t rows() const override { return rows_; }
  bool complete() const override { return presence_ == Presence::kEvery; }
  Result<bool> has(uint32_t slot) const override;
  Status clear_absent(std::span<uint64_t> mask) const override;
  bool before(uint32_t a, uint32_t b) const override { return a < b; }
  Result<RowRun> vectors(uint32_t first, uint32_t count,
                         const uint64_t* mask = nullptr) const override;
  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override;
  bool keeps_byte_codes() const override { return byte_codes_->useful(); }
  codec::sq8::Codes byte_codes(const RowRun& vectors) const override;

 private:
  SealedVectors() = default;
  Status verify_masked(uint32_t first, uint32_t count, const uint64_t* mask) const;

  std::shared_ptr<const storage::SectionFile> file_;
  VectorSpec spec_;
  Presence presence_ = Presence::kEvery;
  uint32_t rows_ = 0;
  storage::Section present_;  // under Presence::kSome
  storage::Section vectors_;
  std::unique_ptr<ByteCodes> byte_codes_;
};

}  // namespace omendb::segment
