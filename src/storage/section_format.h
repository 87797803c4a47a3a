// The bytes of a section file on disk. Byte tables: docs/format.md, "Section files".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace omendb::storage {

inline constexpr uint64_t kPageBytes = 4'096;
inline constexpr uint64_t kCrcsPerPage = kPageBytes / sizeof(uint32_t);
inline constexpr std::array<char, 8> kSectionMagic = {'O', 'M', 'E', 'N', 'D', 'B', '\0', 'S'};
inline constexpr uint32_t kSectionFormatVersion = 1;

/// At offset 0; the rest of its page is zero.
struct SectionFileHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t file_kind;
  uint32_t page_bytes;
  uint32_t flags;  // 0; a reader refuses flags that it does not know
  std::array<uint8_t, 36> reserved;
  uint32_t crc;  // of the bytes before it
};
static_assert(sizeof(SectionFileHeader) == 64);
static_assert(offsetof(SectionFileHeader, version) == 8);
static_assert(offsetof(SectionFileHeader, file_kind) == 12);
static_assert(offsetof(SectionFileHeader, page_bytes) == 16);
static_assert(offsetof(SectionFileHeader, flags) == 20);
static_assert(offsetof(SectionFileHeader, crc) == 60);

/// One for each section, in the order of the file.
struct SectionEntry {
  uint32_t kind;
  uint32_t index;
  uint64_t offset;  // a multiple of the page
  uint64_t length;  // without the zeros that fill the last page
};
static_assert(sizeof(SectionEntry) == 24);
static_assert(offsetof(SectionEntry, offset) == 8);
static_assert(offsetof(SectionEntry, length) == 16);

/// The last 64 bytes. Before it the directory: entries, then one CRC for each page of the CRC
/// table. Before that the CRC table, page-aligned: one CRC for each page between header and table.
struct SectionFileFooter {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t section_count;
  uint64_t crc_table_offset;
  uint64_t directory_offset;
  uint64_t file_bytes;
  uint32_t directory_crc;
  std::array<uint8_t, 16> reserved;
  uint32_t crc;  // of the bytes before it
};
static_assert(sizeof(SectionFileFooter) == 64);
static_assert(offsetof(SectionFileFooter, section_count) == 12);
static_assert(offsetof(SectionFileFooter, crc_table_offset) == 16);
static_assert(offsetof(SectionFileFooter, directory_offset) == 24);
static_assert(offsetof(SectionFileFooter, file_bytes) == 32);
static_assert(offsetof(SectionFileFooter, directory_crc) == 40);
static_assert(offsetof(SectionFileFooter, crc) == 60);

/// Rounded up to whole pages.
constexpr uint64_t page_align(uint64_t n) {
  return (n + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace omendb::storage
