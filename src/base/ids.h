// Numbers that must not be mixed up get types of their own.
#pragma once

#include <cstdint>

namespace omendb {

/// A row's place inside one memtable or segment.
enum class SlotId : uint32_t {};
constexpr uint32_t to_int(SlotId slot) {
  return static_cast<uint32_t>(slot);
}

/// A log sequence number: the n-th operation of a database, from 1. 0 = before the first.
enum class Lsn : uint64_t {};
constexpr uint64_t to_int(Lsn lsn) {
  return static_cast<uint64_t>(lsn);
}
constexpr Lsn next(Lsn lsn) {
  return Lsn{to_int(lsn) + 1};
}

}  // namespace omendb
