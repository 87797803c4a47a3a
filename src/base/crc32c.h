// CRC32C (Castagnoli, RFC 3720 appendix B.4): the checksum of everything that OmenDB stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::crc32c {

/// The checksum of A followed by `bytes`, where `crc` is the checksum of A; 0 for an empty A.
/// Thread-safe. Uses the processor's CRC32C instruction, three streams at once, where there is one.
uint32_t extend(uint32_t crc, std::span<const std::byte> bytes);

inline uint32_t of(std::span<const std::byte> bytes) {
  return extend(0, bytes);
}

using ExtendFn = uint32_t (*)(uint32_t crc, const std::byte* data, size_t size);

/// One way to compute extend().
struct Implementation {
  std::string_view name;  ///< "portable", "sse42", "armv8"
  ExtendFn extend;
};
/// Those that this machine can run, the portable one first and the one extend() uses last.
std::vector<Implementation> implementations();

}  // namespace omendb::crc32c
