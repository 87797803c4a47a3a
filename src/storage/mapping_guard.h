// Keeps the process alive when a mapped file cannot be read any more.
//
// The system raises SIGBUS in a thread that touches a page which the disk cannot deliver, or which
// lies past the end of its file because somebody cut the file. The guard's handler puts a page of
// zeros there and notes that the mapping has lost bytes. Code that reads a mapping calls intact()
// before it returns an answer. Other SIGBUS signals go to the handler that was there before.
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
  /// @pre the mapping still exists, and nobody reads it any more.
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
