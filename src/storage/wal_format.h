// What the log looks like on disk. Byte tables: docs/format.md, "WAL".
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

namespace omendb::storage {

inline constexpr std::array<char, 8> kWalMagic = {'O', 'M', 'E', 'N', 'D', 'B', '\0', 'L'};
inline constexpr uint32_t kWalFormatVersion = 1;
/// Records start here, so that the sector which holds the header is written once.
inline constexpr uint64_t kWalHeaderBytes = 4'096;
inline constexpr uint64_t kMaxWalRecordBytes = uint64_t{2} << 30;

struct WalFileHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t flags;  // 0
  uint64_t sequence;
  uint64_t first_lsn;  // of the first record here; all before it were durable when this was written
  uint64_t nonce;
  std::array<uint8_t, 20> reserved;
  uint32_t crc;  // of the bytes before it
};
static_assert(sizeof(WalFileHeader) == 64);
static_assert(offsetof(WalFileHeader, version) == 8);
static_assert(offsetof(WalFileHeader, sequence) == 16);
static_assert(offsetof(WalFileHeader, first_lsn) == 24);
static_assert(offsetof(WalFileHeader, nonce) == 32);
static_assert(offsetof(WalFileHeader, crc) == 60);

/// Before each payload, which zeros fill up to a multiple of 8. A header of zeros ends the log.
struct WalFrame {
  uint32_t header_crc;   // of the rest of this header, seeded with the file header's crc
  uint32_t payload_crc;  // of the payload
  uint64_t lsn;
  uint64_t durable_lsn;  // known to be synced when this was written
  uint32_t length;       // of the payload
  uint32_t reserved;     // 0
};
static_assert(sizeof(WalFrame) == 32);
static_assert(offsetof(WalFrame, payload_crc) == 4);
static_assert(offsetof(WalFrame, lsn) == 8);
static_assert(offsetof(WalFrame, durable_lsn) == 16);
static_assert(offsetof(WalFrame, length) == 24);

inline constexpr std::array<std::byte, sizeof(WalFrame)> kWalEnd{};

constexpr uint64_t wal_padding(uint64_t payload_bytes) {
  return (8 - payload_bytes % 8) % 8;
}
constexpr uint64_t wal_frame_bytes(uint64_t payload_bytes) {
  return sizeof(WalFrame) + payload_bytes + wal_padding(payload_bytes);
}

inline uint32_t wal_header_crc(const WalFileHeader& header) {
  return crc32c::of(std::as_bytes(std::span(&header, 1)).first(offsetof(WalFileHeader, crc)));
}
inline uint32_t wal_frame_crc(const WalFrame& frame, uint32_t seed) {
  return crc32c::extend(seed, std::as_bytes(std::span(&frame, 1)).subspan(sizeof(uint32_t)));
}

/// "0000000012.wal".
std::string wal_file_name(uint64_t sequence);
/// The number in a name of that form.
std::optional<uint64_t> wal_file_sequence(std::string_view name);

}  // namespace omendb::storage
