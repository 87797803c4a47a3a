// Test support: rows in an array, of which some may be absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "distance/convert.h"
#include "index/rows.h"
#include "omendb/types.h"

namespace omendb::index::testing {

class ArrayRows final : public Rows {
 public:
  ArrayRows(Element element, size_t dim, std::vector<std::byte> bytes,
            std::vector<bool> absent = {})
      : row_bytes_(vector_bytes(element, dim)),
        bytes_(std::move(bytes)),
        absent_(std::move(absent)) {}

  bool before(uint32_t a, uint32_t b) const override { return a < b; }
  uint32_t rows() const override { return static_cast<uint32_t>(bytes_.size() / row_bytes_); }
  bool complete() const override { return absent_.empty(); }
  Result<bool> has(uint32_t slot) const override { return absent_.empty() || !absent_[slot]; }
  Status clear_absent(std::span<uint64_t> mask) const override {
    for (size_t i = 0; i < absent_.size(); ++i) {
      if (absent_[i]) mask[i / 64] &= ~(uint64_t{1} << (i % 64));
    }
    return {};
  }
  Result<RowRun> vectors(uint32_t first, uint32_t count, const uint64_t*) const override {
    return RowRun{at(first), first, count};
  }
  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override {
    for (const uint32_t slot : slots) *out++ = at(slot);
    return {};
  }
  bool keeps_byte_codes() const override { return false; }
  codec::sq8::Codes byte_codes(const RowRun&) const override { return {}; }

  const std::byte* at(uint32_t slot) const { return bytes_.data() + slot * row_bytes_; }

 private:
  size_t row_bytes_;
  std::vector<std::byte> bytes_;
  std::vector<bool> absent_;
};

/// Rounds rows of floats to an element type.
inline std::vector<std::byte> to_element(Element element, size_t dim,
                                         std::span<const float> values) {
  const size_t row_bytes = vector_bytes(element, dim);
  std::vector<std::byte> bytes(values.size() / dim * row_bytes);
  for (size_t r = 0; r * dim < values.size(); ++r) {
    distance::from_f32(element, values.data() + r * dim, dim, bytes.data() + r * row_bytes);
  }
  return bytes;
}

}  // namespace omendb::index::testing
