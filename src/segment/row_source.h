// What a search, a get or a merge needs of rows, whether they lie in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "codec/rabitq.h"
#include "codec/sq8.h"
#include "column/columns.h"
#include "index/top_k.h"
#include "omendb/status.h"
#include "segment/growing_ids.h"

namespace omendb::segment {

/// Vectors of rows [first, first + count), one after the other without gaps.
struct RowRun {
  const std::byte* rows = nullptr;
  uint32_t first = 0;
  uint32_t count = 0;
};

/// Rows [0, rows()), immutable and thread-safe. Everything a call returns was checked against its
/// checksum and stays valid while the source lives. As a SlotOrder it orders slots by id.
class RowSource : public index::SlotOrder {
 public:
  virtual uint32_t rows() const = 0;

  /// The vectors of [first, first + count). @pre first + count <= rows().
  /// @param mask  bit i % 64 of word i / 64 says whether row first + i will be looked at; what lies
  ///              between those rows need not be read, and damage there is nobody's concern. Null:
  ///              all will be.
  virtual Result<RowRun> vectors(uint32_t first, uint32_t count,
                                 const uint64_t* mask = nullptr) const = 0;
  /// Where each slot's vector is, in the order of `slots`.
  virtual Status locate(std::span<const uint32_t> slots, const std::byte** out) const = 0;

  /// How coded_rows() were encoded; null if they were not.
  virtual const codec::rabitq::Encoder* encoder() const = 0;
  /// Rows [0, coded_rows()) have codes; the rest are searched exactly.
  virtual uint32_t coded_rows() const = 0;
  /// Blocks of 32 codes for [0, coded_rows()).
  virtual Result<const std::byte*> codes() const = 0;

  /// Whether byte_codes() ever gives any.
  virtual bool keeps_byte_codes() const = 0;
  /// 8-bit codes of all rows, for an exact scan; none where they would not pay, or while another
  /// thread makes them.
  /// @param vectors  as vectors(0, rows()) returned them: what the codes are made of.
  virtual codec::sq8::Codes byte_codes(const RowRun& vectors) const = 0;

  virtual Result<IdView> id(uint32_t slot) const = 0;
  /// The newest row with the id, dead or alive.
  virtual Result<std::optional<uint32_t>> find(const IdView& id) const = 0;

  virtual const column::ColumnSource& columns() const = 0;

  /// Says whether the rows are still what they were. Whoever answers from them asks after the last
  /// read: a file that was cut meanwhile reads as zeros.
  /// @error kIoError, kCorruption; each names the file.
  virtual Status check() const = 0;
};

}  // namespace omendb::segment
