#include "column/retyped.h"

#include <algorithm>
#include <bit>

#include "base/status_macros.h"
#include "column/convert.h"
#include "column/util.h"

namespace omendb::column {

namespace {

bool is_valid(const ColumnBatch& batch, uint32_t row) {
  return batch.valid == nullptr || ((batch.valid[row / 64] >> (row % 64)) & 1) != 0;
}

bool is_empty_list(const ColumnBatch& batch, ColumnType type, uint32_t row) {
  if (is_array(type)) return batch.list_begin(row) == batch.list_end(row);
  return type == ColumnType::kJson && batch.strings[row] == kEmptyList;
}

bool holds_lists(ColumnType type) {
  return is_array(type) || type == ColumnType::kJson;
}

/// Whether a column of type `to` holds the value of a row that is not NULL.
bool holds(const ColumnBatch& batch, ColumnType from, uint32_t row, ColumnType to) {
  if (is_i64_to_f64(from, to)) {
    const size_t begin = is_array(from) ? batch.list_begin(row) : row;
    const size_t end = is_array(from) ? batch.list_end(row) : row + size_t{1};
    return std::ranges::all_of(batch.ints.subspan(begin, end - begin), is_exact_f64);
  }
  return holds_lists(to) && is_empty_list(batch, from, row);
}

void widen(ColumnBatch& batch) {
  batch.scratch.doubles.assign(batch.ints.begin(), batch.ints.end());
  batch.doubles = batch.scratch.doubles;
  batch.ints = {};
}

/// Keeps the empty lists; all else becomes NULL.
void keep_empty_lists(ColumnBatch& batch, ColumnType from, ColumnType to) {
  std::array<uint64_t, kBatchWords> kept{};
  for (uint32_t row = 0; row < batch.rows && holds_lists(to); ++row) {
    if (!is_valid(batch, row) || !is_empty_list(batch, from, row)) continue;
    kept[row / 64] |= uint64_t{1} << (row % 64);
  }
  set_all_null(to, batch);
  batch.scratch.valid = kept;
  if (to != ColumnType::kJson) return;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (is_valid(batch, row)) batch.scratch.strings[row] = kEmptyList;
  }
}

}  // namespace

Status RetypedReader::read(uint32_t first_row, uint32_t n, ColumnBatch& out) const {
  OMEN_RETURN_IF_ERROR(stored_->read(first_row, n, out));
  if (is_i64_to_f64(stored_->type(), type_)) {
    widen(out);
  } else {
    keep_empty_lists(out, stored_->type(), type_);
  }
  return {};
}

Status RetypedReader::gather(std::span<const uint32_t> rows, Column& out) const {
  Column stored;
  stored.type = stored_->type();
  OMEN_RETURN_IF_ERROR(stored_->gather(rows, stored));
  append_converted(stored, out);
  return {};
}

Result<std::optional<uint32_t>> first_row_not_held(const ColumnReader& reader, const Bitmap& live,
                                                   ColumnType to) {
  ColumnBatch batch;
  const auto rows = static_cast<uint32_t>(live.size());
  for (uint32_t first = 0; first < rows; first += kBatchRows) {
    const uint32_t n = std::min(kBatchRows, rows - first);
    const auto words = live.words().subspan(first / 64, (n + 63) / 64);
    if (std::ranges::all_of(words, [](uint64_t word) { return word == 0; })) continue;
    OMEN_RETURN_IF_ERROR(reader.read(first, n, batch));
    for (size_t w = 0; w < words.size(); ++w) {
      uint64_t left = words[w];
      if (batch.valid != nullptr) left &= batch.valid[w];
      for (; left != 0; left &= left - 1) {
        const auto row =
            static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(left));
        if (!holds(batch, reader.type(), row, to)) return std::optional<uint32_t>(first + row);
      }
    }
  }
  return std::optional<uint32_t>();
}

}  // namespace omendb::column
