// Little-endian byte codec: ByteWriter appends to a vector, ByteReader takes values off a span and
// trusts nothing it reads. Every format in docs/format.md is written with these.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace omendb {

// Stored arrays are mapped and used as they are, so a big-endian host would need another reader.
static_assert(std::endian::native == std::endian::little, "OmenDB's files are little-endian");

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Appends to a vector that the caller owns.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  void u8(uint8_t value) { fixed(value); }
  void u16(uint16_t value) { fixed(value); }
  void u32(uint32_t value) { fixed(value); }
  void u64(uint64_t value) { fixed(value); }
  void i64(int64_t value) { fixed(value); }
  void f32(float value) { fixed(value); }
  void f64(double value) { fixed(value); }

  /// 1..10 bytes, seven bits each, lowest first; the high bit says that more follow.
  void varint(uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    u8(static_cast<uint8_t>(value));
  }
  void bytes(std::span<const std::byte> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  /// A varint length, then the bytes.
  void prefixed(std::span<const std::byte> payload) {
    varint(payload.size());
    bytes(payload);
  }
  void string(std::string_view text) { prefixed(as_bytes(text)); }

  size_t size() const { return out_.size(); }

 private:
  template <class T>
  void fixed(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const size_t at = out_.size();
    out_.resize(at + sizeof(T));
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }

  std::vector<std::byte>& out_;
};

/// Takes values off the front of borrowed bytes. Each read returns false, and leaves the reader
/// where it was, if the bytes do not hold the value; lengths are checked before anything is
/// allocated.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool u8(uint8_t& value) { return fixed(value); }
  bool u16(uint16_t& value) { return fixed(value); }
  bool u32(uint32_t& value) { return fixed(value); }
  bool u64(uint64_t& value) { return fixed(value); }
  bool i64(int64_t& value) { return fixed(value); }
  bool f32(float& value) { return fixed(value); }
  bool f64(double& value) { return fixed(value); }

  /// Refuses more than ten bytes and values past 64 bits.
  bool varint(uint64_t& value) {
    uint64_t result = 0;
    for (size_t i = 0; i < 10; ++i) {
      if (i >= remaining()) return false;
      const auto byte = std::to_integer<uint64_t>(bytes_[at_ + i]);
      if (i == 9 && byte > 1) return false;
      result |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        at_ += i + 1;
        value = result;
        return true;
      }
    }
    return false;
  }
  /// `length` bytes, borrowed from the input.
  bool bytes(uint64_t length, std::span<const std::byte>& out) {
    if (length > remaining()) return false;
    out = bytes_.subspan(at_, static_cast<size_t>(length));
    at_ += static_cast<size_t>(length);
    return true;
  }
  bool prefixed(std::span<const std::byte>& out) {
    const size_t start = at_;
    uint64_t length = 0;
    if (varint(length) && bytes(length, out)) return true;
    at_ = start;
    return false;
  }
  bool string(std::string_view& out) {
    std::span<const std::byte> raw;
    if (!prefixed(raw)) return false;
    out = std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
    return true;
  }
  bool string(std::string& out) {
    std::string_view view;
    if (!string(view)) return false;
    out.assign(view);
    return true;
  }

  size_t position() const { return at_; }  ///< bytes taken so far
  size_t remaining() const { return bytes_.size() - at_; }
  bool done() const { return remaining() == 0; }

 private:
  template <class T>
  bool fixed(T& value) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

}  // namespace omendb
