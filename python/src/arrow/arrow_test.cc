// Malformed Arrow arrays, made by hand. AddressSanitizer reports a read that trusted one of them.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "batch.h"
#include "check.h"

namespace omendb::python {
namespace {

/// A schema and its array in the making. Buffers are on the heap, as long as they are said to be.
struct Made {
  ArrowSchema schema{};
  ArrowArray array{};
  std::string format;
  std::string name;
  std::vector<std::unique_ptr<std::byte[]>> heap;
  std::vector<const void*> buffers;
  std::vector<ArrowSchema*> child_schemas;
  std::vector<ArrowArray*> child_arrays;
};

class ArrowTest : public ::testing::Test {
 protected:
  Made& make(std::string format, int64_t length, std::vector<Made*> children = {}) {
    Made& m = all_.emplace_back();
    m.format = std::move(format);
    m.name = "c" + std::to_string(all_.size());
    m.schema.format = m.format.c_str();
    m.schema.name = m.name.c_str();
    m.array.length = length;
    for (Made* child : children) {
      m.child_schemas.push_back(&child->schema);
      m.child_arrays.push_back(&child->array);
    }
    m.schema.n_children = m.array.n_children = static_cast<int64_t>(children.size());
    m.schema.children = m.child_schemas.data();
    m.array.children = m.child_arrays.data();
    return m;
  }

  template <class T>
  static Made& with(Made& m, const std::vector<T>& values) {
    auto& bytes = m.heap.emplace_back(new std::byte[values.size() * sizeof(T)]);
    if (!values.empty()) std::memcpy(bytes.get(), values.data(), values.size() * sizeof(T));
    return with_pointer(m, bytes.get());
  }
  static Made& with_pointer(Made& m, const void* buffer) {
    m.buffers.push_back(buffer);
    m.array.buffers = m.buffers.data();
    m.array.n_buffers = static_cast<int64_t>(m.buffers.size());
    return m;
  }
  static Made& no_nulls(Made& m) { return with_pointer(m, nullptr); }

  Made& ints(std::vector<int64_t> values) {
    return with(no_nulls(make("l", static_cast<int64_t>(values.size()))), values);
  }
  Made& floats(std::vector<float> values) {
    return with(no_nulls(make("f", static_cast<int64_t>(values.size()))), values);
  }
  Made& table(int64_t rows, std::vector<Made*> children) {
    return no_nulls(make("+s", rows, std::move(children)));
  }

  static Result<std::unique_ptr<ArrowTable>> take(const Made& m) {
    Status status = check_arrow_schema(m.schema);
    if (!status.ok()) return status;
    auto schema = std::make_shared<OwnedSchema>();
    schema->schema = m.schema;
    return ArrowTable::take(schema, m.array);
  }
  /// What taking and reading column 0 as metadata says.
  static std::string refusal(const Made& m) {
    auto table = take(m);
    if (!table.ok()) return table.status().to_string();
    auto column = (*table)->column(0, "x");
    return column.status().to_string();
  }
  static void expect_refused(const Made& m, std::string_view part) {
    EXPECT_NE(refusal(m).find(part), std::string::npos) << refusal(m);
  }

