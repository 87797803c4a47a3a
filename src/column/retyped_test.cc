#include "column/retyped.h"

#include <gtest/gtest.h>

#include <random>

#include "column/columns.h"
#include "column/columns_test_util.h"
#include "column/convert.h"

namespace omendb::column {
namespace {

using testing::every_type;
using testing::random_column;
using testing::row_text;

/// A memtable's columns: one, number 0, with these values.
std::unique_ptr<GrowingColumns> growing(const Column& column) {
  auto columns = std::make_unique<GrowingColumns>();
  columns->append(std::span(&column, 1), {{column.name, column.type, ColumnId{0}}},
                  column.row_count());
  return columns;
}

Column ints(std::vector<int64_t> values, std::vector<uint8_t> valid = {}) {
  Column column{.name = "x", .valid = std::move(valid)};
  column.ints = std::move(values);
  return column;
}

std::vector<std::string> texts(const TypedColumn& typed, uint32_t rows) {
  std::vector<uint32_t> numbers;
  for (uint32_t r = 0; r < rows; ++r) numbers.push_back(r);
  Column out{.type = typed.reader()->type()};
  EXPECT_TRUE(typed.reader()->gather(numbers, out).ok());
  std::vector<std::string> result;
  for (uint32_t r = 0; r < rows; ++r) result.push_back(row_text(out, r));
  return result;
}

TEST(RetypedColumn, IntsReadAsFloatsAndNullsStayWhatTheyWere) {
  const auto columns = growing(ints({1, 0, -7, 0}, {1, 0, 1, 2}));
  const TypedColumn typed(*columns, ColumnId{0}, ColumnType::kF64);
  EXPECT_EQ(texts(typed, 4), (std::vector<std::string>{"1", "NULL", "-7", "null"}));
  ColumnBatch batch;
  ASSERT_TRUE(typed.reader()->read(0, 4, batch).ok());
  EXPECT_EQ(row_text(batch, ColumnType::kF64, 2), "-7");
  EXPECT_EQ(row_text(batch, ColumnType::kF64, 3), "NULL");
  EXPECT_EQ(TypedColumn(*columns, ColumnId{1}, ColumnType::kF64).reader(), nullptr);
}

TEST(RetypedColumn, ReadInBatchesEqualsGatheredWhereTheTypeHoldsTheValue) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    std::mt19937 rng(seed);
    const auto rows = static_cast<uint32_t>(1 + rng() % 5'000);
    for (const ColumnSchema& from : every_type()) {
      const auto columns = growing(random_column(from, rows, rng));
      const ColumnReader& stored = *columns->find(ColumnId{0});
      for (const ColumnSchema& to : every_type()) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ": " + from.name + " as " + to.name);
        const TypedColumn typed(*columns, ColumnId{0}, to.type);
        const std::vector<std::string> gathered = texts(typed, rows);
        ColumnBatch batch;
        for (uint32_t first = 0; first < rows; first += kBatchRows) {
          const uint32_t n = std::min(kBatchRows, rows - first);
          ASSERT_TRUE(typed.reader()->read(first, n, batch).ok());
          for (uint32_t r = 0; r < n; ++r) {
            Bitmap live(rows);
            live.set(first + r);
            if (r % 7 != 0 || first_row_not_held(stored, live, to.type).value()) continue;
            const std::string& text = gathered[first + r];
            ASSERT_EQ(row_text(batch, to.type, r), text == "null" ? "NULL" : text);
          }
        }
      }
    }
  }
}

TEST(RetypedColumn, TheFirstLiveRowThatTheTypeCannotHoldIsFound) {
  constexpr int64_t kOdd = (int64_t{1} << 60) + 1;
  std::vector<int64_t> values(5'000, 3);
  values[10] = kOdd;
  values[4'321] = kOdd;
  const auto columns = growing(ints(values));
  const ColumnReader& reader = *columns->find(ColumnId{0});
  Bitmap live(values.size(), true);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kF64).value(), 10U);
  live.reset(10);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kF64).value(), 4'321U);
  live.reset(4'321);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kF64).value(), std::nullopt);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kString).value(), 0U);
  EXPECT_EQ(first_row_not_held(reader, Bitmap(values.size()), ColumnType::kString).value(),
            std::nullopt);
}

TEST(RetypedColumn, EmptyListsBecomeEmptyListsOfAnyType) {
  Column json{.name = "x", .type = ColumnType::kJson, .valid = {1, 1, 2, 0}};
  json.bytes = "[][1]";
  json.string_offsets = {0, 2, 5, 5, 5};
  const auto columns = growing(json);
  const ColumnReader& reader = *columns->find(ColumnId{0});
  Bitmap live(4, true);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kI64Array).value(), 1U);
  live.reset(1);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kI64Array).value(), std::nullopt);
  EXPECT_EQ(first_row_not_held(reader, live, ColumnType::kI64).value(), 0U);
  const TypedColumn typed(*columns, ColumnId{0}, ColumnType::kI64Array);
  EXPECT_EQ(texts(typed, 4), (std::vector<std::string>{"[]", "NULL", "null", "NULL"}));
}

}  // namespace
}  // namespace omendb::column
