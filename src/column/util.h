// Small steps that both kinds of columns take.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "column/reader.h"
#include "omendb/types.h"

namespace omendb::column {

static_assert(std::endian::native == std::endian::little, "files and bit tricks are little-endian");

/// Bit i = the lowest bit of bytes[i], which of kAbsent, kPresent and kExplicitNull is set in
/// kPresent alone. The words' bits past bytes.size() become 0.
inline void pack_bits(std::span<const uint8_t> bytes, std::span<uint64_t> words) {
  // Moves the lowest bit of byte i to bit 56 + i; the sums of the others never carry into those.
  constexpr uint64_t kGather = 0x0102040810204080;
  constexpr uint64_t kLowest = 0x0101010101010101;
  const size_t whole = bytes.size() / 8 * 8;
  std::fill_n(words.begin(), (bytes.size() + 63) / 64, uint64_t{0});
  for (size_t i = 0; i < whole; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes.data() + i, sizeof eight);
    words[i / 64] |= (((eight & kLowest) * kGather) >> 56) << (i % 64);
  }
  for (size_t i = whole; i < bytes.size(); ++i) {
    words[i / 64] |= uint64_t{bytes[i] & 1U} << (i % 64);
  }
}

/// A batch of out.rows NULLs.
void set_all_null(ColumnType type, ColumnBatch& out);

/// Notes that the row about to be appended is not NULL.
inline void mark_valid(Column& column) {
  if (!column.valid.empty()) column.valid.push_back(kPresent);
}

inline void push_list(Column& column, uint64_t elements) {
  if (column.list_offsets.empty()) column.list_offsets.push_back(0);
  column.list_offsets.push_back(column.list_offsets.back() + elements);
  // A column of no strings still has the first offset.
  const bool strings = is_text(element_type(column.type));
  if (strings && column.string_offsets.empty()) column.string_offsets.push_back(0);
}

inline void push_string(Column& column, std::string_view text) {
  if (column.string_offsets.empty()) column.string_offsets.push_back(0);
  column.bytes += text;
  column.string_offsets.push_back(column.bytes.size());
}

}  // namespace omendb::column
