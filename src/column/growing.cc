// Columns that grow: one writer appends, readers below the watermark see nothing move.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "column/columns.h"
#include "column/stable_array.h"
#include "column/util.h"

namespace omendb::column {

namespace {

/// String bytes that never move. Writer only; readers hold views of the bytes.
class StringArena {
 public:
  std::string_view store(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > free_) {
      const size_t block = std::max(kBlockBytes, text.size());
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
      next_ = blocks_.back().get();
      free_ = block;
      bytes_ += block;
    }
    std::memcpy(next_, text.data(), text.size());
    const std::string_view stored(next_, text.size());
    next_ += text.size();
    free_ -= text.size();
    return stored;
  }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kBlockBytes = size_t{64} << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t free_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

/// One column. Rows below first_row_ are NULL: whole batches of them take no memory, and the batch
/// that holds first_row_ is filled in when the column is made.
class GrowingColumn final : public ColumnReader {
 public:
  GrowingColumn(ColumnId id, ColumnType type, uint32_t first_row)
      : id_(id),
        type_(type),
        element_(element_type(type)),
        first_row_(first_row),
        first_stored_(first_row / kBatchRows * kBatchRows) {
    append_null_rows(first_stored_, first_row - first_stored_);
  }

  ColumnId id() const { return id_; }
  ColumnType type() const override { return type_; }
  Status read(uint32_t first_row, uint32_t n, ColumnBatch& out) const override;
  Status gather(std::span<const uint32_t> rows, Column& out) const override;

  // Writer only.
  void append_rows(const Column& batch, uint32_t first, uint32_t n);
  void append_null_rows(uint32_t first, uint32_t n);
  size_t bytes() const;

 private:
  void append_values(const Column& batch, size_t first, size_t n);
  void read_lists(uint32_t first_row, uint32_t n, ColumnBatch& out) const;
  void read_values(size_t first, size_t n, ColumnBatch& out) const;
  uint64_t list_begin(uint32_t row) const { return row <= first_stored_ ? 0 : list_ends_[row - 1]; }

  const ColumnId id_;
  const ColumnType type_;
  const ColumnType element_;
  const uint32_t first_row_;
  const uint32_t first_stored_;  ///< rows from here on have entries
  uint64_t elements_ = 0;        ///< of arrays; writer only

