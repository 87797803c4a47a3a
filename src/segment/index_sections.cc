#include "segment/index_sections.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/status_macros.h"

namespace omendb::segment {

Status corrupt(const storage::SectionFile& file, const std::string& what) {
  return {StatusCode::kCorruption, "\"" + file.path() + "\": " + what};
}

bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float x) { return std::isfinite(x); });
}

Result<storage::Section> section_of(const storage::SectionFile& file, SectionKind kind,
                                    uint64_t bytes) {
  OMEN_ASSIGN_OR_RETURN(auto section, file.section(key(kind)));
  if (section.size() == bytes) return section;
  return corrupt(file, "section " + std::to_string(static_cast<uint32_t>(kind)) + " has " +
                           std::to_string(section.size()) + " bytes; expected " +
                           std::to_string(bytes));
}

Result<index::Calibration> read_calibration(const storage::SectionFile& file,
                                            std::span<const std::byte> bytes) {
  OMEN_CHECK(bytes.size() == kCalibrationBytes);
  index::Calibration::Table table;
  std::memcpy(&table, bytes.data(), kCalibrationBytes);
  for (const auto& row : table) {
    for (const index::Calibration::Entry& entry : row) {
      if (entry.slack >= 0 && entry.rows >= 0) continue;
      return corrupt(file, "the calibration makes no sense");
    }
  }
  return index::Calibration(table);
}

Status append(storage::SectionFileWriter& out, SectionKind kind,
              std::initializer_list<std::span<const std::byte>> arrays) {
  OMEN_RETURN_IF_ERROR(out.begin(key(kind)));
  for (const auto array : arrays) OMEN_RETURN_IF_ERROR(out.append(array));
  return out.end();
}

}  // namespace omendb::segment
