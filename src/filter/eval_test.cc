#include "filter/eval.h"

#include <gtest/gtest.h>

#include <random>

#include "column/columns.h"
#include "column/columns_test_util.h"
#include "filter/oracle.h"
#include "filter/tree.h"

namespace omendb::filter {
namespace {

using column::GrowingColumns;
using column::Schema;
using column::testing::every_type;
using testing::Oracle;
using testing::RandomFilter;
using testing::Table;
using testing::tree_text;

/// The rows that `text` matches, as "0110".
std::string matched(std::string_view text, const std::vector<Column>& columns) {
  Schema schema;
  uint32_t next_id = 0;
  column::take_columns(columns, schema, next_id);
  const size_t rows = columns[0].row_count();
  GrowingColumns growing;
  growing.append(columns, schema, rows);
  auto filter = Filter::parse(text);
  if (!filter.ok()) return filter.status().to_string();
  auto bound = bind_filter(*filter, schema);
  if (!bound.ok()) return bound.status().to_string();
  auto bits = evaluate(*bound, {static_cast<uint32_t>(rows), growing});
  if (!bits.ok()) return bits.status().to_string();
  std::string out;
  for (size_t r = 0; r < rows; ++r) out += bits->test(r) ? '1' : '0';
  return out;
}

TEST(FilterEval, RandomFiltersMatchWhatARowByRowOracleSays) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 rng(seed);
    const size_t rows = seed % 20 == 0 ? 2'000 + rng() % 3'000 : rng() % 150;
    Table table;
    std::vector<Column> columns;
    for (const auto& column : every_type()) {
      if (rng() % 6 == 0) continue;  // unknown to this segment
      columns.push_back(column::testing::random_column(column, rows, rng));
      table[column.name] = columns.back();
    }
    GrowingColumns growing;
    growing.append(columns, every_type(), rows);
    const Oracle oracle(table);
    RandomFilter random(every_type(), rng);
    for (int round = 0; round < 10; ++round) {
      const Filter filter = random.make(4);
      SCOPED_TRACE("seed " + std::to_string(seed) + ": " + filter.to_string());
      const auto again = Filter::parse(filter.to_string());
      ASSERT_EQ(again.status().to_string(), "ok");
      ASSERT_EQ(tree_text(filter), tree_text(*again));

      const auto bound = bind_filter(*again, every_type());
      ASSERT_EQ(bound.status().to_string(), "ok");
      const auto bits = evaluate(*bound, {static_cast<uint32_t>(rows), growing});
      ASSERT_EQ(bits.status().to_string(), "ok");
      ASSERT_EQ(bits->size(), rows);
      for (size_t r = 0; r < rows; ++r) {
        const bool expected = oracle.eval(filter, r).value_or(false);
        ASSERT_EQ(bits->test(r), expected) << "row " << r;
      }
    }
  }
}

TEST(FilterEval, NullFollowsTheTruthTablesOfSql) {
  // a and b run through TRUE, FALSE and NULL.
  const std::vector<Column> columns = {{.name = "a",
                                        .type = ColumnType::kBool,
                                        .valid = {1, 1, 1, 1, 1, 1, 0, 0, 0},
                                        .bools = {1, 1, 1, 0, 0, 0, 0, 0, 0}},
                                       {.name = "b",
                                        .type = ColumnType::kBool,
                                        .valid = {1, 1, 0, 1, 1, 0, 1, 1, 0},
                                        .bools = {1, 0, 0, 1, 0, 0, 1, 0, 0}}};
  EXPECT_EQ(matched("a and b", columns), "100000000");
  EXPECT_EQ(matched("not (a and b)", columns), "010111010");
  EXPECT_EQ(matched("a or b", columns), "111100100");
  EXPECT_EQ(matched("not (a or b)", columns), "000010000");
  EXPECT_EQ(matched("not a", columns), "000111000");
  EXPECT_EQ(matched("a is null", columns), "000000111");
  EXPECT_EQ(matched("a is not null", columns), "111111000");
  EXPECT_EQ(matched("a = null or a != null", columns), "000000000");
  EXPECT_EQ(matched("a in (true, null)", columns), "111000000");
  EXPECT_EQ(matched("a not in (true, null)", columns), "000000000");
  EXPECT_EQ(matched("a in () or a not in ()", columns), "111111111");
  EXPECT_EQ(matched("true", columns), "111111111");
  EXPECT_EQ(matched("false or not true", columns), "000000000");
}

