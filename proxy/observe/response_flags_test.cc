#include "proxy/observe/response_flags.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice::observe {
namespace {

std::string Text(ResponseFlags flags) {
  char text[kMaxFlagText];
  return std::string(text, WriteFlags(flags, text));
}

TEST(ResponseFlagsTest, FlagsAreWrittenByTheirCodes) {
  ResponseFlags flags = ResponseFlag::kUpstreamConnectFailed;
  flags.Add(ResponseFlag::kClientDisconnected);
  EXPECT_EQ(Text(flags), "UF,DC");
}

TEST(ResponseFlagsTest, NoFlagsAreNothing) { EXPECT_EQ(Text({}), ""); }

TEST(ResponseFlagsTest, AllFlagsAtOnceFitTheirLimit) {
  ResponseFlags all;
  for (const FlagInfo& info : AllFlags()) all.Add(info.flag);
  EXPECT_LE(Text(all).size(), kMaxFlagText);
}

TEST(ResponseFlagsTest, TheTableOfFlagsIsInTheOrderOfTheEnumeration) {
  for (size_t i = 0; i < kResponseFlags; ++i) {
    EXPECT_EQ(static_cast<size_t>(AllFlags()[i].flag), i);
  }
}

TEST(ReasonTest, EveryReasonIsFoundByItsDetails) {
  for (const Reason& reason : AllReasons()) EXPECT_EQ(FindReason(reason.details), &reason);
}

TEST(ReasonTest, DetailsOfPluginsAreNotTheProxys) {
  EXPECT_EQ(FindReason("key_auth_missing"), nullptr);
  EXPECT_EQ(ReasonIndex("key_auth_missing"), kReasons);
}

TEST(ReasonTest, DetailsAreUniqueWords) {
  std::set<std::string> seen;
  for (const Reason& reason : AllReasons()) {
    const std::string details = reason.details;
    EXPECT_TRUE(seen.insert(details).second) << details;
    EXPECT_EQ(details.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos);
  }
}

TEST(ReasonTest, EveryErrorHasAFlag) {
  for (const Reason& reason : AllReasons()) {
    const absl::string_view details = reason.details;
    const bool is_error = details != "via_upstream" && details != "connection_ended";
    EXPECT_EQ(reason.flags.empty(), !is_error) << details;
  }
}

}  // namespace
}  // namespace sluice::observe
