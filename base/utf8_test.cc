#include "base/utf8.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Utf8Test, CharactersHaveOneToFourBytes) {
  EXPECT_EQ(Utf8CharacterBytes({"\0b", 2}), 1u);
  EXPECT_EQ(Utf8CharacterBytes("\xc2\x80x"), 2u);
  EXPECT_EQ(Utf8CharacterBytes("\xe0\xa0\x80x"), 3u);
  EXPECT_EQ(Utf8CharacterBytes("\xed\x9f\xbf"), 3u);
  EXPECT_EQ(Utf8CharacterBytes("\xf4\x8f\xbf\xbfx"), 4u);
  EXPECT_TRUE(IsUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  EXPECT_TRUE(IsUtf8(""));
}

TEST(Utf8Test, WhatIsOverlongCutOrBeyondUnicodeIsNone) {
  for (const absl::string_view text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xe0\x9f\x80", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x8f\x80\x80", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(Utf8CharacterBytes(text), 0u);
    EXPECT_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace sluice
