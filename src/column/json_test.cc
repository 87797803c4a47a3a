#include "column/json.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "omendb/types.h"

namespace omendb::column {
namespace {

std::string fault_of(std::string_view text) {
  const auto bad = check_json(text);
  return bad ? std::to_string(bad->at) + ": " + bad->what : "fine";
}

TEST(Json, EveryKindOfValueIsTaken) {
  for (const char* text :
       {"null", "true", "false", "0", "-0", "12", "-1.5", "1e9", "1.25E-7", "1E+2", "\"\"",
        "\"a\\n\\u00e9\\ud83d\\ude00\\/\"", "\"\xC3\xA9\"", "[]", "{}", "[1,[2,[]],{}]",
        "{\"a\":{\"b\":[null]},\"\":0}", " \t\r\n[ 1 , 2 ] \n", "123456789012345678901234567890"}) {
    EXPECT_EQ(fault_of(text), "fine") << text;
  }
}

TEST(Json, WhatTheGrammarForbidsIsRefusedWithItsPlace) {
  const std::pair<std::string_view, const char*> kBad[] = {
      {"", "0: lacks a value"},
      {"  ", "2: lacks a value"},
      {"nul", "0: lacks a value"},
      {"NaN", "0: lacks a value"},
      {"'a'", "0: lacks a value"},
      {"[1,]", "3: lacks a value"},
      {"{\"a\":1,}", "7: lacks a key in double quotes"},
      {"{a:1}", "1: lacks a key in double quotes"},
      {"{\"a\" 1}", "5: lacks a colon after a key"},
      {"[1 2]", "3: lacks a comma or ] after an item"},
      {"[1}", "2: lacks a comma or ] after an item"},
      {"{\"a\":1]", "6: lacks a comma or } after a member"},
      {"[", "1: lacks a value"},
      {"1 2", "2: goes on after its value"},
      {"01", "1: goes on after its value"},
      {"-", "1: has a malformed number"},
      {"1.", "2: has a malformed number"},
      {"1e", "2: has a malformed number"},
      {"+1", "0: lacks a value"},
      {"\"a", "2: ends inside a string"},
      {"\"a\\", "2: ends inside a string"},
      {"\"\\x\"", "1: has an unknown escape"},
      {"\"\\u12g4\"", "1: has a malformed \\u escape"},
      {"\"\\ud800\"", "1: escapes half a surrogate pair"},
      {"\"\\ude00\"", "1: escapes half a surrogate pair"},
      {"\"\\ud83dx\\ude00\"", "1: escapes half a surrogate pair"},
      {"\"\n\"", "1: has a control character in a string"},
  };
  for (const auto& [text, fault] : kBad) EXPECT_EQ(fault_of(text), fault) << text;
}

TEST(Json, DepthIsLimitedAndCostsNoStack) {
  const std::string deepest(kMaxJsonDepth, '[');
  EXPECT_EQ(fault_of(deepest + std::string(kMaxJsonDepth, ']')), "fine");
  EXPECT_EQ(fault_of("[" + deepest), std::to_string(kMaxJsonDepth + 1) + ": is nested too deeply");
  EXPECT_NE(fault_of(std::string(1'000'000, '[')), "fine");
}

/// A text made by the grammar's own rules, which no code under test has part in.
std::string random_json(std::mt19937& rng, int depth) {
  static const char* kLeaves[] = {"null", "true",  "-0.5e3", "7",          "\"\"",
                                  "[]",   "false", "{}",     "\"\\\"]}\"", "\"\xE2\x82\xAC\""};
  if (depth == 0 || rng() % 3 == 0) return kLeaves[rng() % std::size(kLeaves)];
  const bool object = rng() % 2 == 0;
  std::string text(1, object ? '{' : '[');
  const size_t items = rng() % 4;
  for (size_t i = 0; i < items; ++i) {
    if (i > 0) text += rng() % 2 == 0 ? "," : " ,\n";
    if (object) text += "\"k" + std::to_string(i) + "\":";
    text += random_json(rng, depth - 1);
  }
  return text + (object ? '}' : ']');
}

TEST(Json, RandomTextsAreTakenAndTheirPrefixesAreNot) {
  const uint32_t seed = 20;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 rng(seed);
  for (int i = 0; i < 2'000; ++i) {
    const std::string text = random_json(rng, 5);
    ASSERT_EQ(fault_of(text), "fine") << text;
    size_t at = 0;
    ASSERT_FALSE(skip_json_value(text + ",", at)) << text;
    ASSERT_EQ(at, text.size()) << text;
    if (text[0] == '[' || text[0] == '{' || text[0] == '"') {
      const size_t cut = rng() % text.size();
      ASSERT_NE(fault_of(text.substr(0, cut)), "fine") << text << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace omendb::column
