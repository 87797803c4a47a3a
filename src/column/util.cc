#include "column/util.h"

namespace omendb::column {

void set_all_null(ColumnType type, ColumnBatch& out) {
  out.scratch.valid.fill(0);
  out.valid = out.scratch.valid.data();
  if (is_array(type)) {
    out.scratch.list_offsets.assign(out.rows + size_t{1}, 0);
    out.list_offsets = out.scratch.list_offsets;
    out.bools = {};
    out.ints = {};
    out.doubles = {};
    out.strings = {};
    return;
  }
  switch (type) {
    case ColumnType::kBool:
      out.scratch.bools.assign(out.rows, 0);
      out.bools = out.scratch.bools;
      break;
    case ColumnType::kF64:
      out.scratch.doubles.assign(out.rows, 0);
      out.doubles = out.scratch.doubles;
      break;
    case ColumnType::kString:
    case ColumnType::kJson:
      out.scratch.strings.assign(out.rows, {});
      out.strings = out.scratch.strings;
      break;
    default: out.scratch.ints.assign(out.rows, 0); out.ints = out.scratch.ints;
  }
}

void append_nulls(Column& column, size_t n, uint8_t state) {
  if (n == 0) return;
  const size_t rows = column.row_count();
  if (column.valid.empty()) column.valid.assign(rows, kPresent);
  column.valid.resize(rows + n, state);
  if (is_array(column.type)) {
    if (column.list_offsets.empty()) column.list_offsets.push_back(0);
    column.list_offsets.resize(rows + n + 1, column.list_offsets.back());
    // A column of no strings still has the first offset.
    if (is_text(element_type(column.type)) && column.string_offsets.empty()) {
      column.string_offsets.push_back(0);
    }
    return;
  }
  switch (column.type) {
    case ColumnType::kBool: column.bools.resize(rows + n, 0); break;
    case ColumnType::kF64: column.doubles.resize(rows + n, 0); break;
    case ColumnType::kString:
    case ColumnType::kJson:
      if (column.string_offsets.empty()) column.string_offsets.push_back(0);
      column.string_offsets.resize(rows + n + 1, column.bytes.size());
      break;
    default: column.ints.resize(rows + n, 0);
  }
}

}  // namespace omendb::column
