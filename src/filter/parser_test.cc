#include <gtest/gtest.h>

#include "filter/bind.h"
#include "filter/oracle.h"
#include "filter/time.h"
#include "filter/tree.h"
#include "omendb/filter.h"

namespace omendb::filter {
namespace {

const column::Schema kSchema = {{"year", ColumnType::kI64},         {"lang", ColumnType::kString},
                                {"flag", ColumnType::kBool},        {"at", ColumnType::kTimestamp},
                                {"tags", ColumnType::kStringArray}, {"score", ColumnType::kF64}};

/// The message of parsing and binding `text`.
std::string error_of(const std::string& text) {
  const auto filter = Filter::parse(text);
  if (!filter.ok()) {
    EXPECT_EQ(filter.status().code(), StatusCode::kInvalidFilter);
    return filter.status().message();
  }
  const auto bound = bind_filter(*filter, kSchema);
  EXPECT_FALSE(bound.ok()) << text;
  EXPECT_EQ(bound.status().code(), StatusCode::kInvalidFilter);
  return bound.status().message();
}

TEST(FilterParser, AnErrorShowsItsPlace) {
  EXPECT_EQ(error_of("year >> 2020"),
            "column 7: expected a value after \">\", found \">\"\n"
            "  year >> 2020\n"
            "        ^");
  EXPECT_EQ(error_of("year = 1 and\nyaer = 2"),
            "line 2, column 1: unknown column \"yaer\"; did you mean \"year\"? "
            "columns: at, flag, lang, score, tags, year\n"
            "  yaer = 2\n"
            "  ^");
  EXPECT_EQ(error_of("lang = '\xC3\xA9' & flag").substr(0, 42),
            "column 12: unexpected \"&\"; write and\n  lan");
  const std::string wide = "lang = '" + std::string(200, 'x') + "' and ?";
  EXPECT_EQ(error_of(wide).substr(0, 28), "column 215: unexpected \"?\"\n ");
  const std::string shown = error_of(wide);
  const size_t line = shown.find('\n') + 1;
  const size_t caret = shown.find('\n', line) + 1;
  EXPECT_EQ(shown[line + (shown.find('^') - caret)], '?');
}

TEST(FilterParser, EveryMistakeIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "column 1: the filter is empty"},
      {"   ", "column 4: the filter is empty"},
      {"year", "column 1: \"year\" is i64 and is compared with a number, not with true"},
      {"year =", "column 7: expected a value after \"=\", found the end of the filter"},
      {"year = 1 lang = 'x'", "column 10: expected and, or or the end of the filter"},
      {"year = 1 and", "column 13: expected a column name after \"and\""},
      {"2020 < year", "column 1: expected a column name, found \"2020\""},
      {"in = 3", "column 1: expected a column name, found the keyword \"in\""},
      {"(year = 1", "column 10: expected \")\" after \"1\", found the end"},
      {"year = 1)", "column 9: expected and, or or the end"},
      {"lang = en",
       "column 8: expected a value after \"=\", found \"en\"; strings are written in "
       "single quotes: 'en'"},
      {"lang = \"en\"", "strings are written in single quotes: 'en'"},
      {"lang = 'en", "column 8: this string has no closing '"},
      {"\"lang = 3", "column 1: this quoted name has no closing"},
      {"year in 3", "column 9: expected \"(\" after \"in\""},
      {"year in (3", "column 11: expected \",\" or \")\" after \"3\""},
      {"year in (3,)", "column 12: expected a value after \",\", found \")\""},
      {"year between 1 or 2", "column 16: expected and after \"1\", found \"or\""},
      {"year is 3", "column 9: expected null or not null"},
      {"year is not 3", "column 13: expected null"},
      {"year not 3", "column 10: expected in, like, between or contains after \"not\""},
      {"year ~ 3", "column 6: unexpected \"~\""},
      {"my-col = 3", "column 3: unexpected \"-\"; a name that holds one is quoted"},
      {"lang like 5", "column 11: expected a pattern in single quotes"},
      {"lang like 'a\\'", "column 11: the pattern ends in a lone \\"},
      {"year = 9223372036854775808", "column 8: \"9223372036854775808\" is out of range"},
      {"score = 1e999", "column 9: \"1e999\" is out of range"},
      {"year = 12x", "column 8: \"12x\" is not a number"},
      {"year = 1.2.3", "column 8: \"1.2.3\" is not a number"},
      {"score = 1e", "column 9: \"1e\" is not a number"},
      {"at > timestamp 5", "column 16: expected an ISO 8601 time"},
      {"at > timestamp '2024-13-01'",
       "column 16: '2024-13-01' is not a timestamp: the month is 13"},
      {"at > '2024-02-30'",
       "column 6: '2024-02-30' is not a timestamp: the day is 30; expected 1..29"},
      {"at > 5", "column 6: \"at\" is timestamp and is compared with a time"},
      {"year like 'x%'", "column 1: like needs a string column; \"year\" is i64"},
      {"year = '2020'", "column 8: \"year\" is i64 and is compared with a number, not with '2020'"},
      {"flag = 1", "column 8: \"flag\" is bool and is compared with true or false, not with 1"},
      {"tags = 'x'", "column 1: \"tags\" is string[]; arrays are tested with contains"},
      {"lang contains 'x'", "column 1: contains needs an array column; \"lang\" is string"},
      {"tags contains 3", "column 15: \"tags\" is string and"},
      {"nothing_like_it = 1", "column 1: unknown column \"nothing_like_it\"; columns: at, flag"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string message = error_of(text);
    EXPECT_NE(message.find(expected), std::string::npos) << text << "\n" << message;
  }
}

TEST(FilterParser, TextsComeBackCanonical) {
  const std::pair<const char*, const char*> cases[] = {
      {"true", "true"},
      {"TRUE and false", "true and false"},
      {"year==1 AND NOT flag", "year = 1 and not flag = true"},
      {"year <> 1", "year != 1"},
      {"a=1 or b=2 and c=3", "a = 1 or b = 2 and c = 3"},
      {"(a=1 or b=2) and c=3", "(a = 1 or b = 2) and c = 3"},
      {"((a = 1))", "a = 1"},
      {"not (a=1 and not b=2)", "not (a = 1 and not b = 2)"},
      {"not a in (1)", "a not in (1)"},
      {"a not between 1 and 2 and b is not null", "a not between 1 and 2 and b is not null"},
      {"\"my-col\" = 'it''s'", "\"my-col\" = 'it''s'"},
      {"\"a\"\"b\" like 'x\\%%'", "\"a\"\"b\" like 'x\\%%'"},
      {"\"in\" = -5", "\"in\" = -5"},
      {"a in ( +1 , 2.50,null,true,'x' )", "a in (1, 2.5, null, true, 'x')"},
      {"a = 1e3 or a = .5 or a = -inf", "a = 1000.0 or a = 0.5 or a = -inf"},
      {"at > timestamp '2024-01-01'", "at > '2024-01-01'"},
      {"timestamp > 5", "timestamp > 5"},
      {"a\xC3\xB1o = 1", "\"a\xC3\xB1o\" = 1"},
      {"a = -9223372036854775808", "a = -9223372036854775808"},
      {"t not contains 'x'", "t not contains 'x'"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto filter = Filter::parse(text);
    ASSERT_EQ(filter.status().to_string(), "ok") << text;
    EXPECT_EQ(filter->to_string(), canonical);
    const auto again = Filter::parse(canonical);
    ASSERT_EQ(again.status().to_string(), "ok") << canonical;
    EXPECT_EQ(testing::tree_text(*filter), testing::tree_text(*again)) << canonical;
  }
  EXPECT_EQ(Filter::parse("a = 1 or b = 2")->tree()->nodes.back().kind, FilterNode::Kind::kOr);
  EXPECT_TRUE(Filter::parse("true")->empty());
}

TEST(FilterParser, BuildersNeedNoText) {
  EXPECT_TRUE(Filter::all_of({}).empty());
  EXPECT_EQ(Filter().to_string(), "true");
  EXPECT_EQ(Filter::any_of({}).to_string(), "false");
  EXPECT_EQ(Filter::negate(Filter()).to_string(), "not true");
  EXPECT_EQ(Filter::any_of({Filter(), Filter::is_null("x")}).to_string(), "true or x is null");
  const auto bound =
      bind_filter(Filter::compare("yeer", Filter::Compare::kEq, int64_t{1}), kSchema);
  EXPECT_EQ(bound.status().message(),
            "unknown column \"yeer\"; did you mean \"year\"? columns: at, "
            "flag, lang, score, tags, year");
  EXPECT_EQ(
      bind_filter(Filter::compare("lang", Filter::Compare::kEq, "\xFF"), kSchema).status().code(),
      StatusCode::kInvalidFilter);
}

TEST(FilterParser, HostileTextsAreRefusedNotSuffered) {
  const auto refused = [](const std::string& text) {
    const auto filter = Filter::parse(text);
    return filter.ok() ? std::string() : filter.status().message().substr(0, 200);
  };
  EXPECT_NE(refused(std::string(100'000, '(')).find("nested deeper than 256"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "not ";
  EXPECT_NE(refused(nots + "flag").find("nested deeper than 256"), std::string::npos);
  EXPECT_NE(refused(std::string(kMaxFilterBytes + 1, ' ')).find("at most"), std::string::npos);
  EXPECT_NE(refused("lang = '\xFF'").find("column 9: the filter is not valid UTF-8"),
            std::string::npos);
  std::string ladder = "a = 1";  // and, or, and, or: a level each
  for (int i = 0; i < 254; ++i) ladder = "(" + ladder + (i % 2 == 0 ? " and a = 1)" : " or a = 1)");
  EXPECT_EQ(refused(ladder), "");
  EXPECT_NE(refused("a = 1 and (" + ladder + " or (" + ladder + "))"), "");
  std::string many = "year in (0";
  for (int i = 0; i < 100'000; ++i) many += ",1";
  EXPECT_EQ(refused(many + ")"), "");
}

TEST(FilterParser, DeepBuiltTreesAreRefusedWhenBound) {
  Filter filter = Filter::is_null("year");
  for (uint32_t i = 1; i < kMaxFilterDepth; ++i) filter = Filter::negate(filter);
  EXPECT_TRUE(bind_filter(filter, kSchema).ok());
  EXPECT_TRUE(Filter::parse(filter.to_string()).ok());
  for (int i = 0; i < 100'000; ++i) filter = Filter::negate(filter);
  EXPECT_EQ(bind_filter(filter, kSchema).status().message(),
            "the filter is nested deeper than 256 levels");
}

TEST(FilterParser, TimesAreReadAsIso8601) {
  for (const auto& [text, micros] : testing::known_times()) {
    const auto parsed = parse_timestamp(text);
    ASSERT_EQ(parsed.status().to_string(), "ok") << text;
    EXPECT_EQ(*parsed, micros) << text;
  }
  EXPECT_EQ(*parse_timestamp("2024-05-01T12:30:15.25-02:30"), 1'714'575'615'250'000);
  EXPECT_EQ(*parse_timestamp("0001-01-01"), -62'135'596'800'000'000);
  EXPECT_EQ(*parse_timestamp("9999-12-31T23:59:59.999999000Z"), 253'402'300'799'999'999);
  for (const char* bad :
       {"", "2024", "2024-1-1", "2024-05-01T", "2024-05-01T12", "2024-05-01T24:00",
        "2024-05-01T12:60", "2024-05-01T12:00:60", "2024-05-01T12:00:00.", "2023-02-29",
        "2024-05-01T12:00:00.1234567", "2024-05-01T12:00+1", "2024-05-01Z", "0000-01-01",
        "2024-05-01T12:00:00Zx", "24-05-01", "2024/05/01"}) {
    EXPECT_FALSE(parse_timestamp(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace omendb::filter
