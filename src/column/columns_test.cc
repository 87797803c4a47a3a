#include "column/columns.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "base/sync.h"
#include "column/columns_test_util.h"
#include "column/format.h"

namespace omendb::column {
namespace {

using storage::SectionFile;
using storage::SectionFileWriter;
using testing::every_type;
using testing::random_column;
using testing::row_text;

constexpr uint32_t kFileKind = 1;

/// What the columns should hold, row by row, as text.
using Model = std::map<std::string, std::vector<std::string>>;

/// Appends random batches of random subsets of the columns.
uint32_t fill_randomly(std::mt19937& rng, size_t batches, GrowingColumns& columns, Model& model) {
  uint32_t rows = 0;
  for (const ColumnSchema& column : every_type()) model[column.name];
  for (size_t b = 0; b < batches; ++b) {
    const size_t n = rng() % 5 == 0 ? rng() % 6'000 : rng() % 40;
    std::vector<Column> batch;
    for (const ColumnSchema& column : every_type()) {
      if (rng() % 2 == 0) batch.push_back(random_column(column, n, rng));
    }
    EXPECT_EQ(check_columns(batch, n).to_string(), "ok");
    columns.append(batch, every_type(), n);
    rows += static_cast<uint32_t>(n);
    for (auto& [name, texts] : model) texts.resize(rows, "NULL");
    for (const Column& column : batch) {
      for (size_t r = 0; r < n; ++r) model[column.name][rows - n + r] = row_text(column, r);
    }
  }
  return rows;
}

void expect_same(const ColumnSource& source, const Model& model, uint32_t rows, std::mt19937& rng) {
  for (const ColumnSchema& column : every_type()) {
    const std::vector<std::string>& expected = model.at(column.name);
    const ColumnReader* reader = source.find(column.id);
    if (reader == nullptr) {
      for (uint32_t r = 0; r < rows; ++r) ASSERT_EQ(expected[r], "NULL");
      continue;
    }
    ASSERT_EQ(reader->type(), column.type);
    ColumnBatch batch;
    for (uint32_t first = 0; first < rows; first += kBatchRows) {
      const uint32_t n = std::min(kBatchRows, rows - first);
      ASSERT_EQ(reader->read(first, n, batch).to_string(), "ok");
      for (uint32_t r = 0; r < n; ++r) {
        const std::string& text = expected[first + r];
        ASSERT_EQ(row_text(batch, column.type, r), text == "null" ? "NULL" : text)
            << column.name << " row " << first + r;
      }
    }
    std::vector<uint32_t> numbers;
    for (int i = 0; rows > 0 && i < 100; ++i)
      numbers.push_back(static_cast<uint32_t>(rng() % rows));
    Column gathered{.name = column.name, .type = column.type};
    ASSERT_TRUE(reader->gather(numbers, gathered).ok());
    ASSERT_EQ(gathered.row_count(), numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(row_text(gathered, i), expected[numbers[i]]) << column.name;
    }
    const std::vector<Column> again = {gathered};
    EXPECT_EQ(check_columns(again, numbers.size()).to_string(), "ok");
  }
}

Result<std::unique_ptr<SealedColumns>> seal(std::span<const ColumnSource* const> sources,
                                            std::span<const RowRef> rows) {
  auto env = storage::Env::in_memory();
  auto writer = SectionFileWriter::create(env, "f", kFileKind);
  EXPECT_TRUE(writer.ok());
  JobControl control;
  EXPECT_EQ(write_columns(**writer, every_type(), sources, rows, control).to_string(), "ok");
  EXPECT_TRUE((*writer)->finish().ok());
  auto file = SectionFile::open(env, "f", kFileKind);
  EXPECT_EQ(file.status().to_string(), "ok");
  return SealedColumns::open(*file, static_cast<uint32_t>(rows.size()));
}

TEST(Columns, GrowingSealedAndMergedColumnsEqualTheModel) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 rng(seed);
    Model models[2];
    uint32_t rows[2];
    GrowingColumns growing[2];
    std::unique_ptr<SealedColumns> sealed[2];
    for (int s = 0; s < 2; ++s) {
      rows[s] = fill_randomly(rng, 12, growing[s], models[s]);
      expect_same(growing[s], models[s], rows[s], rng);
      std::vector<RowRef> order;
      for (uint32_t r = 0; r < rows[s]; ++r) order.push_back({0, r});
      const ColumnSource* sources[] = {&growing[s]};
      auto columns = seal(sources, order);
      ASSERT_EQ(columns.status().to_string(), "ok");
      sealed[s] = std::move(columns).value();
      expect_same(*sealed[s], models[s], rows[s], rng);
    }
    std::vector<RowRef> order;
    for (uint32_t s = 0; s < 2; ++s) {
      for (uint32_t r = 0; r < rows[s]; ++r) {
        if (rng() % 3 != 0) order.push_back({s, r});
      }
    }
    if (seed % 2 == 0) std::shuffle(order.begin(), order.end(), rng);
    Model merged;
    for (const auto& [name, texts] : models[0]) {
      for (const RowRef& ref : order) merged[name].push_back(models[ref.source][name][ref.row]);
    }
    const ColumnSource* sources[] = {sealed[0].get(), &growing[1]};
    auto columns = seal(sources, order);
    ASSERT_EQ(columns.status().to_string(), "ok");
    expect_same(**columns, merged, static_cast<uint32_t>(order.size()), rng);
  }
}

