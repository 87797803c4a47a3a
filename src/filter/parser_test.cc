#include <gtest/gtest.h>

#include <random>

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
  EXPECT_EQ(error_of("year = 1 and\nyear = '2'"),
            "line 2, column 8: \"year\" is i64 and is compared with a number, not with '2'\n"
            "  year = '2'\n"
            "         ^");
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
      {"year is 3", "column 9: expected null, true, false or not"},
      {"year is not 3", "column 13: expected null, true or false"},
      {"(year = 1) is null", "column 15: expected true, false, not true or not false"},
      {"year = 1 is true", "column 10: expected and, or or the end of the filter"},
      {"year not 3", "column 10: expected in, like, ilike, between or contains after \"not\""},
      {"year not = 3", "column 10: expected in, like, ilike, between or contains after \"not\""},
      {"size(tags", "column 10: expected \")\" after \"tags\""},
      {"size(5) = 1", "column 6: expected a column name after \"(\""},
      {"size(year) = 1", "column 6: size(...) needs an array column; \"year\" is i64"},
      {"size(tags) = 'x'",
       "column 14: size(tags) is a number and is compared with a number, not with 'x'"},
      {"size(tags)", "column 11: expected an operator"},
      {"size(tags) like 'x'", "column 12: like tests strings; size(...) is a number"},
      {"size(tags) contains 1", "column 12: contains tests elements; size(...) is a number"},
      {"tags contains all ()", "column 20: expected a value"},
      {"tags contains any 'x'", "column 19: expected \"(\" after \"any\""},
      {"lang ilike 'a\\'", "column 12: the pattern ends in a lone \\"},
      {"year ilike 'x'", "column 1: like needs a string column; \"year\" is i64"},
      {"lang = timestamp '2024-05-01'",
       "is string and is compared with a string in single quotes, not with timestamp "
       "'2024-05-01T00:00:00Z'"},
      {"year > timestamp '2024-05-01'", "is i64 and is compared with a number, not with timestamp"},
      {"year ~ 3", "column 6: unexpected \"~\""},
      {"doc. = 3", "column 4: unexpected \".\"; a name that holds one is quoted"},
      {"doc..a = 3", "column 4: unexpected \".\"; a name that holds one is quoted"},
      {"my-col = 3", "column 3: unexpected \"-\"; a name that holds one is quoted"},
      {"lang like 5", "column 11: expected a pattern in single quotes"},
      {"lang like 'a\\'", "column 11: the pattern ends in a lone \\"},
      {"year = 18446744073709551616", "column 8: \"18446744073709551616\" is out of range"},
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
      {"tags != 'x'", "column 1: \"tags\" is string[], and != could mean two things; that no"},
      {"year contains 1", "column 1: contains needs an array or a string column; \"year\" is i64"},
      {"lang contains 3", "column 15: \"lang\" is string and is compared with a string"},
      {"tags contains 3", "column 15: \"tags\" is string and"},
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
      {"at > timestamp '2024-01-01'", "at > timestamp '2024-01-01T00:00:00Z'"},
      {"at > timestamp '2024-01-01T01:30:00.25+01:00'", "at > timestamp '2024-01-01T00:30:00.25Z'"},
      {"(a = 1) is true", "(a = 1) is true"},
      {"(a = 1 or b = 2) IS NOT TRUE and c = 3", "(a = 1 or b = 2) is not true and c = 3"},
      {"((a = 1) is not true) is not false", "(not (a = 1) is not true) is not true"},
      {"not (a) is false", "(not a = true) is not true"},
      {"flag is true or flag is not false",
       "(flag = true) is true or (not flag = true) is not true"},
      {"a ilike '%X' or a not ilike 'y'", "a ilike '%X' or a not ilike 'y'"},
      {"SIZE(tags) >= 2 and size = 3", "size(tags) >= 2 and size = 3"},
      {"size(\"my tags\") not in (1, 2)", "size(\"my tags\") not in (1, 2)"},
      {"t contains all ('x', 'y')", "t contains 'x' and t contains 'y'"},
      {"t contains any ('x', 'y')", "t contains 'x' or t contains 'y'"},
      {"t not contains any ('x', 'y')", "not (t contains 'x' or t contains 'y')"},
      {"t not contains all ('x')", "t not contains 'x'"},
      {"doc.a = 1 and doc.0.in is null", "\"doc.a\" = 1 and \"doc.0.in\" is null"},
      {"size(doc.a) = 1 or \"a..b\"", "size(\"doc.a\") = 1 or \"a..b\" = true"},
      {"id = 18446744073709551615", "id = 18446744073709551615"},
      {"all = 1 and any = 2 and ilike = 3", "all = 1 and any = 2 and ilike = 3"},
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

