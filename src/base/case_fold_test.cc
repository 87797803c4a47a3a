#include "base/case_fold.h"

#include <gtest/gtest.h>

namespace omendb {
namespace {

std::string folded(std::string_view text) {
  std::string out = "what was there";
  fold_case(text, out);
  return out;
}

TEST(CaseFold, CasesOfACharacterAreOne) {
  EXPECT_EQ(folded("Hello, WORLD 123 [Z{"), "hello, world 123 [z{");
  EXPECT_EQ(folded("\u00C9T\u00C9"), "\u00E9t\u00E9");
  EXPECT_EQ(folded("\u0130"), "\u0130") << "folds to two characters";
  EXPECT_EQ(folded("\u03A3\u03C3\u03C2"), "\u03C3\u03C3\u03C3") << "the sigmas";
  EXPECT_EQ(folded("\u041F\u0420\u0418\u0412\u0415\u0422"), "\u043F\u0440\u0438\u0432\u0435\u0442");
  EXPECT_EQ(folded("\u0100\u0101\u0102\u0103"), "\u0101\u0101\u0103\u0103") << "pairs";
  EXPECT_EQ(folded("\U00010400"), "\U00010428");
  EXPECT_EQ(folded("\u1E9E\u00DF"), "\u00DF\u00DF");
  EXPECT_EQ(folded("\u6F22\u5B57 \U0001F600"), "\u6F22\u5B57 \U0001F600");
}

TEST(CaseFold, FoldingTwiceChangesNothingMore) {
  for (uint32_t c = 0; c < 0x110000; ++c) ASSERT_EQ(fold_case(fold_case(c)), fold_case(c)) << c;
}

TEST(CaseFold, MalformedBytesStay) {
  EXPECT_EQ(folded("A\xFF"
                   "B\xC3"),
            "a\xFF"
            "b\xC3");
  EXPECT_EQ(folded(""), "");
}

}  // namespace
}  // namespace omendb
