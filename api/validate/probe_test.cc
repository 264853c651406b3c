#include "api/validate/probe.h"

#include <gtest/gtest.h>

namespace sluice::validate {
namespace {

TEST(ProbeTest, APayloadIsTextOrHexadecimal) {
  EXPECT_EQ(ParsePayload(""), "");
  EXPECT_EQ(ParsePayload("PING\r\n"), "PING\r\n");
  EXPECT_EQ(ParsePayload("hex:50494e47"), "PING");
  EXPECT_EQ(ParsePayload("hex:50 49 4E 47"), "PING");
  EXPECT_EQ(ParsePayload("hex:00ff"), std::string("\0\xff", 2));
  EXPECT_EQ(ParsePayload("Hex:00"), "Hex:00");
}

TEST(ProbeTest, HalfAByteOrNoDigitIsNoPayload) {
  EXPECT_EQ(ParsePayload("hex:"), std::nullopt);
  EXPECT_EQ(ParsePayload("hex:5"), std::nullopt);
  EXPECT_EQ(ParsePayload("hex:5 0"), std::nullopt);
  EXPECT_EQ(ParsePayload("hex:5g"), std::nullopt);
  EXPECT_EQ(ParsePayload("hex:0x50"), std::nullopt);
}

TEST(ProbeTest, StatusesAreOneAClassOrARange) {
  EXPECT_EQ(ParseStatusRange("200"), (StatusRange{200, 200}));
  EXPECT_EQ(ParseStatusRange("4xx"), (StatusRange{400, 499}));
  EXPECT_EQ(ParseStatusRange("200-399"), (StatusRange{200, 399}));
  EXPECT_TRUE(ParseStatusRange("200-399")->Has(399));
  EXPECT_FALSE(ParseStatusRange("200-399")->Has(400));
}

TEST(ProbeTest, WhatIsNoFinalStatusIsRefused) {
  for (const char* text : {"", "2", "20", "2000", "100", "199", "600", "1xx", "6xx", "2XX", "-200",
                           "200-", "-", "300-200", "200-300-400", "+20", " 200"}) {
    EXPECT_EQ(ParseStatusRange(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice::validate