TEST(FilterParser, ANameThatNoPointHasIsNullAndSuggestsTheNearest) {
  const auto bound = [](const std::string& text, std::optional<IdKind> ids = IdKind::kU64) {
    return *bind_filter(*Filter::parse(text), kSchema, ids);
  };
  const BoundFilter twice = bound("yaer = 1 or yaer is null and nothing_like_it contains 'x'");
  ASSERT_EQ(twice.unknown.size(), 2u) << "once a name";
  EXPECT_EQ(twice.unknown[0].name, "yaer");
  EXPECT_EQ(twice.unknown[0].message,
            "no point has a column \"yaer\" yet; did you mean \"year\"? columns: at, flag, lang, "
            "score, tags, year");
  EXPECT_EQ(twice.unknown[1].message.substr(0, 60),
            "no point has a column \"nothing_like_it\" yet; columns: at, fl");
  EXPECT_TRUE(bound("yaer is null").matches_everything());
  EXPECT_EQ(bound("yaer in ()").root().truth, Truth::kFalse);
  EXPECT_EQ(bound("yaer in (1)").root().truth, Truth::kNull);
  EXPECT_EQ(bound("size(yaer) > 1").root().truth, Truth::kNull);
  EXPECT_TRUE(bound("yaer = 1", std::nullopt).unknown.empty()) << "no point ever was there";
  EXPECT_TRUE(bound("id = 1").unknown.empty());
  EXPECT_FALSE(bind_filter(*Filter::parse("yaer like '\\'"), kSchema).ok());
}

TEST(FilterParser, TimesAreReadAsIso8601) {
  for (const auto& [text, micros] : testing::known_times()) {
    const auto parsed = parse_timestamp(text);
    ASSERT_EQ(parsed.status().to_string(), "ok") << text;
    EXPECT_EQ(*parsed, micros) << text;
  }
  EXPECT_EQ(*parse_timestamp("2024-05-01T12:30:15.25-02:30"), 1'714'575'615'250'000);
  EXPECT_EQ(*parse_timestamp("0001-01-01"), kFirstTimestamp);
  EXPECT_EQ(*parse_timestamp("9999-12-31T23:59:59.999999999Z"), kLastTimestamp);
  // The forms of one moment.
  for (const char* same :
       {"2024-05-01T12:30:00Z", "20240501T123000Z", "2024-05-01 12:30", "20240501T1230",
        "2024-W18-3T12:30:00,000Z", "2024W183T123000.0000000001z", "2024-05-01t14:30+02",
        "20240501T143000+0200", "2024-05-01T14:30:30+02:00:30", "2024-05-01T1430+02:00"}) {
    const auto parsed = parse_timestamp(same);
    ASSERT_EQ(parsed.status().to_string(), "ok") << same;
    EXPECT_EQ(*parsed, 1'714'566'600'000'000) << same;
  }
  EXPECT_EQ(*parse_timestamp("2024-W18"), *parse_timestamp("2024-04-29"));
  EXPECT_EQ(*parse_timestamp("2020-W53-7"), *parse_timestamp("2021-01-03"));
  EXPECT_EQ(*parse_timestamp("2021-W01-1"), *parse_timestamp("2021-01-04"));
  EXPECT_EQ(*parse_timestamp("2019-W01-1"), *parse_timestamp("2018-12-31"));
  for (const char* bad : {"",
                          "2024",
                          "2024-1-1",
                          "2024-05",
                          "202405",
                          "2024-05-01T",
                          "2024-05-01T1",
                          "2024-05-01T24:00",
                          "2024-05-01T12:60",
                          "2024-05-01T12:00:60",
                          "2024-05-01T12:00:00.",
                          "2023-02-29",
                          "2024-0501",
                          "202405-01",
                          "2024-05-01T12:0000",
                          "2024-05-01T1200:00",
                          "2024-05-01T12:00+1",
                          "2024-05-01Z",
                          "0000-01-01",
                          "2024-05-01T12:00:00Zx",
                          "24-05-01",
                          "2024/05/01",
                          "2024-W53-1",
                          "2024-W00-1",
                          "2024-W18-8",
                          "2024-W18-0",
                          "2024-W183",
                          "2024W18-3",
                          "2024-122",
                          "9999-W52-7",
                          "0001-01-01T00:00+01:00"}) {
    EXPECT_FALSE(parse_timestamp(bad).ok()) << bad;
  }
}

TEST(FilterParser, TimesAreWrittenAsTheyAreRead) {
  std::mt19937_64 rng(7);
  std::uniform_int_distribution<int64_t> any(kFirstTimestamp, kLastTimestamp);
  for (int i = 0; i < 10'000; ++i) {
    const int64_t micros = i == 0 ? kFirstTimestamp : i == 1 ? kLastTimestamp : any(rng);
    ASSERT_EQ(*parse_timestamp(format_timestamp(micros)), micros) << format_timestamp(micros);
  }
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_timestamp(1'500'000), "1970-01-01T00:00:01.5Z");
}

}  // namespace
}  // namespace omendb::filter