 private:
  std::deque<Made> all_;
};

TEST_F(ArrowTest, ATableLongerThanItsColumnIsRefused) {
  expect_refused(table(3, {&ints({1, 2})}), "has 2 values; what it belongs to needs 3");
  Made& shifted = table(2, {&ints({1, 2})});
  shifted.array.offset = 1;
  expect_refused(shifted, "needs 3");
}

TEST_F(ArrowTest, AFixedSizeListLongerThanItsValuesIsRefused) {
  Made& lists = no_nulls(make("+w:3", 2, {&floats({1, 2, 3, 4, 5})}));
  expect_refused(table(2, {&lists}), "has 5 values; what it belongs to needs 6");
  Made& huge = no_nulls(make("+w:2147483647", int64_t{1} << 40, {&floats({1})}));
  expect_refused(huge, "has 1 values");
}

TEST_F(ArrowTest, ListsThatPointPastTheirValuesAreRefused) {
  for (const std::vector<int32_t>& offsets :
       {std::vector<int32_t>{0, 1, 3}, {0, 2, 1}, {-1, 0, 1}, {0, 1, 2147483647}}) {
    Made& lists = with(no_nulls(make("+l", 2, {&floats({1, 2})})), offsets);
    expect_refused(lists, "points past the 2 that there are");
    EXPECT_FALSE((*take(lists))->vectors(0).ok());
  }
  Made& large =
      with(no_nulls(make("+L", 1, {&floats({1})})), std::vector<int64_t>{INT64_MIN, INT64_MAX});
  expect_refused(large, "points past the 1");
  Made& view = with(with(no_nulls(make("+vl", 1, {&floats({1, 2})})), std::vector<int32_t>{1}),
                    std::vector<int32_t>{2});
  expect_refused(view, "a list of 2 values at 1 points past the 2");
}

TEST_F(ArrowTest, StringsWhoseOffsetsFallAreRefused) {
  for (const std::vector<int32_t>& offsets : {std::vector<int32_t>{2, 1}, {-1, 1}}) {
    expect_refused(with(with(no_nulls(make("u", 1)), offsets), std::vector<char>{'a', 'b'}),
                   "a string lies from byte");
  }
  expect_refused(with_pointer(with(no_nulls(make("u", 1)), std::vector<int32_t>{0, 1}), nullptr),
                 "a string lies from byte 0 to 1");
}

TEST_F(ArrowTest, ViewsThatPointPastTheirBuffersAreRefused) {
  using View = std::array<int32_t, 4>;
  const std::vector<char> text(20, 'a');
  auto views = [&](View view) -> Made& {
    return with(with(with(no_nulls(make("vu", 1)), std::vector<View>{view}), text),
                std::vector<int64_t>{20});
  };
  EXPECT_EQ(refusal(views({20, 0, 0, 0})), "ok");
  expect_refused(views({21, 0, 0, 0}), "points past its buffer of 20");
  expect_refused(views({20, 0, 0, 1}), "points past its buffer of 20");
  expect_refused(views({20, 0, 0, -1}), "points past its buffer of 20");
  expect_refused(views({20, 0, 1, 0}), "buffer 1 of 1");
  expect_refused(views({20, 0, -1, 0}), "buffer -1 of 1");
  expect_refused(views({-1, 0, 0, 0}), "the length -1");
}

TEST_F(ArrowTest, DictionaryIndicesOutOfRangeAreRefused) {
  for (const int64_t index : {int64_t{2}, int64_t{-1}, INT64_MAX}) {
    Made& column = ints({index});
    Made& dictionary = ints({7, 8});
    column.schema.dictionary = &dictionary.schema;
    column.array.dictionary = &dictionary.array;
    expect_refused(column, "a dictionary index is out of range");
    EXPECT_FALSE((*take(column))->ids(0).ok());
    column.array.dictionary = nullptr;
    expect_refused(column, "lacks its dictionary");
  }
}

TEST_F(ArrowTest, RunsThatEndBeforeTheArrayAreRefused) {
  auto runs = [&](std::vector<int32_t> ends, std::vector<int64_t> values) -> Made& {
    Made& run_ends = with(no_nulls(make("i", static_cast<int64_t>(ends.size()))), ends);
    return make("+r", 4, {&run_ends, &ints(std::move(values))});
  };
  EXPECT_EQ(refusal(runs({1, 4}, {7, 8})), "ok");
  expect_refused(runs({1, 3}, {7, 8}), "lies behind the last run");
  expect_refused(runs({1, 4}, {7}), "lies behind the last run");
  expect_refused(runs({}, {}), "lies behind the last run");
}

TEST_F(ArrowTest, MissingBuffersAndChildrenAreRefused) {
  expect_refused(no_nulls(make("l", 1)), "has 1 buffers; a l has 2");
  expect_refused(with_pointer(no_nulls(make("l", 1)), nullptr), "lacks buffer 1");
  expect_refused(make("l", 1), "has 0 buffers");
  Made& nulls = ints({1});
  nulls.array.null_count = 1;
  expect_refused(nulls, "has 1 nulls and no validity buffer");
  Made& counted = ints({1});
  counted.array.buffers = nullptr;
  expect_refused(counted, "has no buffers");

  expect_refused(no_nulls(make("+w:2", 1)), "is a +w:2 with 0 children");
  Made& fewer = table(1, {&ints({1})});
  fewer.array.n_children = 0;
  expect_refused(fewer, "has 0 children; its schema has 1");
  Made& gone = table(1, {&ints({1})});
  gone.child_arrays[0] = nullptr;
  expect_refused(gone, "is missing");
  Made& unnamed = table(1, {&ints({1})});
  unnamed.child_schemas[0] = nullptr;
  expect_refused(unnamed, "lacks child 0");
}

TEST_F(ArrowTest, LengthsOutOfAllReasonAreRefused) {
  for (const auto& [length, offset] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 0}, {1, -1}, {INT64_MAX, 0}, {1, INT64_MAX}, {int64_t{1} << 40, 1}}) {
    Made& column = ints({1});
    column.array.length = length;
    column.array.offset = offset;
    expect_refused(column, "has the length " + std::to_string(length));
  }
}

