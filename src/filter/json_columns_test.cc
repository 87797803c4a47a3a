#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "column/columns.h"
#include "filter/eval.h"
#include "filter/json_reader.h"

namespace omendb::filter {
namespace {

/// One column of JSON texts; an empty text is a row without a value.
Column json_column(std::string name, const std::vector<std::string>& texts) {
  Column column{.name = std::move(name), .type = ColumnType::kJson, .string_offsets = {0}};
  for (const std::string& text : texts) {
    column.valid.push_back(text.empty() ? kAbsent : kPresent);
    column.bytes += text;
    column.string_offsets.push_back(column.bytes.size());
  }
  return column;
}

/// What the filter is of each row: '1' where it is TRUE, '0' FALSE, '-' NULL.
std::string truths(const std::string& text, const std::vector<Column>& columns) {
  column::Schema schema;
  uint32_t next_id = 0;
  column::take_columns(columns, schema, next_id);
  const size_t rows = columns[0].row_count();
  column::GrowingColumns growing;
  growing.append(columns, schema, rows);
  std::string out(rows, '-');
  for (const char* form : {"", "not "}) {
    const auto filter = Filter::parse(form + ("(" + text + ")"));
    if (!filter.ok()) return filter.status().to_string();
    const auto bound = bind_filter(*filter, schema, IdKind::kU64);
    if (!bound.ok()) return bound.status().to_string();
    if (!bound->unknown.empty()) return bound->unknown[0].message;
    const auto bits = evaluate(*bound, {static_cast<uint32_t>(rows), growing});
    if (!bits.ok()) return bits.status().to_string();
    for (size_t r = 0; r < rows; ++r) {
      if (bits->test(r)) out[r] = *form == '\0' ? '1' : '0';
    }
  }
  return out;
}

TEST(JsonColumns, ValuesCompareByTheirTypeAndAreNullToOthers) {
  const std::vector<Column> v = {
      json_column("v", {"2", "2.5", "\"2\"", "true", "null", "", "{\"a\":1}", "[1,\"2\",true]"})};
  EXPECT_EQ(truths("v = 2", v), "10-----0");
  EXPECT_EQ(truths("v >= 2", v), "11-----0");
  EXPECT_EQ(truths("v != 2", v), "01-----1");
  EXPECT_EQ(truths("v < 2.25", v), "10-----1");
  EXPECT_EQ(truths("v = '2'", v), "--1----1");
  EXPECT_EQ(truths("v > ''", v), "--1----1");
  EXPECT_EQ(truths("v = true", v), "---1---1");
  EXPECT_EQ(truths("v is false", v), "00000000");
  EXPECT_EQ(truths("v is null", v), "00001100");
  EXPECT_EQ(truths("v = null", v), "--------");
  EXPECT_EQ(truths("v between 2 and 3", v), "11-----0");
  EXPECT_EQ(truths("v between null and 2", v), "-0------") << "2.5 is beyond one bound";
  EXPECT_EQ(truths("v in (2, '2', false)", v), "1010---1");
  EXPECT_EQ(truths("v in (3, null)", v), "--------");
  EXPECT_EQ(truths("v in ()", v), "00000000");
  EXPECT_EQ(truths("v like '%2'", v), "--1----1");
  EXPECT_EQ(truths("v ilike '3'", v), "--0----0");
  EXPECT_EQ(truths("v contains '2'", v), "--1----1");
  EXPECT_EQ(truths("v contains 1", v), "-------1");
  EXPECT_EQ(truths("size(v) = 3", v), "-------1");
  EXPECT_EQ(truths("size(v) != 3", v), "-------0");
  EXPECT_EQ(truths("size(v) is null", v), "11111110");
}

TEST(JsonColumns, NumbersCompareExactlyAsFarAsTheirTypesGo) {
  const std::vector<Column> v = {json_column(
      "v", {"9007199254740993", "18446744073709551615", "1e400", "-1e-400", "1.0", "-0"})};
  EXPECT_EQ(truths("v = 9007199254740993", v), "100000");
  EXPECT_EQ(truths("v > 9007199254740992.0", v), "111000");
  EXPECT_EQ(truths("v = 18446744073709551615", v), "010000");
  EXPECT_EQ(truths("v = inf", v), "001000");
  EXPECT_EQ(truths("v = 1", v), "000010");
  EXPECT_EQ(truths("v = 0.0", v), "000101");
}

TEST(JsonColumns, WhatJsonLacksIsWhatItStandsFor) {
  const std::vector<Column> v = {json_column(
      "v", {R"({"$date":"2024-05-01"})", R"({"$datetime":"2024-05-01T12:00:00+02:00"})",
            R"({"$uuid":"12345678-1234-5678-1234-567812345678"})", R"({"$decimal":"9.90"})",
            R"({"$float":"nan"})", R"({"$float":"-inf"})", R"({"$bytes":"AP8="})",
            R"({"$timedelta":5})", R"({"$time":"12:30:00"})", R"({"$date":"soon"})"})};
  EXPECT_EQ(truths("v > timestamp '2024-05-01'", v), "01--------");
  EXPECT_EQ(truths("v = '2024-05-01T10:00Z'", v), "010-----0-");
  EXPECT_EQ(truths("v = '12345678-1234-5678-1234-567812345678'", v), "--1-----0-");
  EXPECT_EQ(truths("v = 9.9", v), "---100----");
  EXPECT_EQ(truths("v < 0", v), "---001----");
  EXPECT_EQ(truths("v != 1", v), "---111----") << "NaN differs from everything";
  EXPECT_EQ(truths("v >= '12:00'", v), "--0-----1-");
  EXPECT_EQ(truths("v.$timedelta = 5", v).substr(0, 14), "invalid_filter");
  EXPECT_EQ(truths("\"v.$timedelta\" = 5", v), "-------1--");

  const std::vector<Column> texts = {
      json_column("v", {R"("2024-05-02")", R"("20240430T12")", R"("soon")", R"(["2025-01-01"])"})};
  EXPECT_EQ(truths("v > timestamp '2024-05-01'", texts), "10-1") << "the text is a time";
  EXPECT_EQ(truths("v < '2024-05-03'", texts), "1000") << "as strings";
  EXPECT_EQ(truths("v in (timestamp '2024-05-02', 'soon')", texts), "1010");
}

TEST(JsonColumns, APathLeadsThroughObjectsAndIntoEachItemOfAList) {
  const std::vector<Column> v = {json_column(
      "doc", {R"({"author": {"name": "Ada", "born": 1815}})", R"({"author": {"name": null}})",
              R"({"author": "Ada"})", R"({"author": [{"name": "Eve"}, {"name": "Ada"}, 5]})",
              R"({"author": []})", R"([{"author": {"name": "Bob"}}])", ""})};
  EXPECT_EQ(truths("doc.author.name = 'Ada'", v), "1--1-0-");
  EXPECT_EQ(truths("\"doc.author.name\" = 'Ada'", v), "1--1-0-");
  EXPECT_EQ(truths("doc.author.name != 'Ada'", v), "0--0-1-") << "no value is equal";
  EXPECT_EQ(truths("doc.author.name is null", v), "0110101");
  EXPECT_EQ(truths("doc.author is null", v), "0000001");
  EXPECT_EQ(truths("doc.author = 'Ada'", v), "--100--");
  EXPECT_EQ(truths("doc.author.1.name = 'Ada'", v), "---1---");
  EXPECT_EQ(truths("doc.0.author.name is not null", v), "0000010");
  EXPECT_EQ(truths("size(doc.author) = 3", v), "---10--");
  EXPECT_EQ(truths("doc.author.born between 1800 and 1900", v), "1------");
}

TEST(JsonColumns, OfNamesWithDotsTheLongestGoesFirst) {
  const std::vector<Column> columns = {
      json_column("a", {R"({"b": 1, "b.c": 2, "b": {"c": 3}})", R"({"b": {"c": 3}, "b.c.d": 0})",
                        R"({"": 1})"}),
      json_column("a.x", {"{\"y\": 1}", "", ""}),
      {.name = "a.n", .type = ColumnType::kI64, .ints = {7, 8, 9}}};
  EXPECT_EQ(truths("a.b.c = 2", columns), "10-");
  EXPECT_EQ(truths("a.b.c = 3", columns), "01-");
  EXPECT_EQ(truths("\"a.\" = 1", columns), "--1");
  EXPECT_EQ(truths("a.n = 8", columns), "010") << "a column of that name";
  EXPECT_EQ(truths("a.x.y = 1", columns), "1--");
}

TEST(JsonColumns, KeysAndStringsAreReadWithoutTheirEscapes) {
  const std::vector<Column> v = {json_column(
      "v", {R"({"k\u00e9\"": "a\n\u00e9\ud83d\ude00\/\\"})", R"({"$$ref": 1})", R"({"$ref": 2})"})};
  EXPECT_EQ(truths("\"v.k\xC3\xA9\"\"\" = 'a\n\xC3\xA9\xF0\x9F\x98\x80/\\'", v), "1--");
  EXPECT_EQ(truths("\"v.$ref\" >= 1", v), "-11");
}

TEST(JsonColumns, WhatIsNeverAnAnswerIsAnError) {
  const std::vector<Column> v = {json_column("v", {"1"}),
                                 {.name = "year", .type = ColumnType::kI64, .ints = {1}}};
  EXPECT_NE(truths("v between 1 and 'a'", v).find("between needs two values of one type"),
            std::string::npos);
  EXPECT_NE(truths("size(v) = 'a'", v).find("size(v) is a number"), std::string::npos);
  EXPECT_NE(truths("v like 'a\\'", v).find("invalid_filter"), std::string::npos);
  EXPECT_EQ(truths("year.x = 1", v),
            "no point has a column \"year.x\" yet; \"year\" is i64 in all of them, which has no "
            "fields; columns: v, year");
  EXPECT_EQ(truths("yeear = 1", v),
            "no point has a column \"yeear\" yet; did you mean \"year\"? columns: v, year");
}

TEST(JsonColumns, MalformedTextsAreReadWithoutHarm) {
  // What check_json() refuses is never stored; a reader of damaged bytes must stop all the same.
  std::vector<std::string_view> found;
  JsonPathFinder finder;
  std::string scratch;
  for (const std::string_view text :
       {"", " ", "{", "[", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[1", "[1,", "{\"a\":{\"b\":[",
        "{a:1}", "{\"\\u12\":1}", "\"\\", "{\"$date\":", "{\"\\ud800\\u\":1}", "nul", "-", "[,]"}) {
    for (const std::string_view path : {"a", "a.b", "0", "0.a", "", "a.b.0"}) {
      static_cast<void>(finder.find(text, path, found));
    }
    for (const std::string_view value : found) read_json_value(value, scratch);
  }
  EXPECT_FALSE(finder.find("{\"a\":1", "b", found));
  EXPECT_FALSE(finder.find("", "b", found));
  EXPECT_TRUE(finder.find("{\"a\":1}", "b", found));
}

}  // namespace
}  // namespace omendb::filter
