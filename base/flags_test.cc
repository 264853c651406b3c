#include "base/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Values {
  std::string node = "host";
  std::vector<std::string> groups;
  uint64_t workers = 2;
  bool insecure = false;
  absl::Duration drain = absl::Seconds(30);
};

absl::StatusOr<std::vector<std::string>> Parse(Values& values, std::vector<const char*> args) {
  Flags flags("prog", "Does things.");
  flags.String("node", "NAME", "name", &values.node);
  flags.Strings("groups", "A,B", "groups", &values.groups);
  flags.Uint("workers", "N", "threads", &values.workers);
  flags.Bool("insecure", "no protection", &values.insecure);
  flags.Duration("drain-timeout", "patience", &values.drain);
  args.insert(args.begin(), "prog");
  return flags.Parse(static_cast<int>(args.size()), args.data());
}

TEST(FlagsTest, ValuesComeAfterASpaceOrAnEqualsSign) {
  Values values;
  ASSERT_TRUE(Parse(values, {"--node", "a", "--workers=7"}).ok());
  EXPECT_EQ(values.node, "a");
  EXPECT_EQ(values.workers, 7u);
}

TEST(FlagsTest, WhatIsNotGivenKeepsItsDefault) {
  Values values;
  ASSERT_TRUE(Parse(values, {}).ok());
  EXPECT_EQ(values.drain, absl::Seconds(30));
}

TEST(FlagsTest, ListsAreSplitAtCommasAndAddUp) {
  Values values;
  ASSERT_TRUE(Parse(values, {"--groups", "a,b", "--groups=c"}).ok());
  EXPECT_THAT(values.groups, ElementsAre("a", "b", "c"));
}

TEST(FlagsTest, ASwitchTakesNoValueFromTheNextArgument) {
  Values values;
  const auto rest = Parse(values, {"--insecure", "file"});
  ASSERT_TRUE(rest.ok());
  EXPECT_TRUE(values.insecure);
  EXPECT_THAT(*rest, ElementsAre("file"));
}

TEST(FlagsTest, EverythingAfterTwoHyphensIsAnArgument) {
  Values values;
  const auto rest = Parse(values, {"--", "--node"});
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(*rest, ElementsAre("--node"));
}

TEST(FlagsTest, AnUnknownFlagIsRefusedWithTheNearestName) {
  Values values;
  EXPECT_THAT(std::string(Parse(values, {"--worker", "3"}).status().message()),
              HasSubstr("did you mean --workers?"));
}

TEST(FlagsTest, AMissingValueIsRefused) {
  Values values;
  EXPECT_EQ(Parse(values, {"--node"}).status().message(), "--node: needs a value");
}

TEST(FlagsTest, ABadDurationIsRefusedWithExamples) {
  Values values;
  EXPECT_THAT(std::string(Parse(values, {"--drain-timeout", "soon"}).status().message()),
              HasSubstr("250ms"));
}

}  // namespace
}  // namespace sluice
