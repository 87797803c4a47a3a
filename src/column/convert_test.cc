#include "column/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "column/columns.h"
#include "column/columns_test_util.h"
#include "column/json.h"

namespace omendb::column {
namespace {

using testing::row_text;

std::vector<std::string> texts_of(const Column& column) {
  std::vector<std::string> texts;
  for (size_t row = 0; row < column.row_count(); ++row) texts.push_back(row_text(column, row));
  return texts;
}

std::vector<std::string> converted(const Column& column, ColumnType to) {
  Column as{.name = "x", .type = to};
  append_converted(column, as);
  EXPECT_EQ(check_columns(std::span(&as, 1), column.row_count()).to_string(), "ok");
  return texts_of(as);
}

using Texts = std::vector<std::string>;

/// For columns that must keep their types.
Status refuse(const ColumnSchema&, ColumnType) {
  return {StatusCode::kTypeMismatch, "it holds values"};
}

TEST(Convert, EveryTypeBecomesJsonThatSaysTheSame) {
  EXPECT_EQ(converted({.type = ColumnType::kI64, .valid = {1, 0, 2}, .ints = {-5, 0, 0}},
                      ColumnType::kJson),
            (Texts{"'-5'", "NULL", "null"}));
  EXPECT_EQ(converted({.type = ColumnType::kBool, .bools = {1, 0}}, ColumnType::kJson),
            (Texts{"'true'", "'false'"}));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(converted({.type = ColumnType::kF64, .doubles = {2020, 0.1, 1e300, NAN, -infinity}},
                      ColumnType::kJson),
            (Texts{"'2020.0'", "'0.1'", "'1e+300'", "'{\"$float\":\"nan\"}'",
                   "'{\"$float\":\"-inf\"}'"}));
  EXPECT_EQ(converted({.type = ColumnType::kString, .string_offsets = {0, 4}, .bytes = "a\"\n\\"},
                      ColumnType::kJson),
            (Texts{"'\"a\\\"\\u000a\\\\\"'"}));
  EXPECT_EQ(converted({.type = ColumnType::kTimestamp,
                       .ints = {0, -1, 1'714'566'600'000'000, INT64_MIN, INT64_MAX}},
                      ColumnType::kJson),
            (Texts{"'{\"$datetime\":\"1970-01-01T00:00:00+00:00\"}'",
                   "'{\"$datetime\":\"1969-12-31T23:59:59.999999+00:00\"}'",
                   "'{\"$datetime\":\"2024-05-01T12:30:00+00:00\"}'", "'-9223372036854775808'",
                   "'9223372036854775807'"}));
  EXPECT_EQ(converted({.type = ColumnType::kI64Array, .ints = {1, 2}, .list_offsets = {0, 2, 2}},
                      ColumnType::kJson),
            (Texts{"'[1,2]'", "'[]'"}));
}

TEST(Convert, WhatATypeCannotHoldIsAbsent) {
  EXPECT_EQ(
      converted({.type = ColumnType::kI64, .valid = {1, 2}, .ints = {5, 0}}, ColumnType::kString),
      (Texts{"NULL", "null"}));
  EXPECT_EQ(converted({.type = ColumnType::kI64Array, .ints = {1}, .list_offsets = {0, 0, 1}},
                      ColumnType::kStringArray),
            (Texts{"[]", "NULL"}));
  EXPECT_EQ(converted({.type = ColumnType::kI64, .ints = {3}}, ColumnType::kF64), (Texts{"3"}));
}

TEST(Convert, OnlyWholeNumbersThatAFloatHoldsAreExact) {
  const int64_t power = int64_t{1} << 53;
  for (const int64_t value :
       {int64_t{0}, int64_t{-1}, power, -power, power + 2, INT64_MIN, int64_t{1} << 62}) {
    EXPECT_TRUE(is_exact_f64(value)) << value;
  }
  for (const int64_t value : {power + 1, -power - 1, (int64_t{1} << 60) + 1, INT64_MAX}) {
    EXPECT_FALSE(is_exact_f64(value)) << value;
  }
}

TEST(Fit, AnIntegerThatAFloatColumnWouldRoundIsRefusedByName) {
  const Schema schema = {{"x", ColumnType::kF64}, {"xs", ColumnType::kF64Array}};
  const Column good{.name = "x", .type = ColumnType::kI64, .ints = {3, 1}};
  auto fitted = fit_columns(std::span(&good, 1), schema, refuse);
  ASSERT_EQ(fitted.status().to_string(), "ok");
  EXPECT_EQ(fitted->columns()[0].type, ColumnType::kF64);
  EXPECT_EQ(fitted->columns()[0].doubles, (std::vector<double>{3, 1}));
  const Column bad{.name = "x", .type = ColumnType::kI64, .ints = {3, (int64_t{1} << 60) + 1}};
  const Status status = fit_columns(std::span(&bad, 1), schema, refuse).status();
  EXPECT_EQ(status.code(), StatusCode::kTypeMismatch);
  EXPECT_NE(status.message().find("cannot hold 1152921504606846977 of row 1"), std::string::npos)
      << status.to_string();
  const Column many{.name = "xs",
                    .type = ColumnType::kI64Array,
                    .ints = {1, 2, (int64_t{1} << 60) + 1},
                    .list_offsets = {0, 2, 2, 3}};
  EXPECT_NE(fit_columns(std::span(&many, 1), schema, refuse).status().message().find("of row 2"),
            std::string::npos);
}

TEST(Fit, FloatsThatAreIntegersGoIntoAnIntegerColumnAndOthersAreRefusedByName) {
  const Schema schema = {{"year", ColumnType::kI64}, {"years", ColumnType::kI64Array}};
  const Column good{.name = "year",
                    .type = ColumnType::kF64,
                    .valid = {kPresent, kAbsent, kPresent, kExplicitNull},
                    .doubles = {2020, std::nan(""), -9223372036854775808.0, 0.5}};
  auto fitted = fit_columns(std::span(&good, 1), schema, refuse);
  ASSERT_EQ(fitted.status().to_string(), "ok");
  EXPECT_EQ(fitted->columns()[0].type, ColumnType::kI64);
  EXPECT_EQ(texts_of(fitted->columns()[0]),
            (Texts{"2020", "NULL", std::to_string(INT64_MIN), "null"}));
  EXPECT_EQ(check_columns(fitted->columns(), 4).to_string(), "ok");
  const Column lists{.name = "years",
                     .type = ColumnType::kF64Array,
                     .doubles = {1, 2, -3},
                     .list_offsets = {0, 2, 2, 3}};
  fitted = fit_columns(std::span(&lists, 1), schema, refuse);
  ASSERT_EQ(fitted.status().to_string(), "ok");
  EXPECT_EQ(texts_of(fitted->columns()[0]), (Texts{"[1,2,]", "[]", "[-3,]"}));

  for (const double bad : {2020.5, 9223372036854775808.0, -1e300, std::nan(""), HUGE_VAL}) {
    const Column column{.name = "year", .type = ColumnType::kF64, .doubles = {1, bad}};
    const Status status = fit_columns(std::span(&column, 1), schema, refuse).status();
    EXPECT_EQ(status.code(), StatusCode::kTypeMismatch) << bad;
    EXPECT_NE(status.message().find("\"year\" is i64, which cannot hold "), std::string::npos);
    EXPECT_NE(status.message().find(" of row 1 exactly"), std::string::npos) << status.message();
  }
}

TEST(Fit, ABatchWithoutValuesFitsEveryType) {
  const Schema& schema = testing::every_type();
  for (const ColumnSchema& column : schema) {
    const Column nothing{.name = column.name,
                         .type = ColumnType::kJson,
                         .valid = {kExplicitNull, kAbsent},
                         .string_offsets = {0, 0, 0}};
    auto fitted = fit_columns(std::span(&nothing, 1), schema, refuse);
    ASSERT_EQ(fitted.status().to_string(), "ok");
    ASSERT_EQ(fitted->columns()[0].type, column.type);
    EXPECT_EQ(texts_of(fitted->columns()[0]), (Texts{"null", "NULL"})) << column.name;
    EXPECT_EQ(check_columns(fitted->columns(), 2).to_string(), "ok");
  }
}

TEST(Fit, EmptyArraysFitEveryArray) {
  const Column empty{.name = "years",
                     .type = ColumnType::kStringArray,
                     .string_offsets = {0},
                     .list_offsets = {0, 0}};
  const Schema schema = {{"years", ColumnType::kI64Array}};
  auto fitted = fit_columns(std::span(&empty, 1), schema, refuse);
  ASSERT_EQ(fitted.status().to_string(), "ok");
  EXPECT_EQ(texts_of(fitted->columns()[0]), (Texts{"[]"}));
  EXPECT_FALSE(fit_columns(std::span(&empty, 1), Schema{{"years", ColumnType::kI64}}, refuse).ok());
}

TEST(Fit, ConflictsOfTypeNameBoth) {
  const Schema schema = {{"year", ColumnType::kI64}};
  const auto message = [&](const Column& column) {
    return fit_columns(std::span(&column, 1), schema, refuse).status().to_string();
  };
  EXPECT_NE(
      message({.name = "year", .type = ColumnType::kString, .string_offsets = {0, 1}, .bytes = "x"})
          .find("column \"year\" is i64; this batch has string"),
      std::string::npos);
}

TEST(Fit, AColumnThatMayGetsTheTypeOfTheBatch) {
  const Schema schema = {{"year", ColumnType::kI64}, {"doc", ColumnType::kJson}};
  std::vector<std::string> asked;
  const auto may = [&](const ColumnSchema& column, ColumnType type) {
    asked.push_back(column.name + " " + std::string(column_type_name(type)));
    return Status();
  };
  const std::vector<Column> batch = {
      {.name = "year", .type = ColumnType::kF64, .doubles = {2020.5}},
      {.name = "doc", .type = ColumnType::kBool, .bools = {1}}};
  const auto fitted = fit_columns(batch, schema, may);
  ASSERT_EQ(fitted.status().to_string(), "ok");
  EXPECT_EQ(fitted->columns()[0].type, ColumnType::kF64);
  EXPECT_EQ(fitted->columns()[1].type, ColumnType::kBool);
  EXPECT_EQ(asked, (Texts{"year f64", "doc bool"}));

  // What fits is converted, and nobody is asked.
  const Column whole{.name = "year", .type = ColumnType::kF64, .doubles = {2020}};
  EXPECT_EQ(fit_columns(std::span(&whole, 1), schema, may)->columns()[0].type, ColumnType::kI64);
  EXPECT_EQ(asked.size(), 2U);

  const auto names_value = [](const ColumnSchema&, ColumnType) {
    return Status(StatusCode::kTypeMismatch, "point 7 has 9007199254740993");
  };
  EXPECT_EQ(
      fit_columns(batch, schema, names_value).status().message(),
      "column \"year\" is i64, which cannot hold 2020.5 of row 0 exactly, and it cannot become "
      "f64: point 7 has 9007199254740993; store the values under another name, or as strings");
  const auto damaged = [](const ColumnSchema&, ColumnType) {
    return Status(StatusCode::kCorruption, "page 3");
  };
  EXPECT_EQ(fit_columns(batch, schema, damaged).status().message(), "page 3");
}

}  // namespace
}  // namespace omendb::column
