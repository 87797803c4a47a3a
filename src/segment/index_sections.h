// What index files of several kinds have in common: how their sections are read and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "index/calibration.h"
#include "segment/segment_format.h"
#include "storage/section_file.h"

namespace omendb::segment {

inline constexpr size_t kCalibrationBytes = sizeof(index::Calibration::Table);
static_assert(sizeof(index::Calibration::Entry) == 8 && kCalibrationBytes == 3 * 14 * 8);

/// Says what is wrong with the file.
Status corrupt(const storage::SectionFile& file, const std::string& what);

/// The numbers that bytes of a section hold. Sections begin on pages.
template <class T>
std::span<const T> array_of(std::span<const std::byte> bytes) {
  const void* const at = bytes.data();
  return {static_cast<const T*>(at), bytes.size() / sizeof(T)};
}

bool all_finite(std::span<const float> values);

/// A section that holds `bytes` bytes.
Result<storage::Section> section_of(const storage::SectionFile& file, SectionKind kind,
                                    uint64_t bytes);

/// @param bytes  kCalibrationBytes
Result<index::Calibration> read_calibration(const storage::SectionFile& file,
                                            std::span<const std::byte> bytes);

/// Writes a section: the arrays, one after the other.
Status append(storage::SectionFileWriter& out, SectionKind kind,
              std::initializer_list<std::span<const std::byte>> arrays);

}  // namespace omendb::segment
