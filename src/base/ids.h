// Numbers that must not be mixed up get types of their own.
#pragma once

#include <cstdint>

namespace omendb {

/// A row's place inside one memtable or segment.
enum class SlotId : uint32_t {};
constexpr uint32_t to_int(SlotId slot) {
  return static_cast<uint32_t>(slot);
}

/// A log sequence number: the position of a record in the log, from 1. 0 = before the first.
/// Positions rise from record to record. Their differences count nothing: a log may leave gaps.
enum class Lsn : uint64_t {};
constexpr uint64_t to_int(Lsn lsn) {
  return static_cast<uint64_t>(lsn);
}

/// Which of the shards that share a log. A database that is one folder is shard 0.
enum class ShardId : uint32_t {};
constexpr uint32_t to_int(ShardId shard) {
  return static_cast<uint32_t>(shard);
}

/// Which opening of a database wrote a record. Each opening for writing has a higher one than all
/// before it, so that a writer that was replaced is told from its successor. 0 = none.
enum class Epoch : uint32_t {};
constexpr uint32_t to_int(Epoch epoch) {
  return static_cast<uint32_t>(epoch);
}

/// A vector field of a collection, as log records and segment files name it. Never used again for
/// another field of the same collection.
enum class FieldId : uint16_t {};
constexpr uint16_t to_int(FieldId field) {
  return static_cast<uint16_t>(field);
}
/// The one field of a collection that was declared without names.
inline constexpr FieldId kUnnamedField{0};
/// A metadata column of a collection, as segment files name it: names may change. Never used again
/// for another column of the same collection.
enum class ColumnId : uint32_t {};
constexpr uint32_t to_int(ColumnId column) {
  return static_cast<uint32_t>(column);
}
/// Columns that a collection may have had, dropped ones included.
inline constexpr uint32_t kMaxColumnIds = uint32_t{1} << 31;
/// What a field holds, as files say it. Text and sparse vectors will take the next numbers. Frozen.
inline constexpr uint8_t kDenseField = 1;

}  // namespace omendb
