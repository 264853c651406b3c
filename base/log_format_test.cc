#include "base/log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text) {
  const auto parsed = ParseLogTemplate(text);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

LogOperator OnlyOperator(absl::string_view text) {
  const auto parsed = ParseLogTemplate(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), 1u);
  return parsed->at(0).op.value();
}

TEST(LogFormatTest, TextAndOperatorsAlternate) {
  const auto parsed = ParseLogTemplate("[%PROTOCOL%] %RESPONSE_CODE%");
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->size(), 4u);
  EXPECT_EQ(parsed->at(0).literal, "[");
  EXPECT_EQ(parsed->at(1).op->source.field, LogField::kProtocol);
  EXPECT_EQ(parsed->at(2).literal, "] ");
  EXPECT_EQ(parsed->at(3).op->source.field, LogField::kResponseCode);
}

TEST(LogFormatTest, TwoPercentSignsAreOne) {
  const auto parsed = ParseLogTemplate("100%% sure");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->at(0).literal, "100% sure");
}

TEST(LogFormatTest, HeaderNamesAreInAnyCase) {
  EXPECT_EQ(OnlyOperator("%REQ(User-Agent)%").source.header, "user-agent");
}

TEST(LogFormatTest, PseudoHeadersAreFields) {
  EXPECT_EQ(OnlyOperator("%REQ(:PATH)%").source.field, LogField::kPath);
}

TEST(LogFormatTest, AHeaderMayHaveAnAlternativeAndALength) {
  const LogOperator op = OnlyOperator("%REQ(X-Original-Path?:PATH):128%");
  EXPECT_EQ(op.source.header, "x-original-path");
  EXPECT_EQ(op.alternative->field, LogField::kPath);
  EXPECT_EQ(op.max_bytes, 128u);
}

TEST(LogFormatTest, ATimeFormatMayHavePercentSigns) {
  EXPECT_EQ(OnlyOperator("%START_TIME(%Y/%m/%d %H:%M:%S.%6f)%").argument, "%Y/%m/%d %H:%M:%S.%6f");
}

TEST(LogFormatTest, ATlvHasANameOrANumber) {
  EXPECT_EQ(OnlyOperator("%PROXY_PROTOCOL_TLV(ssl_cn)%").source.tlv, 0x22);
  EXPECT_EQ(OnlyOperator("%PROXY_PROTOCOL_TLV(0xEa):64%").source.tlv, 0xea);
  EXPECT_THAT(ErrorOf("%PROXY_PROTOCOL_TLV(authorty)%"), HasSubstr("did you mean authority?"));
  for (const char* argument : {"", "()", "(0x)", "(0xEAB)", "(0xG0)", "(0x00)", "(234)"}) {
    EXPECT_THAT(ErrorOf(std::string("%PROXY_PROTOCOL_TLV") + argument + "%"),
                HasSubstr("a type such as 0xEA"))
        << argument;
  }
}

TEST(LogFormatTest, TheDefaultsAreValid) {
  EXPECT_EQ(ErrorOf(kDefaultLogTemplate), "");
  for (const auto& [name, text] : DefaultLogMembers()) EXPECT_EQ(ErrorOf(text), "") << name;
  for (const LogOperatorInfo& info : LogOperators()) {
    const std::string text = std::string(info.name);
    const char* const argument = info.argument == LogArgument::kHeader ? "(A)"
                                 : info.argument == LogArgument::kTlv  ? "(alpn)"
                                                                       : "";
    EXPECT_EQ(ErrorOf("%" + text + argument + "%"), "");
  }
  EXPECT_EQ(ErrorOf("%START_TIME(" + std::string(kDefaultLogTime) + ")%"), "");
}

TEST(LogFormatTest, AnUnknownOperatorIsRefusedWithItsPlaceAndTheNearest) {
  EXPECT_EQ(ErrorOf("a %RESPONSE_COD%"),
            "at byte 3: no operator \"RESPONSE_COD\"; did you mean RESPONSE_CODE?");
}

TEST(LogFormatTest, OperatorsInLowerCaseAreRefusedWithTheRightName) {
  EXPECT_THAT(ErrorOf("%protocol%"), HasSubstr("did you mean PROTOCOL?"));
}

TEST(LogFormatTest, WhatDoesNotEndIsRefused) {
  EXPECT_THAT(ErrorOf("%PROTOCOL"), HasSubstr("must end with \"%\""));
  EXPECT_THAT(ErrorOf("%REQ(X%"), HasSubstr("missing \")\""));
  EXPECT_THAT(ErrorOf("%"), HasSubstr("%% for one percent"));
  EXPECT_THAT(ErrorOf("%REQ(X):"), HasSubstr("followed by a length"));
}

TEST(LogFormatTest, ArgumentsThatDoNotFitAreRefused) {
  EXPECT_THAT(ErrorOf("%REQ%"), HasSubstr("needs a header, as in REQ(X-Name)"));
  EXPECT_THAT(ErrorOf("%REQ(a b)%"), HasSubstr("not a header name: \"a b\""));
  EXPECT_THAT(ErrorOf("%REQ(A?)%"), HasSubstr("not a header name"));
  EXPECT_THAT(ErrorOf("%RESP(:PATH)%"), HasSubstr("not a header name"));
  EXPECT_THAT(ErrorOf("%NODE(x)%"), HasSubstr("takes no argument"));
  EXPECT_THAT(ErrorOf("%DURATION(min)%"), HasSubstr("must be s, ms or us"));
  EXPECT_THAT(ErrorOf("%START_TIME(%Q)%"), HasSubstr("no conversion \"%Q\""));
  EXPECT_THAT(ErrorOf("%START_TIME(%)%"), HasSubstr("no conversion \"%\""));
  EXPECT_THAT(ErrorOf("%DURATION:3%"), HasSubstr("cannot be cut"));
  EXPECT_THAT(ErrorOf("%NODE:0%"), HasSubstr("followed by a length"));
  EXPECT_THAT(ErrorOf("%NODE:99999999999%"), HasSubstr("followed by a length"));
}

TEST(LogFormatTest, LineBreaksAreRefused) {
  EXPECT_THAT(ErrorOf("a\nb"), HasSubstr("at byte 2: control characters"));
}

TEST(LogFormatTest, ALongTemplateIsRefused) {
  EXPECT_THAT(ErrorOf(std::string(kMaxLogTemplate + 1, 'x')), HasSubstr("at most 4096 bytes"));
}

TEST(LogMembersTest, AnErrorNamesTheMember) {
  const auto parsed = ParseLogMembers({{"a", "%PROTOCOL%"}, {"b", "%NO%"}});
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("\"b\": at byte 1"));
}

TEST(LogMembersTest, TooManyOrTooLongAreRefused) {
  std::map<std::string, std::string> fields;
  for (int i = 0; i < 65; ++i) fields[std::to_string(i)] = "x";
  EXPECT_FALSE(ParseLogMembers(fields).ok());
  EXPECT_FALSE(ParseLogMembers({{"", "x"}}).ok());
  EXPECT_FALSE(ParseLogMembers({{std::string(129, 'n'), "x"}}).ok());
  EXPECT_FALSE(ParseLogMembers({{"a\nb", "x"}}).ok());
  EXPECT_FALSE(
      ParseLogMembers({{"a", std::string(3000, 'x')}, {"b", std::string(3000, 'x')}}).ok());
}

}  // namespace
}  // namespace sluice
