// Columns in a mapped file: checksums say that bytes are as written, the checks here that they make
// sense, since a file may be written by anyone.
#include <bit>
#include <cstring>
#include <unordered_set>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "column/columns.h"
#include "column/format.h"
#include "column/util.h"

namespace omendb::column {

namespace {

/// A section seen as an array; every access is checked before it is handed out.
template <class T>
class TypedSection {
 public:
  TypedSection() = default;

  static Result<TypedSection> open(const storage::SectionFile& file, ColumnSection section,
                                   uint32_t column, uint64_t count) {
    TypedSection typed;
    OMEN_ASSIGN_OR_RETURN(typed.section_, file.section(key(section, column)));
    const auto bytes = typed.section_.unchecked();
    if (bytes.size() / sizeof(T) != count || bytes.size() % sizeof(T) != 0 ||
        reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) != 0) {
      return Status(
          StatusCode::kCorruption,
          "\"" + file.path() + "\": section " + std::to_string(static_cast<uint32_t>(section)) +
              "." + std::to_string(column) + " has " + std::to_string(bytes.size()) +
              " bytes; expected " + std::to_string(count) + " x " + std::to_string(sizeof(T)));
    }
    return typed;
  }

  /// @pre first + n <= size
  Result<std::span<const T>> read(uint64_t first, uint64_t n) const {
    OMEN_RETURN_IF_ERROR(section_.verify(first * sizeof(T), n * sizeof(T)));
    return std::span(reinterpret_cast<const T*>(section_.unchecked().data()) + first, n);
  }

 private:
  storage::Section section_;
};

}  // namespace

class SealedColumn final : public ColumnReader {
 public:
  static Result<std::unique_ptr<SealedColumn>> open(const storage::SectionFile& file,
                                                    uint32_t number, std::string name,
                                                    const ColumnEntry& entry, uint32_t rows);

  ColumnType type() const override { return type_; }
  Status read(uint32_t first_row, uint32_t n, ColumnBatch& out) const override;
  Status gather(std::span<const uint32_t> rows, Column& out) const override;

 private:
  SealedColumn(std::string name, ColumnType type, uint32_t rows, uint64_t values)
      : name_(std::move(name)),
        type_(type),
        element_(element_type(type)),
        rows_(rows),
        values_(values) {}

  Status open_sections(const storage::SectionFile& file, uint32_t number, uint8_t flags);
  Status corrupt(const char* what, uint64_t at) const {
    return {StatusCode::kCorruption, "\"" + path_ + "\": column \"" + name_ + "\": " + what +
                                         " at entry " + std::to_string(at) + " make no sense"};
  }
  /// offsets[first .. first + n], which never fall and end within `limit`.
  Result<std::span<const uint64_t>> read_offsets(const TypedSection<uint64_t>& offsets,
                                                 uint64_t first, uint64_t n, uint64_t limit,
                                                 const char* what) const;
  Status read_values(uint64_t first, uint64_t n, ColumnBatch& out) const;
  Status read_strings(uint64_t first, uint64_t n, std::vector<std::string_view>& out) const;
  Result<uint8_t> state(uint32_t row) const;
  Status append_values(uint64_t first, uint64_t n, std::vector<std::string_view>& strings,
                       Column& out) const;

  const std::string name_;
  const ColumnType type_;
  const ColumnType element_;
  const uint32_t rows_;
  const uint64_t values_;
  std::string path_;
  bool has_validity_ = false;
  bool has_explicit_nulls_ = false;
  TypedSection<uint64_t> validity_;
  TypedSection<uint64_t> explicit_nulls_;
  TypedSection<uint64_t> lists_;
  TypedSection<uint8_t> bools_;
  TypedSection<int64_t> ints_;
  TypedSection<double> doubles_;
  TypedSection<uint64_t> string_offsets_;
  storage::Section string_bytes_;
};