TEST(FilterEval, IsTrueKnowsNoNull) {
  const std::vector<Column> columns = {
      {.name = "a", .type = ColumnType::kBool, .valid = {1, 1, 0}, .bools = {1, 0, 0}}};
  EXPECT_EQ(matched("a is true", columns), "100");
  EXPECT_EQ(matched("a is not true", columns), "011");
  EXPECT_EQ(matched("a is false", columns), "010");
  EXPECT_EQ(matched("a is not false", columns), "101");
  EXPECT_EQ(matched("(a = true) is not true", columns), "011");
  EXPECT_EQ(matched("not (a or a = null) is not true", columns), "100");
  EXPECT_EQ(matched("nowhere = 1 or a", columns), "100");
  EXPECT_EQ(matched("(nowhere = 1) is not true", columns), "111");
  EXPECT_EQ(matched("not nowhere = 1", columns), "000");
}

// A between with a null bound is bound as two tests that live no longer than that; what is bound
// after them must not look at their names.
TEST(FilterEval, ABetweenWithANullBoundLeavesTheNamesOfColumnsIntact) {
  const std::vector<Column> columns = {
      {.name = "n", .type = ColumnType::kI64, .ints = {1, 2, 3, 4}},
      {.name = "a name too long to be kept in the string itself",
       .type = ColumnType::kI64,
       .ints = {4, 3, 2, 1}}};
  const std::string far = "\"" + columns[1].name + "\"";
  EXPECT_EQ(matched(far + " between null and 2 or n = 1 or " + far + " = 3", columns), "1100");
  EXPECT_EQ(matched("n between null and 2 or " + far + " = 1 or n = 3", columns), "0011");
  EXPECT_EQ(matched("n not between null and 2 and n > 3", columns), "0001");
}

TEST(FilterEval, ATestOfAnArrayIsOfItsElements) {
  const std::vector<Column> columns = {{.name = "n",
                                        .type = ColumnType::kI64Array,
                                        .valid = {1, 1, 1, 0},
                                        .ints = {1, 9, 5},
                                        .list_offsets = {0, 2, 3, 3, 3}},
                                       {.name = "s",
                                        .type = ColumnType::kStringArray,
                                        .string_offsets = {0, 2, 3, 3},
                                        .bytes = "abC",
                                        .list_offsets = {0, 1, 2, 2, 3}}};
  EXPECT_EQ(matched("n = 9", columns), "1000");
  EXPECT_EQ(matched("not n = 9", columns), "0110");
  EXPECT_EQ(matched("n in (5, 9)", columns), "1100");
  EXPECT_EQ(matched("n not in (5, 7)", columns), "1010");
  EXPECT_EQ(matched("n > 4 and n < 6", columns), "1100") << "by two elements";
  EXPECT_EQ(matched("n between 4 and 6", columns), "0100") << "by one";
  EXPECT_EQ(matched("n between 6 and 4", columns), "0000");
  EXPECT_EQ(matched("n contains any (1, 5)", columns), "1100");
  EXPECT_EQ(matched("n contains all (1, 9)", columns), "1000");
  EXPECT_EQ(matched("s like 'a%'", columns), "1000");
  EXPECT_EQ(matched("s ilike 'c'", columns), "0100");
  EXPECT_EQ(matched("s between 'B' and 'D'", columns), "0100");
  EXPECT_EQ(matched("size(n) = 0", columns), "0010");
  EXPECT_EQ(matched("size(n) in (0, 2)", columns), "1010");
  EXPECT_EQ(matched("size(n) between 1 and 2 or n is null", columns), "1101");
  EXPECT_EQ(matched("size(n) != 1", columns), "1010");
  EXPECT_EQ(matched("size(n) is null", columns), "0001");
}

TEST(FilterEval, PartsAndCasesOfStrings) {
  const std::vector<Column> columns = {{.name = "t",
                                        .type = ColumnType::kString,
                                        .string_offsets = {0, 6, 11, 14},
                                        .bytes = "50% ofCAF\xC3\x89x%y"}};
  EXPECT_EQ(matched("t contains '%'", columns), "101") << "no pattern";
  EXPECT_EQ(matched("t not contains '%'", columns), "010");
  EXPECT_EQ(matched("t contains ''", columns), "111");
  EXPECT_EQ(matched("t ilike 'caf\xC3\xA9'", columns), "010");
  EXPECT_EQ(matched("t ilike '%F%'", columns), "110");
  EXPECT_EQ(matched("t like '%f%'", columns), "100");
  EXPECT_EQ(matched("t not ilike '%F%'", columns), "001");
  EXPECT_EQ(matched("t between '5' and 'D'", columns), "110");
}

