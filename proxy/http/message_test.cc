#include "proxy/http/message.h"

#include "gtest/gtest.h"

namespace sluice::http {
namespace {

TEST(ReasonPhraseTest, FirstAndLastRegisteredStatusHaveTheirs) {
  EXPECT_EQ(ReasonPhrase(100), "Continue");
  EXPECT_EQ(ReasonPhrase(404), "Not Found");
  EXPECT_EQ(ReasonPhrase(511), "Network Authentication Required");
}

TEST(ReasonPhraseTest, ATeapotIsKnown) { EXPECT_EQ(ReasonPhrase(418), "I'm a teapot"); }

TEST(ReasonPhraseTest, AStatusThatNobodyRegisteredIsUnknown) {
  EXPECT_EQ(ReasonPhrase(299), "Unknown");
  EXPECT_EQ(ReasonPhrase(599), "Unknown");
}

TEST(ReasonPhraseTest, WhatIsNoStatusIsUnknown) {
  EXPECT_EQ(ReasonPhrase(99), "Unknown");
  EXPECT_EQ(ReasonPhrase(600), "Unknown");
  EXPECT_EQ(ReasonPhrase(-1), "Unknown");
}

}  // namespace
}  // namespace sluice::http
