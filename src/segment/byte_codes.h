// 8-bit codes of a part's rows, kept in memory for exact scans.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/large_array.h"
#include "base/sync.h"
#include "codec/sq8.h"
#include "segment/vector_spec.h"

namespace omendb::segment {

/// An exact scan that reads the codes first need not read most of the vectors, which are up to four
/// times as large. The codes are made from the vectors when a scan first asks for them. They live
/// as long as this object; no file holds them. Thread-safe.
class ByteCodes {
 public:
  /// The memory that a part's codes may take: 233,016 rows of 128 dimensions. Enough for a memtable
  /// of the default size.
  static constexpr size_t kMaxBytes = size_t{32} << 20;

  /// @param capacity  rows that there will ever be.
  ByteCodes(const VectorSpec& spec, uint32_t capacity);

  /// Whether there can ever be codes.
  bool useful() const { return encoder_.has_value(); }

  /// @param vectors  of the rows [0, rows); what an earlier call saw does not change.
  /// @return the codes of at least `rows` rows; none unless useful(), or while another thread makes
  ///         them.
  codec::sq8::Codes of(const std::byte* vectors, uint32_t rows) OMEN_EXCLUDES(mutex_);

 private:
  const size_t row_bytes_;
  const uint32_t capacity_;
  std::optional<codec::sq8::Encoder> encoder_;
  Mutex mutex_;  // held by who makes codes
  LargeArray<std::byte> codes_;
  std::atomic<uint32_t> done_{0};
};

}  // namespace omendb::segment
