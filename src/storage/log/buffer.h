// Frames that are gathered in memory and written together.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <span>

#include "storage/log/format.h"

namespace omendb::storage {

/// A growing buffer. Unlike a vector, it does not fill new room with zeros. clear() keeps the room.
/// One thread at a time.
class LogBuffer {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  void clear() { size_ = 0; }

  /// Adds a frame. seal() sets its header checksum and durable LSN. The checksum of the payload is
  /// taken from the copy, because the caller's memory may change at any time.
  void add(LogFrame frame, std::span<const std::span<const std::byte>> parts) {
    std::byte* out = grow(log_frame_bytes(frame.length));
    std::byte* const header = out;
    out += sizeof(frame);
    for (const auto part : parts) {
      if (part.empty()) continue;
      std::memcpy(out, part.data(), part.size());
      out += part.size();
    }
    frame.payload_crc = crc32c::of({header + sizeof(frame), frame.length});
    std::memcpy(header, &frame, sizeof(frame));
    std::memset(out, 0, log_padding(frame.length));
  }

  /// Completes the headers of all frames, for the file that they will be written to.
  void seal(uint32_t seed, Lsn durable) {
    for (size_t at = 0; at < size_;) {
      LogFrame frame;
      std::memcpy(&frame, data_.get() + at, sizeof(frame));
      frame.durable_lsn = to_int(durable);
      frame.header_crc = log_frame_crc(frame, seed);
      std::memcpy(data_.get() + at, &frame, sizeof(frame));
      at += log_frame_bytes(frame.length);
    }
  }

 private:
  std::byte* grow(size_t n) {
    if (size_ + n > capacity_) {
      const size_t capacity = std::bit_ceil(std::max(size_ + n, size_t{64} << 10));
      auto data = std::make_unique_for_overwrite<std::byte[]>(capacity);
      if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
      data_ = std::move(data);
      capacity_ = capacity;
    }
    std::byte* at = data_.get() + size_;
    size_ += n;
    return at;
  }

  std::unique_ptr<std::byte[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace omendb::storage