Result<std::unique_ptr<SealedColumn>> SealedColumn::open(const storage::SectionFile& file,
                                                         uint32_t number, std::string name,
                                                         const ColumnEntry& entry, uint32_t rows) {
  const auto type = static_cast<ColumnType>(entry.type);
  std::unique_ptr<SealedColumn> column(new SealedColumn(std::move(name), type, rows, entry.values));
  column->path_ = file.path();
  OMEN_RETURN_IF_ERROR(column->open_sections(file, number, entry.flags));
  return column;
}

Status SealedColumn::open_sections(const storage::SectionFile& file, uint32_t number,
                                   uint8_t flags) {
  has_validity_ = (flags & kHasValidity) != 0;
  has_explicit_nulls_ = (flags & kHasExplicitNulls) != 0;
  if (has_validity_) {
    OMEN_ASSIGN_OR_RETURN(validity_,
                          TypedSection<uint64_t>::open(file, ColumnSection::kValidity, number,
                                                       (uint64_t{rows_} + 63) / 64));
  }
  if (has_explicit_nulls_) {
    OMEN_ASSIGN_OR_RETURN(explicit_nulls_,
                          TypedSection<uint64_t>::open(file, ColumnSection::kExplicitNulls, number,
                                                       (uint64_t{rows_} + 63) / 64));
  }
  if (is_array(type_)) {
    OMEN_ASSIGN_OR_RETURN(lists_, TypedSection<uint64_t>::open(file, ColumnSection::kListOffsets,
                                                               number, uint64_t{rows_} + 1));
  }
  switch (element_) {
    case ColumnType::kBool: {
      OMEN_ASSIGN_OR_RETURN(
          bools_, TypedSection<uint8_t>::open(file, ColumnSection::kValues, number, values_));
      return {};
    }
    case ColumnType::kF64: {
      OMEN_ASSIGN_OR_RETURN(
          doubles_, TypedSection<double>::open(file, ColumnSection::kValues, number, values_));
      return {};
    }
    case ColumnType::kString:
    case ColumnType::kJson: {
      OMEN_ASSIGN_OR_RETURN(
          string_offsets_,
          TypedSection<uint64_t>::open(file, ColumnSection::kStringOffsets, number, values_ + 1));
      OMEN_ASSIGN_OR_RETURN(string_bytes_, file.section(key(ColumnSection::kStringBytes, number)));
      return {};
    }
    default: {
      OMEN_ASSIGN_OR_RETURN(
          ints_, TypedSection<int64_t>::open(file, ColumnSection::kValues, number, values_));
      return {};
    }
  }
}

Result<std::span<const uint64_t>> SealedColumn::read_offsets(const TypedSection<uint64_t>& offsets,
                                                             uint64_t first, uint64_t n,
                                                             uint64_t limit,
                                                             const char* what) const {
  OMEN_ASSIGN_OR_RETURN(const auto span, offsets.read(first, n + 1));
  for (uint64_t i = 0; i < n; ++i) {
    if (span[i] > span[i + 1]) return corrupt(what, first + i);
  }
  if (span[n] > limit) return corrupt(what, first + n);
  return span;
}

Status SealedColumn::read_strings(uint64_t first, uint64_t n,
                                  std::vector<std::string_view>& out) const {
  OMEN_ASSIGN_OR_RETURN(const auto offsets, read_offsets(string_offsets_, first, n,
                                                         string_bytes_.size(), "string offsets"));
  OMEN_RETURN_IF_ERROR(string_bytes_.verify(offsets[0], offsets[n] - offsets[0]));
  const auto* bytes = reinterpret_cast<const char*>(string_bytes_.unchecked().data());
  out.resize(n);
  for (uint64_t i = 0; i < n; ++i) {
    out[i] = std::string_view(bytes + offsets[i], offsets[i + 1] - offsets[i]);
  }
  return {};
}