TEST(Columns, ALateColumnIsNullInEarlierRows) {
  GrowingColumns columns;
  columns.append({}, {}, 5'000);
  const Column late{.name = "x",
                    .type = ColumnType::kStringArray,
                    .string_offsets = {0, 1},
                    .bytes = "a",
                    .list_offsets = {0, 1}};
  columns.append(std::span(&late, 1), {{"x", late.type, ColumnId{7}}}, 1);
  const ColumnReader* reader = columns.find(ColumnId{7});
  ASSERT_NE(reader, nullptr);
  ColumnBatch batch;
  for (uint32_t first : {0u, 2'048u, 4'096u}) {
    const uint32_t n = std::min(kBatchRows, 5'001 - first);
    ASSERT_TRUE(reader->read(first, n, batch).ok());
    for (uint32_t r = 0; r < n; ++r) {
      ASSERT_EQ(row_text(batch, late.type, r), first + r == 5'000 ? "['a',]" : "NULL");
    }
  }
  EXPECT_EQ(columns.find(ColumnId{0}), nullptr);
}

TEST(Columns, BadBatchesAreRefusedWithTheirReason) {
  const auto refuse = [&](std::vector<Column> batch, StatusCode code, std::string_view message) {
    const Status status = check_columns(batch, 2);
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(message), std::string::npos) << status.to_string();
  };
  const Column good{.name = "year", .type = ColumnType::kI64, .ints = {1, 2}};
  const Column text{
      .name = "lang", .type = ColumnType::kString, .string_offsets = {0, 1, 2}, .bytes = "ab"};
  const auto with = [](Column column, auto change) {
    change(column);
    return std::vector<Column>{column};
  };
  EXPECT_TRUE(check_columns(std::vector<Column>{good, text}, 2).ok());
  refuse({good, good}, StatusCode::kInvalidArgument, "\"year\" is given twice");
  refuse(with(good, [](Column& c) { c.ints.pop_back(); }), StatusCode::kInvalidArgument,
         "has 1 rows; the batch has 2");
  refuse(with(good, [](Column& c) { c.valid = {1}; }), StatusCode::kInvalidArgument,
         "1 validity bytes");
  refuse(with(good,
              [](Column& c) {
                c.valid = {1, 3};
              }),
         StatusCode::kInvalidArgument, "validity 3 in row 1");
  refuse(with(text, [](Column& c) { c.type = ColumnType::kJson; }), StatusCode::kInvalidArgument,
         "malformed JSON in row 0: byte 0 lacks a value");
  refuse(with(good, [](Column& c) { c.type = static_cast<ColumnType>(22); }),
         StatusCode::kInvalidArgument, "unknown type");
  refuse(with(good, [](Column& c) { c.name = ""; }), StatusCode::kInvalidArgument, "empty name");
  refuse(with(good, [](Column& c) { c.name = "\xFF"; }), StatusCode::kInvalidArgument, "UTF-8");
  refuse(with(good, [](Column& c) { c.name.assign(257, 'x'); }), StatusCode::kLimitExceeded,
         "257 bytes");
  refuse(with(good, [](Column& c) { c.type = static_cast<ColumnType>(9); }),
         StatusCode::kInvalidArgument, "unknown type");
  refuse(with(text,
              [](Column& c) {
                c.string_offsets = {0, 2, 1};
              }),
         StatusCode::kInvalidArgument, "string_offsets fall at entry 2: 2 then 1");
  refuse(with(text,
              [](Column& c) {
                c.string_offsets = {0, 1, 3};
              }),
         StatusCode::kInvalidArgument, "end at 3");
  refuse(with(text,
              [](Column& c) {
                c.string_offsets = {1, 1, 2};
              }),
         StatusCode::kInvalidArgument, "begin with 0");
  refuse(with(text, [](Column& c) { c.string_offsets = {}; }), StatusCode::kInvalidArgument,
         "has 0 rows");
  refuse(with(text, [](Column& c) { c.bytes = "a\x80"; }), StatusCode::kInvalidArgument,
         "malformed UTF-8 in string 1");
  refuse(with(text, [](Column& c) { c.bytes = "\xC3\xA9"; }), StatusCode::kInvalidArgument,
         "malformed UTF-8 in string 0");
  refuse({{.name = "many", .type = ColumnType::kI64Array, .ints = {1}, .list_offsets = {0, 0, 2}}},
         StatusCode::kInvalidArgument, "list_offsets end at 2");
  Column huge = text;
  huge.bytes.assign(kMaxStringBytes + 1, 'x');
  huge.string_offsets = {0, kMaxStringBytes + 1, kMaxStringBytes + 1};
  refuse({huge}, StatusCode::kLimitExceeded, "string 0 has 16777217 bytes");
}

TEST(Columns, ASchemaTakesTheColumnsAndTheTypesThatABatchHas) {
  Schema schema = {{"a", ColumnType::kI64, ColumnId{4}}};
  uint32_t next_id = 7;
  std::vector<Column> batch = {{.name = "b", .type = ColumnType::kBool}, {.name = "a"}};
  EXPECT_TRUE(take_columns(batch, schema, next_id));
  EXPECT_FALSE(take_columns(batch, schema, next_id));
  EXPECT_EQ(schema,
            (Schema{{"a", ColumnType::kI64, ColumnId{4}}, {"b", ColumnType::kBool, ColumnId{7}}}));
  for (const ColumnType type : {ColumnType::kF64, ColumnType::kString, ColumnType::kI64}) {
    batch[1].type = type;
    EXPECT_TRUE(take_columns(batch, schema, next_id));
    EXPECT_EQ(schema[0].type, type);
  }
  EXPECT_EQ(schema[0].former, (std::vector<ColumnType>{ColumnType::kF64, ColumnType::kString}));
  EXPECT_EQ(next_id, 8U);
}

TEST(Columns, TooManyColumnsAreRefusedAtOnceOrInTheLifeOfACollection) {
  Schema schema;
  for (uint32_t i = 0; i < kMaxColumns; ++i) {
    schema.push_back({"c" + std::to_string(i), ColumnType::kI64, ColumnId{i}});
  }
  std::vector<Column> batch = {{.name = "c5", .ints = {1}}};
  EXPECT_TRUE(check_column_count(batch, schema, kMaxColumnIds).ok());
  batch[0].name = "fresh";
  EXPECT_EQ(check_column_count(batch, schema, kMaxColumns).code(), StatusCode::kLimitExceeded);
  schema.pop_back();
  EXPECT_TRUE(check_column_count(batch, schema, kMaxColumns).ok());
  EXPECT_TRUE(check_column_count(batch, schema, kMaxColumnIds - 1).ok());
  EXPECT_EQ(check_column_count(batch, schema, kMaxColumnIds).code(), StatusCode::kLimitExceeded);
}

TEST(Columns, ReadersSeeWholeRowsWhileAWriterAppends) {
  GrowingColumns columns;
  const Schema schema = {{"i", ColumnType::kI64, ColumnId{0}},
                         {"s", ColumnType::kString, ColumnId{1}},
                         {"late", ColumnType::kI64Array, ColumnId{2}}};
  Mutex mutex;
  uint32_t watermark = 0;
  bool done = false;
  // Row r holds r as number, text and list, so that a reader needs no model.
  std::thread writer([&] {
    std::mt19937 rng(7);
    uint32_t rows = 0;
    while (rows < 30'000) {
      const uint32_t n = 1 + static_cast<uint32_t>(rng() % 300);
      Column ints{.name = "i", .type = ColumnType::kI64};
      Column texts{.name = "s", .type = ColumnType::kString, .string_offsets = {0}};
      Column lists{.name = "late", .type = ColumnType::kI64Array, .list_offsets = {0}};
      for (uint32_t r = rows; r < rows + n; ++r) {
        ints.ints.push_back(r);
        texts.bytes += std::to_string(r);
        texts.string_offsets.push_back(texts.bytes.size());
        for (uint32_t k = 0; k < r % 3; ++k) lists.ints.push_back(r);
        lists.list_offsets.push_back(lists.ints.size());
      }
      std::vector<Column> batch = {ints, texts};
      if (rows > 5'000) batch.push_back(lists);
      columns.append(batch, schema, n);
      rows += n;
      MutexLock lock(mutex);
      watermark = rows;
    }
    MutexLock lock(mutex);
    done = true;
  });
  const auto read = [&](uint32_t seed) {
    std::mt19937 rng(seed);
    ColumnBatch batch;
    for (bool last = false; !last;) {
      uint32_t rows;
      {
        MutexLock lock(mutex);
        rows = watermark;
        last = done;
      }
      if (rows == 0) continue;
      const uint32_t first = static_cast<uint32_t>(rng()) % rows / kBatchRows * kBatchRows;
      const uint32_t n = std::min(kBatchRows, rows - first);
      ASSERT_TRUE(columns.find(ColumnId{0})->read(first, n, batch).ok());
      for (uint32_t r = 0; r < n; ++r) ASSERT_EQ(batch.ints[r], first + r);
      ASSERT_TRUE(columns.find(ColumnId{1})->read(first, n, batch).ok());
      ASSERT_EQ(batch.strings[n - 1], std::to_string(first + n - 1));
      const ColumnReader* late = columns.find(ColumnId{2});
      if (late == nullptr) continue;
      ASSERT_TRUE(late->read(first, n, batch).ok());
      for (uint32_t r = 0; r < n; ++r) {
        const std::string text = row_text(batch, ColumnType::kI64Array, r);
        if (text == "NULL") continue;
        ASSERT_EQ(batch.list_end(r) - batch.list_begin(r), (first + r) % 3);
      }
    }
  };
  std::thread other(read, 1);
  read(2);
  other.join();
  writer.join();
}

/// A file with one column, whose sections the test writes itself.
Result<std::unique_ptr<SealedColumns>> hostile_file(
    const ColumnEntry& entry, std::vector<std::pair<ColumnSection, std::vector<uint64_t>>> words,
    uint32_t rows) {
  auto env = storage::Env::in_memory();
  auto made = SectionFileWriter::create(env, "f", kFileKind);
  EXPECT_TRUE(made.ok());
  SectionFileWriter& out = **made;
  const auto section = [&](ColumnSection kind, std::span<const std::byte> bytes) {
    EXPECT_TRUE(out.begin(key(kind, 0)).ok());
    EXPECT_TRUE(out.append(bytes).ok());
    EXPECT_TRUE(out.end().ok());
  };
  const ColumnsHeader header{kColumnsVersion, 1, rows};
  std::vector<std::byte> directory;
  for (const auto bytes : {std::as_bytes(std::span(&header, 1)),
                           std::as_bytes(std::span(&entry, 1)), std::as_bytes(std::span("x", 1))}) {
    directory.insert(directory.end(), bytes.begin(), bytes.end());
  }
  section(ColumnSection::kDirectory, directory);
  for (const auto& [kind, values] : words) section(kind, std::as_bytes(std::span(values)));
  EXPECT_TRUE(out.finish().ok());
  auto file = SectionFile::open(env, "f", kFileKind);
  EXPECT_TRUE(file.ok());
  return SealedColumns::open(*file, rows);
}

TEST(Columns, OffsetsThatLeaveTheirSectionsAreCorruption) {
  const auto string_entry = [](uint64_t values) {
    return ColumnEntry{static_cast<uint8_t>(ColumnType::kString), 0, 1, 0, values};
  };
  using S = ColumnSection;
  // 3 rows over 16 bytes of text.
  for (const auto& offsets :
       {std::vector<uint64_t>{0, 1, 2, 17}, std::vector<uint64_t>{0, 9, 8, 16},
        std::vector<uint64_t>{0, 1, ~uint64_t{0}, 2},
        std::vector<uint64_t>{~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, 0}}) {
    auto columns =
        hostile_file(string_entry(3), {{S::kStringOffsets, offsets}, {S::kStringBytes, {1, 2}}}, 3);
    ASSERT_EQ(columns.status().to_string(), "ok");
    ColumnBatch batch;
    EXPECT_EQ((*columns)->find(ColumnId{0})->read(0, 3, batch).code(), StatusCode::kCorruption);
    Column out{.type = ColumnType::kString};
    const uint32_t rows[] = {0, 1, 2};
    EXPECT_EQ((*columns)->find(ColumnId{0})->gather(rows, out).code(), StatusCode::kCorruption);
  }
  EXPECT_EQ(hostile_file(string_entry(3), {{S::kStringOffsets, {0, 1}}, {S::kStringBytes, {1}}}, 3)
                .status()
                .code(),
            StatusCode::kCorruption);
  EXPECT_EQ(
      hostile_file(string_entry(2), {{S::kStringOffsets, {0, 1, 2}}, {S::kStringBytes, {1}}}, 3)
          .status()
          .code(),
      StatusCode::kCorruption);
  ColumnEntry lists{static_cast<uint8_t>(ColumnType::kI64Array), 0, 1, 0, 2};
  auto columns = hostile_file(lists, {{S::kListOffsets, {0, 3}}, {S::kValues, {1, 2}}}, 1);
  ASSERT_TRUE(columns.ok());
  ColumnBatch batch;
  EXPECT_EQ((*columns)->find(ColumnId{0})->read(0, 1, batch).code(), StatusCode::kCorruption);
  lists.values = ~uint64_t{0};
  EXPECT_EQ(
      hostile_file(lists, {{S::kListOffsets, {0, 3}}, {S::kValues, {1, 2}}}, 1).status().code(),
      StatusCode::kCorruption);
}

}  // namespace
}  // namespace omendb::column
