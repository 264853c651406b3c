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
  uint64_t memory = 256 << 20;
  absl::Duration drain = absl::Seconds(30);
};

absl::StatusOr<std::vector<std::string>> Parse(Values& values, std::vector<const char*> args) {
  Flags flags("prog", "Does things.");
  flags.String("node", "NAME", "name", &values.node);
  flags.Strings("groups", "A,B", "groups", &values.groups);
  flags.Uint("workers", "N", "threads", &values.workers);
  flags.Bool("insecure", "no protection", &values.insecure);
  flags.Size("memory", "bound", &values.memory);
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

TEST(FlagsTest, ASizeIsBytesOrHasAUnit) {
  Values values;
  ASSERT_TRUE(Parse(values, {"--memory", "65536"}).ok());
  EXPECT_EQ(values.memory, 65536u);
  ASSERT_TRUE(Parse(values, {"--memory", "3GiB"}).ok());
  EXPECT_EQ(values.memory, uint64_t{3} << 30);
}

TEST(FlagsTest, ABadSizeIsRefusedWithExamples) {
  for (const char* text : {"64kb", "MiB", "-1", "99999999999GiB"}) {
    Values values;
    EXPECT_THAT(std::string(Parse(values, {"--memory", text}).status().message()),
                HasSubstr("64KiB"));
  }
}

TEST(FlagsTest, HelpShowsASizeAsItWouldBeWritten) {
  uint64_t bytes = 256 << 20;
  Flags flags("prog", "Does things.");
  flags.Size("memory", "bound", &bytes);
  EXPECT_THAT(flags.Help(), HasSubstr("256MiB"));
}

struct Letters {
  std::vector<std::string> files;
  std::optional<uint64_t> expect;
};

absl::StatusOr<std::vector<std::string>> ParseLetters(Letters& values,
                                                      std::vector<const char*> args,
                                                      bool stops_at_argument = false) {
  Flags flags("prog", "Does things.");
  flags.Repeated("file", "PATH", "files", &values.files);
  flags.Letter('f', "file");
  flags.Uint("expect", "G", "generation", &values.expect);
  if (stops_at_argument) flags.StopAtArgument();
  args.insert(args.begin(), "prog");
  return flags.Parse(static_cast<int>(args.size()), args.data());
}

TEST(FlagsTest, ALetterStandsForItsName) {
  Letters values;
  ASSERT_TRUE(ParseLetters(values, {"-f", "a,b", "-fc", "--file", "d"}).ok());
  EXPECT_THAT(values.files, ElementsAre("a,b", "c", "d"));
}

TEST(FlagsTest, AnUnknownLetterIsRefused) {
  Letters values;
  EXPECT_EQ(ParseLetters(values, {"-x"}).status().message(), "unknown flag -x");
}

TEST(FlagsTest, AHyphenAloneIsAnArgumentAndAValue) {
  Letters values;
  const auto rest = ParseLetters(values, {"-f", "-", "-"});
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(values.files, ElementsAre("-"));
  EXPECT_THAT(*rest, ElementsAre("-"));
}

TEST(FlagsTest, ANumberThatWasNotGivenIsNone) {
  Letters values;
  ASSERT_TRUE(ParseLetters(values, {}).ok());
  EXPECT_FALSE(values.expect.has_value());
  ASSERT_TRUE(ParseLetters(values, {"--expect", "0"}).ok());
  EXPECT_EQ(values.expect, 0u);
}

TEST(FlagsTest, ACommandEndsTheFlagsBeforeIt) {
  Letters values;
  const auto rest = ParseLetters(values, {"--expect=1", "get", "-o", "yaml"}, true);
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(values.expect, 1u);
  EXPECT_THAT(*rest, ElementsAre("get", "-o", "yaml"));
}

}  // namespace
}  // namespace sluice