Status SealedColumn::read_values(uint64_t first, uint64_t n, ColumnBatch& out) const {
  switch (element_) {
    case ColumnType::kBool: {
      OMEN_ASSIGN_OR_RETURN(out.bools, bools_.read(first, n));
      return {};
    }
    case ColumnType::kF64: {
      OMEN_ASSIGN_OR_RETURN(out.doubles, doubles_.read(first, n));
      return {};
    }
    case ColumnType::kString:
    case ColumnType::kJson: {
      OMEN_RETURN_IF_ERROR(read_strings(first, n, out.scratch.strings));
      out.strings = out.scratch.strings;
      return {};
    }
    default: {
      OMEN_ASSIGN_OR_RETURN(out.ints, ints_.read(first, n));
      return {};
    }
  }
}

Status SealedColumn::read(uint32_t first_row, uint32_t n, ColumnBatch& out) const {
  OMEN_CHECK(first_row % kBatchRows == 0 && n <= kBatchRows && n <= rows_ - first_row);
  out.rows = n;
  out.valid = nullptr;
  if (has_validity_) {
    OMEN_ASSIGN_OR_RETURN(const auto words, validity_.read(first_row / 64, (n + 63) / 64));
    out.valid = words.data();
  }
  if (!is_array(type_)) return read_values(first_row, n, out);
  OMEN_ASSIGN_OR_RETURN(out.list_offsets,
                        read_offsets(lists_, first_row, n, values_, "list offsets"));
  return read_values(out.list_offsets.front(), out.list_offsets.back() - out.list_offsets.front(),
                     out);
}

Result<uint8_t> SealedColumn::state(uint32_t row) const {
  const auto bit = [row](uint64_t word) { return ((word >> (row % 64)) & 1) != 0; };
  if (!has_validity_) return kPresent;
  OMEN_ASSIGN_OR_RETURN(const auto word, validity_.read(row / 64, 1));
  if (bit(word[0])) return kPresent;
  if (!has_explicit_nulls_) return kAbsent;
  OMEN_ASSIGN_OR_RETURN(const auto nulls, explicit_nulls_.read(row / 64, 1));
  return bit(nulls[0]) ? kExplicitNull : kAbsent;
}

Status SealedColumn::append_values(uint64_t first, uint64_t n,
                                   std::vector<std::string_view>& strings, Column& out) const {
  switch (element_) {
    case ColumnType::kBool: {
      OMEN_ASSIGN_OR_RETURN(const auto values, bools_.read(first, n));
      for (const uint8_t value : values) out.bools.push_back(value != 0);
      return {};
    }
    case ColumnType::kF64: {
      OMEN_ASSIGN_OR_RETURN(const auto values, doubles_.read(first, n));
      out.doubles.insert(out.doubles.end(), values.begin(), values.end());
      return {};
    }
    case ColumnType::kString:
    case ColumnType::kJson: {
      OMEN_RETURN_IF_ERROR(read_strings(first, n, strings));
      for (const std::string_view text : strings) push_string(out, text);
      return {};
    }
    default: {
      OMEN_ASSIGN_OR_RETURN(const auto values, ints_.read(first, n));
      out.ints.insert(out.ints.end(), values.begin(), values.end());
      return {};
    }
  }
}

Status SealedColumn::gather(std::span<const uint32_t> rows, Column& out) const {
  OMEN_CHECK(out.type == type_);
  std::vector<std::string_view> strings;
  for (const uint32_t row : rows) {
    OMEN_CHECK(row < rows_);
    OMEN_ASSIGN_OR_RETURN(const uint8_t row_state, state(row));
    if (row_state != kPresent) {
      append_nulls(out, 1, row_state);
      continue;
    }
    uint64_t first = row;
    uint64_t n = 1;
    if (is_array(type_)) {
      OMEN_ASSIGN_OR_RETURN(const auto list, read_offsets(lists_, row, 1, values_, "list offsets"));
      first = list[0];
      n = list[1] - list[0];
    }
    OMEN_RETURN_IF_ERROR(append_values(first, n, strings, out));
    if (is_array(type_)) push_list(out, n);
    mark_valid(out);
  }
  return {};
}

SealedColumns::SealedColumns() = default;
SealedColumns::~SealedColumns() = default;

