// The kind of index that searches partitions, as a file: docs/format.md, "Partitions".
#pragma once

#include <memory>

#include "segment/sealed_index.h"

namespace omendb::segment {

inline constexpr uint16_t kSealedPartitionVersion = 1;

/// Section kPartition: this, and then the calibration, by k and by share missed, two f32 each.
struct PartitionHeader {
  uint32_t cells;
  uint32_t blocks;
  float longest;
  uint32_t reserved;
};
static_assert(sizeof(PartitionHeader) == 16);

/// @param file  whose header was checked.
Result<std::shared_ptr<const SealedIndex>> open_partition(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of);
/// Writes the sections of the kind. Holds the whole index in memory until it is written:
/// index::partition::build_bytes().
Status write_partition(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control);

}  // namespace omendb::segment