TEST_F(ArrowTest, FormatsThatDoNotParseAreRefused) {
  for (const char* format : {"w:", "w:x", "w:-1", "w:99999999999", "w:3x"}) {
    expect_refused(with(no_nulls(make(format, 1)), std::vector<char>{'a'}), "names no size");
  }
  Made& none = ints({1});
  none.schema.format = nullptr;
  expect_refused(none, "has no format");
}

TEST_F(ArrowTest, NestingDeeperThanTheStackAllowsIsRefused) {
  Made* inner = &ints({1});
  for (int i = 0; i < 100'000; ++i) {
    inner = &with(no_nulls(make("+l", 1, {inner})), std::vector<int32_t>{0, 1});
  }
  expect_refused(*inner, "is nested deeper than 16 levels");
}

TEST_F(ArrowTest, ARowThatIsNullIsNoPoint) {
  Made& rows = with(make("+s", 2, {&floats({1, 2})}), std::vector<uint8_t>{0b01});
  rows.array.null_count = 1;
  expect_refused(rows, "row 1 of the Arrow structs is null");
}

TEST_F(ArrowTest, TypesWithoutAPlaceAreNamedWithWhatToDo) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"d:10,2", "decimal(10,2); cast it to float64"},
      {"tDs", "duration; cast it to int64"},
      {"ttu", "time; cast it to string"},
      {"tiM", "interval"},
      {"z", "binary; encode it as a string"},
      {"vz", "binary view; encode it"},
      {"w:4", "fixed-size binary; encode it"},
      {"+m", "map; make a column of each key"},
      {"+ud:1", "union"},
      {"zz", "binary"},
      {"?", "Arrow format \"?\""},
  };
  for (const auto& [format, part] : cases) {
    Made& column = make(format, 1);
    for (int i = 0; i < 4; ++i) with(column, std::vector<int64_t>(4, 0));
    expect_refused(column, part);
  }
  Made& nested =
      with(no_nulls(make("+l", 1, {&table(1, {&ints({1})})})), std::vector<int32_t>{0, 1});
  expect_refused(nested, "got list<struct>");
}

TEST_F(ArrowTest, ListViewsInAnyOrderAreVectors) {
  Made& views =
      with(with(no_nulls(make("+vl", 3, {&floats({1, 2, 3, 4})})), std::vector<int32_t>{2, 0, 1}),
           std::vector<int32_t>{2, 2, 2});
  auto matrix = (*take(views))->vectors(0);
  ASSERT_TRUE(matrix.ok()) << matrix.status().to_string();
  const auto* data = static_cast<const float*>(matrix->data);
  EXPECT_EQ(std::vector<float>(data, data + 6), (std::vector<float>{3, 4, 1, 2, 2, 3}));
  auto column = (*take(views))->column(0, "x");
  ASSERT_TRUE(column.ok());
  EXPECT_EQ((*column)->doubles, (std::vector<double>{3, 4, 1, 2, 2, 3}));
}

TEST_F(ArrowTest, RunEndEncodedColumnsAreDecoded) {
  Made& ends = with(no_nulls(make("s", 2)), std::vector<int16_t>{2, 5});
  Made& runs = make("+r", 3, {&ends, &ints({7, 8})});
  runs.array.offset = 1;
  auto column = (*take(runs))->column(0, "x");
  ASSERT_TRUE(column.ok());
  EXPECT_EQ((*column)->ints, (std::vector<int64_t>{7, 8, 8}));
  EXPECT_EQ(std::get<0>(*(*take(runs))->ids(0)), (std::vector<uint64_t>{7, 8, 8}));
}

}  // namespace
}  // namespace omendb::python