namespace {

/// The directory, read front to back.
class DirectoryReader {
 public:
  DirectoryReader(std::span<const std::byte> bytes, const std::string& path)
      : bytes_(bytes), path_(path) {}

  template <class T>
  Result<T> next() {
    OMEN_ASSIGN_OR_RETURN(const auto bytes, take(sizeof(T)));
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  Result<std::string> next_name(size_t n) {
    OMEN_ASSIGN_OR_RETURN(const auto bytes, take(n));
    std::string name(reinterpret_cast<const char*>(bytes.data()), n);
    if (name.empty() || name.size() > kMaxColumnNameBytes || !is_utf8(name)) {
      return corrupt("a column name is malformed");
    }
    return name;
  }
  bool at_end() const { return at_ == bytes_.size(); }
  Status corrupt(const std::string& what) const {
    return {StatusCode::kCorruption,
            "\"" + path_ + "\": column directory, offset " + std::to_string(at_) + ": " + what};
  }

 private:
  Result<std::span<const std::byte>> take(size_t n) {
    if (bytes_.size() - at_ < n) return corrupt("ends early");
    at_ += n;
    return bytes_.subspan(at_ - n, n);
  }

  const std::span<const std::byte> bytes_;
  const std::string path_;
  size_t at_ = 0;
};

Status check_entry(const ColumnEntry& entry, uint32_t rows, uint64_t file_bytes,
                   const DirectoryReader& directory) {
  const auto type = static_cast<ColumnType>(entry.type);
  const bool flags_known = entry.flags == 0 || entry.flags == kHasValidity ||
                           entry.flags == (kHasValidity | kHasExplicitNulls);
  if (!is_column_type(type) || !flags_known || (!is_array(type) && entry.values != rows) ||
      entry.values > file_bytes) {  // no value takes less than a byte
    return directory.corrupt("the column makes no sense");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SealedColumns>> SealedColumns::open(
    std::shared_ptr<const storage::SectionFile> file, uint32_t rows) {
  std::unique_ptr<SealedColumns> columns(new SealedColumns());
  columns->file_ = file;
  const storage::SectionKey directory_key = key(ColumnSection::kDirectory, 0);
  if (!file->has(directory_key)) return columns;

  OMEN_ASSIGN_OR_RETURN(const storage::Section section, file->section(directory_key));
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  DirectoryReader directory(bytes, file->path());
  OMEN_ASSIGN_OR_RETURN(const auto header, directory.next<ColumnsHeader>());
  if (header.version > kColumnsVersion) {
    return Status(StatusCode::kUnsupportedVersion,
                  "\"" + file->path() + "\": columns have format version " +
                      std::to_string(header.version) + "; this build reads up to " +
                      std::to_string(kColumnsVersion));
  }
  if (header.version == 0 || header.columns > kMaxColumns || header.rows != rows) {
    return directory.corrupt("the header makes no sense");
  }
  std::unordered_set<uint32_t> ids;
  for (uint32_t number = 0; number < header.columns; ++number) {
    OMEN_ASSIGN_OR_RETURN(const auto entry, directory.next<ColumnEntry>());
    OMEN_RETURN_IF_ERROR(check_entry(entry, rows, file->file_bytes(), directory));
    OMEN_ASSIGN_OR_RETURN(std::string name, directory.next_name(entry.name_bytes));
    if (!ids.insert(entry.id).second) return directory.corrupt("a column is there twice");
    OMEN_ASSIGN_OR_RETURN(auto column, SealedColumn::open(*file, number, name, entry, rows));
    columns->schema_.push_back(
        {std::move(name), static_cast<ColumnType>(entry.type), ColumnId{entry.id}});
    columns->columns_.push_back(std::move(column));
  }
  if (!directory.at_end()) return directory.corrupt("bytes are left over");
  return columns;
}

const ColumnReader* SealedColumns::find(ColumnId column) const {
  for (size_t i = 0; i < schema_.size(); ++i) {
    if (schema_[i].id == column) return columns_[i].get();
  }
  return nullptr;
}

}  // namespace omendb::column
