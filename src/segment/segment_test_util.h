// Test support: ids and vectors by the batch, memtables made of them, and everything that a row
// source says of a row as one comparable value.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "column/columns_test_util.h"
#include "distance/convert.h"
#include "index/coded_index.h"
#include "segment/memtable.h"
#include "segment/segment_writer.h"

namespace omendb::segment::testing {

/// Owned ids of either kind, and the view that calls want.
struct IdBatch {
  std::vector<uint64_t> numbers;
  std::vector<std::string> strings;
  mutable std::vector<std::string_view> views;

  IdsView view() const {
    if (strings.empty()) return std::span<const uint64_t>(numbers);
    views.assign(strings.begin(), strings.end());
    return std::span<const std::string_view>(views);
  }
  size_t size() const { return std::max(numbers.size(), strings.size()); }
  IdView at(size_t i) const {
    if (strings.empty()) return numbers[i];
    return std::string_view(strings[i]);
  }
};

/// Distinct ids, shuffled: multiples of 3, so that others are absent; as strings of all lengths.
inline IdBatch distinct_ids(IdKind kind, size_t count, uint64_t first, std::mt19937& rng) {
  std::vector<uint64_t> numbers(count);
  for (size_t i = 0; i < count; ++i) numbers[i] = (first + i) * 3;
  std::shuffle(numbers.begin(), numbers.end(), rng);
  if (kind == IdKind::kU64) return {.numbers = numbers};
  IdBatch batch;
  for (const uint64_t n : numbers) {
    batch.strings.push_back(std::string(n % 7, 'a') + "\xC3\xA9" + std::to_string(n));
  }
  return batch;
}

/// Rows of the spec's element type without gaps: never zero, and binary padding bits are 0.
inline std::vector<std::byte> random_vectors(const VectorSpec& spec, size_t rows,
                                             std::mt19937& rng) {
  std::vector<std::byte> bytes(rows * spec.row_bytes());
  if (spec.element == Element::kBinary) {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < spec.dim; ++i) {
        const auto bit = static_cast<std::byte>((rng() & 1U) << (i % 8));
        bytes[r * spec.row_bytes() + i / 8] |= bit;
      }
    }
    return bytes;
  }
  std::vector<float> row(spec.dim);
  for (size_t r = 0; r < rows; ++r) {
    for (float& x : row) x = static_cast<float>(static_cast<int>(rng() % 200) - 100) + 0.5F;
    distance::from_f32(spec.element, row.data(), spec.dim, bytes.data() + r * spec.row_bytes());
  }
  return bytes;
}

inline VectorsView rows_view(const VectorSpec& spec, const std::vector<std::byte>& bytes) {
  return {bytes.data(), bytes.size() / spec.row_bytes(), spec.dim, spec.element, 0};
}

/// The vectors of rows, field by field.
using FieldRows = std::vector<std::vector<std::byte>>;
inline FieldRows random_rows(const Fields& fields, size_t rows, std::mt19937& rng) {
  FieldRows result;
  for (const Field& field : fields) result.push_back(random_vectors(field.spec, rows, rng));
  return result;
}

/// Which rows have a vector, field by field; null: all of them.
using FieldPresence = std::vector<std::shared_ptr<const Bitmap>>;
inline std::shared_ptr<const Bitmap> random_presence(size_t rows, std::mt19937& rng) {
  const auto of_8 = rng() % 9;
  auto present = std::make_shared<Bitmap>(rows);
  for (size_t r = 0; r < rows; ++r) {
    if (rng() % 8 < of_8) present->set(r);
  }
  return present;
}

/// The codes that an index searches; null if there is no index.
inline const index::Codes* codes_of(const index::PartIndex* index) {
  const auto* coded = dynamic_cast<const index::CodedIndex*>(index);
  return coded == nullptr ? nullptr : &coded->codes();
}

/// A memtable that holds one published batch.
inline std::shared_ptr<Memtable> filled_memtable(
    const Fields& fields, IdKind kind, const IdBatch& ids, const FieldRows& vectors,
    std::span<const Column> columns = {}, const Encoders& encoders = {},
    const FieldPresence& presence = {},
    const column::Schema& schema = column::testing::every_type()) {
  const auto rows = static_cast<uint32_t>(ids.size());
  auto memtable = std::make_shared<Memtable>(fields, kind, rows, encoders);
  const uint32_t first = memtable->reserve(ids.view(), columns, schema, rows);
  bool encoded = true;
  for (size_t f = 0; f < fields.size(); ++f) {
    if (!presence.empty()) memtable->reserve_vectors(first, rows, f, presence[f].get());
    encoded &= memtable->fill(first, f, rows_view(fields[f].spec, vectors[f]));
  }
  memtable->publish(first, rows, encoded);
  return memtable;
}

/// All that a row is: its vectors' bytes (zeros if it has none), and which it has and its columns
/// as text.
using RowText = std::pair<std::vector<std::byte>, std::vector<std::string>>;
inline RowText row_of(const RowSource& source, const Fields& fields, const column::Schema& schema,
                      uint32_t slot) {
  RowText row;
  for (size_t f = 0; f < fields.size(); ++f) {
    const size_t row_bytes = fields[f].spec.row_bytes();
    const Result<bool> has = source.field(f).has(slot);
    row.second.push_back(!has.ok() ? has.status().to_string() : *has ? "has" : "lacks");
    if (!has.ok() || !*has) {
      row.first.resize(row.first.size() + row_bytes);
      continue;
    }
    const std::byte* place = nullptr;
    EXPECT_TRUE(source.field(f).locate(std::span(&slot, 1), &place).ok());
    row.first.insert(row.first.end(), place, place + row_bytes);
  }
  for (const column::ColumnSchema& column : schema) {
    Column out{.name = column.name, .type = column.type};
    const column::ColumnReader* reader = source.columns().find(column.id);
    if (reader == nullptr) {
      column::append_nulls(out, 1);
    } else {
      EXPECT_TRUE(reader->gather(std::span(&slot, 1), out).ok());
    }
    row.second.push_back(column::testing::row_text(out, 0));
  }
  return row;
}

}  // namespace omendb::segment::testing
