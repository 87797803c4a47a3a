// The kind of index that searches 1-bit codes, as a file: docs/format.md, "Codes".
#pragma once

#include <memory>

#include "segment/sealed_index.h"

namespace omendb::segment {

inline constexpr uint16_t kSealedCodesVersion = 1;

/// @param file  whose header was checked.
Result<std::shared_ptr<const SealedIndex>> open_codes(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of);
/// Writes the sections of the kind.
Status write_codes(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control);

}  // namespace omendb::segment
