// The sections of segment, tombstone and index files: docs/format.md, "Segment sections",
// "Tombstone files", "Index files".
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "storage/section_file.h"

namespace omendb::segment {

/// Kinds of sections; columns have 100 and up (column/format.h). Frozen. In a segment file,
/// sections 10 and 13 are there once a vector field, and their index is the field's id; neither is
/// if no row has a vector in it.
enum class SectionKind : uint32_t {
  kHeader = 1,
  kIds = 2,               // u64 ids: rows x u64
  kIdOffsets = 3,         // string ids: rows + 1 x u64
  kIdBytes = 4,           // string ids: UTF-8
  kVectors = 10,          // rows x row_bytes; zeros for rows that have none
  kCenter = 11,           // coded indexes: dim x f32
  kCodes = 12,            // coded indexes: ceil(rows / 32) x block_bytes
  kPresent = 13,          // a bit a row, in bytes: whether it has a vector; if some rows have none
  kIndexHeader = 20,      // index files
  kPartition = 21,        // partitions: PartitionHeader, calibration
  kPartitionPoints = 22,  // (1 + cells) x coordinates x f32: the origin, the centers
  kPartitionCenterCodes = 23,  // ceil(cells / 32) x block_bytes
  kPartitionFirstBlock = 24,   // (cells + 1) x u32
  kPartitionSlots = 25,        // blocks x 32 x u32
  kPartitionCodes = 26,        // blocks x block_bytes
  kGraph = 27,                 // graphs: GraphHeader, calibration
  kGraphOrigin = 28,           // coordinates x f32
  kGraphEntries = 29,          // entries x u32
  kGraphEntryCodes = 30,       // ceil(entries / 32) x block_bytes
  kGraphNodes = 31,            // nodes x record
  kTombstones = 50             // tombstone files: ascending u32 slots
};
constexpr storage::SectionKey key(SectionKind kind, FieldId field = kUnnamedField) {
  return {static_cast<uint32_t>(kind), to_int(field)};
}

inline constexpr uint32_t kSegmentFileKind = 1;
inline constexpr uint32_t kTombstoneFileKind = 2;
inline constexpr uint32_t kIndexFileKind = 3;

/// Section kHeader begins with this; a SegmentField for each vector field follows.
struct SegmentHeader {
  uint32_t version;
  uint8_t id_kind;
  uint8_t reserved;
  uint16_t fields;
  uint64_t rows;
  uint64_t min_id;  // u64 ids only
  uint64_t max_id;
};
static_assert(sizeof(SegmentHeader) == 32 && offsetof(SegmentHeader, max_id) == 24);

/// Which rows of a segment have a vector in a field.
enum class Presence : uint8_t { kNone = 0, kEvery = 1, kSome = 2 };

struct SegmentField {
  uint16_t id;
  uint8_t metric;
  uint8_t element;
  uint8_t kind;      // kDenseField
  uint8_t presence;  // a Presence
  uint8_t reserved[2];
  uint64_t dim;  // 0 only under kNone: the collection did not know it yet
};
static_assert(sizeof(SegmentField) == 16 && offsetof(SegmentField, dim) == 8);

/// Section kIndexHeader: what the index is, and of what. It is the same for every kind.
struct IndexHeader {
  uint32_t version;
  uint8_t kind;  // an IndexKind
  uint8_t reserved;
  uint16_t kind_version;
  uint16_t field;
  uint8_t metric;
  uint8_t element;
  uint32_t segment;  // SectionFile::checksum() of the segment's file
  uint64_t rows;     // of the segment
  uint64_t dim;
  uint64_t seed;  // of the kind's random choices
};
static_assert(sizeof(IndexHeader) == 40 && offsetof(IndexHeader, rows) == 16 &&
              offsetof(IndexHeader, seed) == 32);

inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr uint32_t kIndexHeaderVersion = 1;
/// Rows of a segment: slots are u32, and loops may count past the last.
inline constexpr uint32_t kMaxSegmentRows = UINT32_MAX / 2;

}  // namespace omendb::segment
