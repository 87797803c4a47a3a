// The bytes of the log on disk. Byte tables: docs/format.md, "WAL".
//
// A file is a header page and frames. A frame's header checksum is seeded with the file's own
// header, whose nonce is new each time a file is begun: bytes left over in a recycled file, or from
// an earlier life of the log, never pass for records.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "base/ids.h"

namespace omendb::storage {

inline constexpr std::array<char, 8> kLogMagic = {'O', 'M', 'E', 'N', 'D', 'B', '\0', 'L'};
inline constexpr uint32_t kLogFormatVersion = 1;
/// Records start here, so that the sector of the header is written once.
inline constexpr uint64_t kLogHeaderBytes = 4'096;
/// Files are numbered far below this; a greater number on the disk is damage.
inline constexpr uint64_t kMaxLogSequence = UINT64_MAX >> 1;
inline constexpr uint64_t kMaxLogRecordBytes = uint64_t{2} << 30;

struct LogFileHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t flags;  // 0
  uint64_t sequence;
  uint64_t first_lsn;  // of the first record here; all before it were durable when this was written
  uint64_t nonce;
  uint32_t epoch;  // of the writer that began the file
  std::array<uint8_t, 16> reserved;
  uint32_t crc;  // of the bytes before it
};
static_assert(sizeof(LogFileHeader) == 64);
static_assert(offsetof(LogFileHeader, version) == 8);
static_assert(offsetof(LogFileHeader, sequence) == 16);
static_assert(offsetof(LogFileHeader, first_lsn) == 24);
static_assert(offsetof(LogFileHeader, nonce) == 32);
static_assert(offsetof(LogFileHeader, epoch) == 40);
static_assert(offsetof(LogFileHeader, crc) == 60);

enum class LogFrameKind : uint32_t {
  kRecord = 0,
  /// The last frame of a file: the record with its LSN is in the next file. It is written after the
  /// next file exists. So if the last file of a folder ends with it, files after it were removed.
  kContinued = 1,
};

/// Stands before each payload. Zeros fill the payload up to a multiple of 8 bytes. A frame of zeros
/// ends the log.
struct LogFrame {
  uint32_t header_crc;   // of the rest of this header, seeded with the file header's crc
  uint32_t payload_crc;  // of the payload
  uint64_t lsn;          // in these files without gaps, which recovery relies on
  uint64_t durable_lsn;  // known to be synced when this was written
  uint32_t length;       // of the payload
  uint32_t shard;
  uint32_t epoch;  // of the writer
  LogFrameKind kind;
};
static_assert(sizeof(LogFrame) == 40);
static_assert(offsetof(LogFrame, payload_crc) == 4);
static_assert(offsetof(LogFrame, lsn) == 8);
static_assert(offsetof(LogFrame, durable_lsn) == 16);
static_assert(offsetof(LogFrame, length) == 24);
static_assert(offsetof(LogFrame, shard) == 28);
static_assert(offsetof(LogFrame, epoch) == 32);
static_assert(offsetof(LogFrame, kind) == 36);

inline constexpr std::array<std::byte, sizeof(LogFrame)> kLogEnd{};

/// The position after `lsn` in a log of files.
constexpr Lsn next(Lsn lsn) {
  return Lsn{to_int(lsn) + 1};
}

constexpr uint64_t log_padding(uint64_t payload_bytes) {
  return (8 - payload_bytes % 8) % 8;
}
constexpr uint64_t log_frame_bytes(uint64_t payload_bytes) {
  return sizeof(LogFrame) + payload_bytes + log_padding(payload_bytes);
}

inline uint32_t log_header_crc(const LogFileHeader& header) {
  return crc32c::of(std::as_bytes(std::span(&header, 1)).first(offsetof(LogFileHeader, crc)));
}
inline uint32_t log_frame_crc(const LogFrame& frame, uint32_t seed) {
  return crc32c::extend(seed, std::as_bytes(std::span(&frame, 1)).subspan(sizeof(uint32_t)));
}

/// "0000000012.wal".
std::string log_file_name(uint64_t sequence);
/// The number in a name of that form.
std::optional<uint64_t> log_file_sequence(std::string_view name);

}  // namespace omendb::storage
