// Writes columns of chosen rows: sealing and merging.
#include <cstring>

#include "base/check.h"
#include "base/status_macros.h"
#include "column/columns.h"
#include "column/format.h"
#include "column/retyped.h"
#include "column/util.h"

namespace omendb::column {

namespace {

template <class T>
std::span<const std::byte> as_bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

Status write_section(storage::SectionFileWriter& out, storage::SectionKey section,
                     std::span<const std::byte> bytes) {
  OMEN_RETURN_IF_ERROR(out.begin(section));
  OMEN_RETURN_IF_ERROR(out.append(bytes));
  return out.end();
}

/// Writes one column: its values stream out by the batch, while the offsets and the bitmap, which
/// must follow in sections of their own, gather here.
class ColumnWrite {
 public:
  ColumnWrite(storage::SectionFileWriter& out, ColumnType type, uint32_t number,
              JobControl& control)
      : out_(out), type_(type), number_(number), control_(control) {}

  Status write(std::span<const TypedColumn> columns, std::span<const RowRef> rows);
  ColumnEntry entry(const ColumnSchema& column) const {
    uint8_t flags = has_null_ ? kHasValidity : 0;
    if (has_explicit_null_) flags |= kHasExplicitNulls;
    return {static_cast<uint8_t>(type_), flags, static_cast<uint16_t>(column.name.size()),
            to_int(column.id), values_};
  }

 private:
  bool strings() const { return is_text(element_type(type_)); }
  Status write_batch(const Column& batch);
  std::span<const std::byte> value_bytes(const Column& batch) const;

  storage::SectionFileWriter& out_;
  const ColumnType type_;
  const uint32_t number_;
  JobControl& control_;
  uint64_t rows_ = 0;
  uint64_t values_ = 0;
  bool has_null_ = false;
  bool has_explicit_null_ = false;
  std::vector<uint64_t> validity_;
  std::vector<uint64_t> explicit_nulls_;
  std::vector<uint64_t> string_offsets_{0};
  std::vector<uint64_t> lists_{0};
};

/// Appends rows[*at ...] of one source each call, so that a batch costs few virtual calls.
Status gather_batch(std::span<const TypedColumn> columns, std::span<const RowRef> rows,
                    std::vector<uint32_t>& numbers, Column& batch) {
  for (size_t at = 0; at < rows.size();) {
    const uint32_t source = rows[at].source;
    numbers.clear();
    for (; at < rows.size() && rows[at].source == source; ++at) numbers.push_back(rows[at].row);
    OMEN_CHECK(source < columns.size());
    const ColumnReader* reader = columns[source].reader();
    if (reader == nullptr) {
      append_nulls(batch, numbers.size());
    } else {
      OMEN_RETURN_IF_ERROR(reader->gather(numbers, batch));
    }
  }
  return {};
}

Status ColumnWrite::write(std::span<const TypedColumn> columns, std::span<const RowRef> rows) {
  const ColumnSection payload = strings() ? ColumnSection::kStringBytes : ColumnSection::kValues;
  OMEN_RETURN_IF_ERROR(out_.begin(key(payload, number_)));
  validity_.assign((rows.size() + 63) / 64, 0);
  explicit_nulls_.assign(validity_.size(), 0);
  std::vector<uint32_t> numbers;
  for (size_t first = 0; first < rows.size(); first += kBatchRows) {
    Column batch;
    batch.type = type_;
    const auto some = rows.subspan(first, std::min<size_t>(kBatchRows, rows.size() - first));
    OMEN_RETURN_IF_ERROR(gather_batch(columns, some, numbers, batch));
    OMEN_RETURN_IF_ERROR(write_batch(batch));
    OMEN_RETURN_IF_ERROR(control_.proceed(some.size()));
  }
  OMEN_RETURN_IF_ERROR(out_.end());
  if (strings()) {
    OMEN_RETURN_IF_ERROR(write_section(out_, key(ColumnSection::kStringOffsets, number_),
                                       as_bytes_of(string_offsets_)));
  }
  if (is_array(type_)) {
    OMEN_RETURN_IF_ERROR(
        write_section(out_, key(ColumnSection::kListOffsets, number_), as_bytes_of(lists_)));
  }
  if (!has_null_) return {};
  OMEN_RETURN_IF_ERROR(
      write_section(out_, key(ColumnSection::kValidity, number_), as_bytes_of(validity_)));
  if (!has_explicit_null_) return {};
  return write_section(out_, key(ColumnSection::kExplicitNulls, number_),
                       as_bytes_of(explicit_nulls_));
}

std::span<const std::byte> ColumnWrite::value_bytes(const Column& batch) const {
  switch (element_type(type_)) {
    case ColumnType::kBool: return as_bytes_of(batch.bools);
    case ColumnType::kF64: return as_bytes_of(batch.doubles);
    case ColumnType::kString:
    case ColumnType::kJson: return std::as_bytes(std::span(batch.bytes));
    default: return as_bytes_of(batch.ints);
  }
}

Status ColumnWrite::write_batch(const Column& batch) {
  const size_t rows = batch.row_count();
  for (size_t r = 0; r < rows; ++r, ++rows_) {
    const uint64_t bit = uint64_t{1} << (rows_ % 64);
    const uint8_t state = batch.state(r);
    if (state == kPresent) {
      validity_[rows_ / 64] |= bit;
    } else {
      has_null_ = true;
    }
    if (state == kExplicitNull) {
      explicit_nulls_[rows_ / 64] |= bit;
      has_explicit_null_ = true;
    }
    if (is_array(type_)) lists_.push_back(values_ + batch.list_offsets[r + 1]);
  }
  if (strings()) {
    const uint64_t before = string_offsets_.back();
    for (size_t i = 0; i < batch.value_count(); ++i) {
      string_offsets_.push_back(before + batch.string_offsets[i + 1]);
    }
  }
  values_ += batch.value_count();
  return out_.append(value_bytes(batch));
}

template <class T>
void append_record(std::vector<std::byte>& bytes, const T& record) {
  const auto record_bytes = std::as_bytes(std::span(&record, 1));
  bytes.insert(bytes.end(), record_bytes.begin(), record_bytes.end());
}

}  // namespace

Status write_columns(storage::SectionFileWriter& out, const Schema& schema,
                     std::span<const ColumnSource* const> sources, std::span<const RowRef> rows,
                     JobControl& control) {
  uint32_t number = 0;
  std::vector<std::byte> entries;
  for (const ColumnSchema& column : schema) {
    std::vector<TypedColumn> columns;
    for (const ColumnSource* source : sources)
      columns.emplace_back(*source, column.id, column.type);
    if (std::ranges::all_of(columns, [](const auto& c) { return c.reader() == nullptr; })) {
      OMEN_RETURN_IF_ERROR(control.proceed(rows.size()));
      continue;
    }
    ColumnWrite write(out, column.type, number, control);
    OMEN_RETURN_IF_ERROR(write.write(columns, rows));
    append_record(entries, write.entry(column));
    const auto name = std::as_bytes(std::span(column.name));
    entries.insert(entries.end(), name.begin(), name.end());
    ++number;
  }
  if (number == 0) return {};
  std::vector<std::byte> directory;
  append_record(directory, ColumnsHeader{kColumnsVersion, number, rows.size()});
  directory.insert(directory.end(), entries.begin(), entries.end());
  return write_section(out, key(ColumnSection::kDirectory, 0), directory);
}

}  // namespace omendb::column
