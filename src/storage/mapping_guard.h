// Keeps the process alive when a mapped file cannot be read any more.
//
// A page of a mapping that lies past the end of its file, since somebody cut it, or that the disk
// cannot deliver, raises SIGBUS in whoever touches it. The guard's handler gives such a page zeros
// instead and notes that the mapping lost bytes; whoever reads a mapping asks intact() before its
// answer leaves the engine. Other SIGBUS signals go to the handler that was there before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace omendb::storage {

/// Guards one mapping for the life of this object. The first guard of the process installs the
/// handler. Thread-safe.
class MappingGuard {
 public:
  /// @param mapping  what mmap() returned, and its length.
  explicit MappingGuard(std::span<const std::byte> mapping);
  /// The mapping is still there, and nobody reads it any more.
  ~MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  bool intact() const { return first_lost() == kNone; }
  /// The offset of the first page that could not be read, or kNone.
  uint64_t first_lost() const;

  static constexpr uint64_t kNone = UINT64_MAX;
  struct Slot;

 private:
  Slot* slot_;
};

}  // namespace omendb::storage