TEST(FilterEval, IntegersAndDecimalsCompareExactly) {
  const int64_t big = (int64_t{1} << 53) + 1;  // no double holds it
  const std::vector<Column> columns = {
      {.name = "i", .type = ColumnType::kI64, .ints = {big - 1, big, big + 1, INT64_MAX}},
      {.name = "d",
       .type = ColumnType::kF64,
       .doubles = {9007199254740992.0, 9007199254740994.0, 0x1p63, std::nan("")}}};
  EXPECT_EQ(matched("i = 9007199254740992.0", columns), "1000");
  EXPECT_EQ(matched("i > 9007199254740992.0", columns), "0111");
  EXPECT_EQ(matched("d = 9007199254740993", columns), "0000");
  EXPECT_EQ(matched("d < 9007199254740993", columns), "1000");
  EXPECT_EQ(matched("d > 9007199254740993", columns), "0110");
  EXPECT_EQ(matched("d > 9223372036854775807", columns), "0010");
  EXPECT_EQ(matched("i < 9223372036854775808.0", columns), "1111");
  EXPECT_EQ(matched("i = 9223372036854775808.0", columns), "0000");
  EXPECT_EQ(matched("i < 9223372036854775808", columns), "1111");
  EXPECT_EQ(matched("d >= 9223372036854775808", columns), "0010");
  EXPECT_EQ(matched("d < 9223372036854775809", columns), "1110");
  EXPECT_EQ(matched("d = 18446744073709551615", columns), "0000");
  EXPECT_EQ(matched("d = d", columns).substr(0, 14), "invalid_filter");
  EXPECT_EQ(matched("d != 1", columns), "1111") << "NaN differs from everything";
  EXPECT_EQ(matched("d < 1 or d >= 1", columns), "1110") << "NaN has no order";
}

TEST(FilterEval, LikeWorksOnCharacters) {
  const auto like = [](std::string_view text, std::string pattern) {
    auto compiled = LikePattern::compile(pattern);
    return compiled.ok() && compiled->matches(text);
  };
  EXPECT_TRUE(like("\xF0\x9F\x98\x80", "_"));
  EXPECT_FALSE(like("\xC3\xA9", "__"));
  EXPECT_TRUE(like("50%", "%\\%"));
  EXPECT_FALSE(like("500", "%\\%"));
  EXPECT_TRUE(like("a\\b", "a\\\\b"));
  EXPECT_FALSE(LikePattern::compile("abc\\").ok());
  EXPECT_FALSE(like("ABC", "abc"));
  // Neither long nor malformed text makes trouble.
  std::string hard(20'000, 'a');
  EXPECT_FALSE(like(hard, "%a%a%a%a%a%a%a%a%a%a%_b"));
  EXPECT_TRUE(like("\xFF\x80\xC3", "___"));
}

TEST(FilterEval, LikeEqualsARecursiveOracle) {
  std::mt19937 rng(3);
  const std::string alphabet = "ab%_";
  for (int round = 0; round < 20'000; ++round) {
    std::string text, pattern;
    for (size_t n = rng() % 8; n > 0; --n) text += alphabet[rng() % 2];
    for (size_t n = rng() % 7; n > 0; --n) pattern += alphabet[rng() % 4];
    const auto like = LikePattern::compile(pattern);
    ASSERT_TRUE(like.ok());
    ASSERT_EQ(like->matches(text),
              testing::like_oracle(testing::decode(text), testing::decode(pattern)))
        << text << " like " << pattern;
  }
}

TEST(FilterEval, ManyValuesInAListAreFound) {
  Column ints{.name = "i", .type = ColumnType::kI64};
  std::string text = "i in (";
  std::string expected;
  for (int i = 0; i < 3'000; ++i) {
    ints.ints.push_back(i);
    expected += i % 3 == 0 ? '1' : '0';
    if (i % 3 == 0) text += std::to_string(i) + ", ";
  }
  EXPECT_EQ(matched(text + "-1)", {ints}), expected);
}

}  // namespace
}  // namespace omendb::filter
