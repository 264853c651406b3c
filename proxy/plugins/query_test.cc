#include "proxy/plugins/query.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::plugins {
namespace {

class QueryTest : public ::testing::Test {
 protected:
  net::BlockPool pool_{1 << 20};
  char memory_[256];
  http::Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
};

TEST_F(QueryTest, TheFirstOfTheNameIsFound) {
  EXPECT_EQ(FindQueryParameter("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(FindQueryParameter("a=1&b=2", "b"), "2");
  EXPECT_EQ(FindQueryParameter("a=1", "c"), std::nullopt);
  EXPECT_EQ(FindQueryParameter("", "a"), std::nullopt);
}

TEST_F(QueryTest, ANameIsWholeNotAPrefix) {
  EXPECT_EQ(FindQueryParameter("ab=1&a=2", "a"), "2");
  EXPECT_EQ(FindQueryParameter("a=1", "ab"), std::nullopt);
}

TEST_F(QueryTest, EncodedNamesAreFound) {
  EXPECT_EQ(FindQueryParameter("%61pi%6bey=1", "apikey"), "1");
  EXPECT_EQ(FindQueryParameter("my+key=1", "my key"), "1");
}

TEST_F(QueryTest, AParameterWithoutEqualsIsEmpty) {
  EXPECT_EQ(FindQueryParameter("a&b=1", "a"), "");
  EXPECT_EQ(FindQueryParameter("a=", "a"), "");
  EXPECT_EQ(FindQueryParameter("a=b=c", "a"), "b=c");
}

TEST_F(QueryTest, DecodingTakesEscapesAndLeavesWhatIsNone) {
  EXPECT_EQ(DecodeQuery("plain", arena_), "plain");
  EXPECT_EQ(DecodeQuery("a%20b+c%2b", arena_), "a b c+");
  EXPECT_EQ(DecodeQuery("%zz%4%", arena_), "%zz%4%");
  EXPECT_EQ(DecodeQuery("%00", arena_), std::string(1, '\0'));
}

TEST_F(QueryTest, RemovingTakesAllOfTheNameAndKeepsTheRestAsItIs) {
  EXPECT_EQ(WithoutQueryParameter("k=1&a=%41&k=2&b", "k", arena_), "a=%41&b");
  EXPECT_EQ(WithoutQueryParameter("a=1&%6b=2", "k", arena_), "a=1");
  EXPECT_EQ(WithoutQueryParameter("k=1", "k", arena_), std::nullopt);
  EXPECT_EQ(WithoutQueryParameter("a=1&&b", "k", arena_), "a=1&&b");
}

}  // namespace
}  // namespace sluice::plugins
