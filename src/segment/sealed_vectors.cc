#include "segment/sealed_vectors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "segment/segment_format.h"

namespace omendb::segment {

namespace {

Status corrupt(const storage::SectionFile& file, const Field& field, const std::string& what) {
  const std::string of = field.name.empty() ? "" : " of field \"" + field.name + "\"";
  return {StatusCode::kCorruption, file.path() + ": the " + what + of + " does not fit its schema"};
}

}  // namespace

Result<SealedVectors> SealedVectors::open(std::shared_ptr<const storage::SectionFile> file,
                                          const Field& field, Presence presence, uint32_t rows) {
  SealedVectors result;
  result.spec_ = field.spec;
  result.presence_ = presence;
  result.rows_ = rows;
  result.byte_codes_ = std::make_unique<ByteCodes>(field.spec, rows);
  if (presence == Presence::kNone) {
    result.file_ = std::move(file);
    return result;
  }
  if (presence == Presence::kSome) {
    OMEN_ASSIGN_OR_RETURN(result.present_, file->section(key(SectionKind::kPresent, field.id)));
    if (result.present_.size() != (uint64_t{rows} + 7) / 8) {
      return corrupt(*file, field, "list of rows that have a vector");
    }
  }
  OMEN_ASSIGN_OR_RETURN(result.vectors_, file->section(key(SectionKind::kVectors, field.id)));
  if (result.vectors_.size() != uint64_t{rows} * field.spec.row_bytes()) {
    return corrupt(*file, field, "section of vectors");
  }
  result.file_ = std::move(file);
  return result;
}

Result<bool> SealedVectors::has(uint32_t slot) const {
  if (presence_ != Presence::kSome) return presence_ == Presence::kEvery;
  OMEN_RETURN_IF_ERROR(present_.verify(slot / 8, 1));
  return (std::to_integer<uint8_t>(present_.unchecked()[slot / 8]) >> (slot % 8) & 1) != 0;
}

Status SealedVectors::clear_absent(std::span<uint64_t> mask) const {
  if (presence_ == Presence::kEvery) return {};
  if (presence_ == Presence::kNone) {
    std::ranges::fill(mask, uint64_t{0});
    return {};
  }
  OMEN_ASSIGN_OR_RETURN(const auto bytes, present_.bytes());
  for (size_t w = 0; w < mask.size(); ++w) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + w * 8, std::min<size_t>(8, bytes.size() - w * 8));
    mask[w] &= word;
  }
  return {};
}

/// Checks the rows that the mask names, those of a word that follow one another together.
Status SealedVectors::verify_masked(uint32_t first, uint32_t count, const uint64_t* mask) const {
  const size_t row_bytes = spec_.row_bytes();
  for (size_t w = 0; w < (size_t{count} + 63) / 64; ++w) {
    for (uint64_t left = mask[w]; left != 0;) {
      const auto begin = static_cast<size_t>(std::countr_zero(left));
      const auto rows = static_cast<size_t>(std::countr_one(left >> begin));
      OMEN_RETURN_IF_ERROR(vectors_.verify((first + w * 64 + begin) * row_bytes, rows * row_bytes));
      left &= left + (uint64_t{1} << begin);  // the carry clears the run
    }
  }
  return {};
}

Result<RowRun> SealedVectors::vectors(uint32_t first, uint32_t count, const uint64_t* mask) const {
  OMEN_CHECK(presence_ != Presence::kNone);
  const size_t row_bytes = spec_.row_bytes();
  OMEN_RETURN_IF_ERROR(mask == nullptr ? vectors_.verify(first * row_bytes, count * row_bytes)
                                       : verify_masked(first, count, mask));
  return RowRun{vectors_.unchecked().data() + first * row_bytes, first, count};
}

Status SealedVectors::locate(std::span<const uint32_t> slots, const std::byte** out) const {
  const size_t row_bytes = spec_.row_bytes();
  for (uint32_t slot : slots) {
    OMEN_RETURN_IF_ERROR(vectors_.verify(slot * row_bytes, row_bytes));
    *out++ = vectors_.unchecked().data() + slot * row_bytes;
  }
  return {};
}

codec::sq8::Codes SealedVectors::byte_codes(const RowRun& vectors) const {
  return byte_codes_->of(vectors.rows, vectors.count);
}

}  // namespace omendb::segment
