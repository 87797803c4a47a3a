// Columns in a segment file. All numbers are little-endian; c is a column's number.
//
//   section (100, 0)  directory   ColumnsHeader, then for each column ColumnEntry and its name
//   section (101, c)  validity    ceil(rows / 64) x u64; bit r % 64 of word r / 64 = row r is not
//                                 NULL; there only if kHasValidity
//   section (102, c)  values      bool: u8; i64, timestamp: i64; f64: f64; one a row, or one an
//                                 element of an array column. NULL rows hold 0 (arrays: nothing).
//   section (103, c)  offsets     strings and JSON instead of 102: values + 1 x u64, the first 0
//   section (104, c)  bytes       their UTF-8
//   section (105, c)  lists       arrays only: rows + 1 x u64, the first 0; row r owns elements
//                                 [lists[r], lists[r + 1])
//   section (106, c)  nulls       like 101: bit r = row r has the key, and its value is null; such
//                                 rows are 0 in 101; there only if kHasExplicitNulls
//
//   ColumnsHeader   0 u32 version = 1    4 u32 columns       8 u64 rows
//   ColumnEntry     0 u8 type            1 u8 flags          2 u16 name bytes    4 u32 ColumnId
//                   8 u64 values        16 name (UTF-8), as it was when the file was written
#pragma once

#include <cstddef>
#include <cstdint>

#include "column/columns.h"
#include "storage/section_file.h"

namespace omendb::column {

inline constexpr uint32_t kColumnsVersion = 1;
inline constexpr uint8_t kHasValidity = 1;
inline constexpr uint8_t kHasExplicitNulls = 2;  // and kHasValidity

struct ColumnsHeader {
  uint32_t version;
  uint32_t columns;
  uint64_t rows;
};
static_assert(sizeof(ColumnsHeader) == 16 && offsetof(ColumnsHeader, rows) == 8);

struct ColumnEntry {
  uint8_t type;
  uint8_t flags;
  uint16_t name_bytes;
  uint32_t id;
  uint64_t values;
};
static_assert(sizeof(ColumnEntry) == 16 && offsetof(ColumnEntry, values) == 8);

constexpr storage::SectionKey key(ColumnSection section, uint32_t column) {
  return {static_cast<uint32_t>(section), column};
}

/// Bytes of one value in section 102; 0 for strings, which have none there.
constexpr size_t fixed_value_bytes(ColumnType element) {
  switch (element) {
    case ColumnType::kBool: return 1;
    case ColumnType::kString:
    case ColumnType::kJson: return 0;
    default: return 8;
  }
}

}  // namespace omendb::column
