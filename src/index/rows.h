// The rows of a part as an index reads them, in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/sq8.h"
#include "index/top_k.h"
#include "omendb/status.h"

namespace omendb::index {

/// Vectors of rows [first, first + count), one after the other without gaps.
struct RowRun {
  const std::byte* rows = nullptr;
  uint32_t first = 0;
  uint32_t count = 0;
};

/// Rows [0, rows()), immutable and thread-safe. Everything a call returns was checked against its
/// checksum and stays valid while the source lives. As a SlotOrder it orders slots by id.
class Rows : public SlotOrder {
 public:
  virtual uint32_t rows() const = 0;

  /// Whether every row has a vector. A row without one reads as zeros, which mean nothing: if not
  /// all rows have a vector, a search must leave those without one out of the Scope's mask.
  virtual bool complete() const = 0;
  virtual Result<bool> has(uint32_t slot) const = 0;
  /// Clears the bits of rows that have no vector. @param mask  rows() bits, bit 0 is row 0.
  virtual Status clear_absent(std::span<uint64_t> mask) const = 0;

  /// The vectors of [first, first + count). @pre first + count <= rows().
  /// @param mask  bit i % 64 of word i / 64 says whether the caller will look at row first + i. The
  ///              bytes of other rows need not be read or checked. Null: it looks at all.
  virtual Result<RowRun> vectors(uint32_t first, uint32_t count,
                                 const uint64_t* mask = nullptr) const = 0;
  /// Where each slot's vector is, in the order of `slots`.
  virtual Status locate(std::span<const uint32_t> slots, const std::byte** out) const = 0;

  /// Whether byte_codes() ever gives any.
  virtual bool keeps_byte_codes() const = 0;
  /// 8-bit codes of all rows, for an exact scan; none where they would not pay, or while another
  /// thread makes them.
  /// @param vectors  as vectors(0, rows()) returned them: what the codes are made of.
  virtual codec::sq8::Codes byte_codes(const RowRun& vectors) const = 0;
};

}  // namespace omendb::index