  // kAbsent, … of each row. A byte, not bits, a row: bits would share bytes between the writer and
  // the readers.
  StableArray<uint8_t> valid_;
  StableArray<uint64_t> list_ends_;  // arrays only
  // Of these, the one that element_ names.
  StableArray<uint8_t> bools_;
  StableArray<int64_t> ints_;
  StableArray<double> doubles_;
  StableArray<std::string_view> strings_;
  StringArena arena_;
};

void GrowingColumn::append_values(const Column& batch, size_t first, size_t n) {
  switch (element_) {
    case ColumnType::kBool:
      bools_.write(first, n, [&](uint8_t* to, size_t done, size_t count) {
        for (size_t i = 0; i < count; ++i) to[i] = batch.bools[done + i] != 0;
      });
      break;
    case ColumnType::kF64:
      doubles_.write(first, n, [&](double* to, size_t done, size_t count) {
        std::copy_n(batch.doubles.data() + done, count, to);
      });
      break;
    case ColumnType::kString:
    case ColumnType::kJson:
      strings_.write(first, n, [&](std::string_view* to, size_t done, size_t count) {
        for (size_t i = 0; i < count; ++i) to[i] = arena_.store(batch.string_at(done + i));
      });
      break;
    default:
      ints_.write(first, n, [&](int64_t* to, size_t done, size_t count) {
        std::copy_n(batch.ints.data() + done, count, to);
      });
  }
}

void GrowingColumn::append_rows(const Column& batch, uint32_t first, uint32_t n) {
  OMEN_CHECK(batch.type == type_);
  if (batch.valid.empty()) {
    valid_.fill(first, n, kPresent);
  } else {
    valid_.write(first, n, [&](uint8_t* to, size_t done, size_t count) {
      std::copy_n(batch.valid.data() + done, count, to);
    });
  }
  if (!is_array(type_)) {
    append_values(batch, first, n);
    return;
  }
  append_values(batch, elements_, batch.value_count());
  list_ends_.write(first, n, [&](uint64_t* to, size_t done, size_t count) {
    for (size_t i = 0; i < count; ++i) to[i] = elements_ + batch.list_offsets[done + i + 1];
  });
  elements_ += batch.value_count();
}

void GrowingColumn::append_null_rows(uint32_t first, uint32_t n) {
  valid_.fill(first, n, kAbsent);
  if (is_array(type_)) {
    list_ends_.fill(first, n, elements_);
    return;
  }
  switch (element_) {
    case ColumnType::kBool: bools_.fill(first, n, 0); break;
    case ColumnType::kF64: doubles_.fill(first, n, 0); break;
    case ColumnType::kString:
    case ColumnType::kJson: strings_.fill(first, n, {}); break;
    default: ints_.fill(first, n, 0);
  }
}

size_t GrowingColumn::bytes() const {
  return sizeof *this + valid_.bytes() + list_ends_.bytes() + bools_.bytes() + ints_.bytes() +
         doubles_.bytes() + strings_.bytes() + arena_.bytes();
}

/// Points `out` at values that lie in one run, which those of a batch of rows do.
void GrowingColumn::read_values(size_t first, size_t n, ColumnBatch& out) const {
  switch (element_) {
    case ColumnType::kBool: out.bools = bools_.run(first, n); break;
    case ColumnType::kF64: out.doubles = doubles_.run(first, n); break;
    case ColumnType::kString:
    case ColumnType::kJson: out.strings = strings_.run(first, n); break;
    default: out.ints = ints_.run(first, n);
  }
}

/// Copies the elements of arrays together: they may straddle blocks.
void GrowingColumn::read_lists(uint32_t first_row, uint32_t n, ColumnBatch& out) const {
  auto& offsets = out.scratch.list_offsets;
  offsets.resize(n + size_t{1});
  offsets[0] = list_begin(first_row);
  std::ranges::copy(list_ends_.run(first_row, n), offsets.begin() + 1);
  out.list_offsets = offsets;

  const uint64_t first = offsets.front();
  const uint64_t count = offsets.back() - first;
  const auto collect = [&](const auto& from, auto& to) {
    to.clear();
    from.read(first, count,
              [&](const auto* values, size_t k) { to.insert(to.end(), values, values + k); });
    return std::span(std::as_const(to));
  };
  switch (element_) {
    case ColumnType::kBool: out.bools = collect(bools_, out.scratch.bools); break;
    case ColumnType::kF64: out.doubles = collect(doubles_, out.scratch.doubles); break;
    case ColumnType::kString:
    case ColumnType::kJson: out.strings = collect(strings_, out.scratch.strings); break;
    default: out.ints = collect(ints_, out.scratch.ints);
  }
}

Status GrowingColumn::read(uint32_t first_row, uint32_t n, ColumnBatch& out) const {
  OMEN_DCHECK(first_row % kBatchRows == 0 && n <= kBatchRows);
  out.rows = n;
  if (first_row < first_stored_) {  // then so is the whole batch
    set_all_null(type_, out);
    return {};
  }
  const std::span<const uint8_t> valid = valid_.run(first_row, n);
  if (std::ranges::all_of(valid, [](uint8_t state) { return state == kPresent; })) {
    out.valid = nullptr;
  } else {
    pack_bits(valid, out.scratch.valid);
    out.valid = out.scratch.valid.data();
  }
  if (is_array(type_)) {
    read_lists(first_row, n, out);
  } else {
    read_values(first_row, n, out);
  }
  return {};
}

Status GrowingColumn::gather(std::span<const uint32_t> rows, Column& out) const {
  OMEN_CHECK(out.type == type_);
  for (const uint32_t row : rows) {
    const uint8_t state = row < first_row_ ? kAbsent : valid_[row];
    if (state != kPresent) {
      append_nulls(out, 1, state);
      continue;
    }
    mark_valid(out);
    uint64_t begin = row;
    uint64_t end = row + uint64_t{1};
    if (is_array(type_)) {
      begin = list_begin(row);
      end = list_ends_[row];
      push_list(out, end - begin);
    }
    for (uint64_t i = begin; i < end; ++i) {
      switch (element_) {
        case ColumnType::kBool: out.bools.push_back(bools_[i]); break;
        case ColumnType::kF64: out.doubles.push_back(doubles_[i]); break;
        case ColumnType::kString:
        case ColumnType::kJson: push_string(out, strings_[i]); break;
        default: out.ints.push_back(ints_[i]);
      }
    }
  }
  return {};
}

GrowingColumns::GrowingColumns()
    : columns_(std::make_unique<std::unique_ptr<GrowingColumn>[]>(kMaxColumns)) {}

GrowingColumns::~GrowingColumns() = default;

GrowingColumn& GrowingColumns::column_for(ColumnId column, ColumnType type) {
  const uint32_t count = count_.load(std::memory_order_relaxed);
  const auto [at, fresh] = index_.try_emplace(to_int(column), count);
  if (fresh) {
    OMEN_CHECK(count < kMaxColumns);
    columns_[count] = std::make_unique<GrowingColumn>(column, type, rows_);
    in_batch_.push_back(false);
    count_.store(count + 1, std::memory_order_release);
  }
  in_batch_[at->second] = true;
  return *columns_[at->second];
}

void GrowingColumns::append(std::span<const Column> batch, const Schema& schema, size_t rows) {
  const auto n = static_cast<uint32_t>(rows);
  in_batch_.assign(in_batch_.size(), false);
  for (const Column& column : batch) {
    const ColumnSchema* known = find_column(schema, column.name);
    OMEN_CHECK(known != nullptr && known->type == column.type);
    column_for(known->id, known->type).append_rows(column, rows_, n);
  }
  for (size_t i = 0; i < in_batch_.size(); ++i) {
    if (!in_batch_[i]) columns_[i]->append_null_rows(rows_, n);
  }
  rows_ += n;
}

size_t GrowingColumns::bytes() const {
  size_t total = 0;
  for (uint32_t i = 0; i < count_.load(std::memory_order_relaxed); ++i) {
    total += columns_[i]->bytes();
  }
  return total;
}

const ColumnReader* GrowingColumns::find(ColumnId column) const {
  const uint32_t count = count_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (columns_[i]->id() == column) return columns_[i].get();
  }
  return nullptr;
}

}  // namespace omendb::column
