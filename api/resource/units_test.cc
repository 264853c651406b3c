#include "api/resource/units.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::resource {
namespace {

TEST(DurationTest, ReadsEveryUnitAndTheirCombinations) {
  const std::vector<std::pair<std::string, absl::Duration>> cases = {
      {"250ms", absl::Milliseconds(250)}, {"15s", absl::Seconds(15)},
      {"5m", absl::Minutes(5)},           {"1h", absl::Hours(1)},
      {"1h30m", absl::Minutes(90)},       {"1s1us", absl::Seconds(1) + absl::Microseconds(1)},
      {"0s", absl::ZeroDuration()},       {"-2s", absl::Seconds(-2)},
      {"7ns", absl::Nanoseconds(7)},
  };
  for (const auto& [text, duration] : cases) EXPECT_EQ(ParseDuration(text), duration) << text;
}

TEST(DurationTest, RefusesWhatHasNoUnitOrMoreThanOneMeaning) {
  for (const char* text : {"", "-", "5", "s", "5x", "1.5s", "5 s", "5s ", "1m1h", "1s1s", "+1s",
                           "99999999999999999999s", "315576000001s", "1h-5m"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, IsWrittenAsItIsRead) {
  for (const char* text : {"0s", "15s", "1m30s", "24h", "250ms", "1h1m1s1ms1us1ns", "-5s"}) {
    EXPECT_EQ(DurationText(*ParseDuration(text)), text);
  }
  EXPECT_EQ(DurationText(absl::Seconds(90)), "1m30s");
}

TEST(DurationTest, BeyondTheRangeIsWrittenAsItsEnd) {
  EXPECT_EQ(DurationText(absl::InfiniteDuration()), "87660000h");
  EXPECT_EQ(DurationText(-absl::InfiniteDuration()), "-87660000h");
}

TEST(SizeTest, ReadsUnitsAndPlainBytes) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("1000"), 1000u);
  EXPECT_EQ(ParseSize("64KiB"), 65536u);
  EXPECT_EQ(ParseSize("1TiB"), uint64_t{1} << 40);
  EXPECT_EQ(ParseSize("18446744073709551615"), UINT64_MAX);
}

TEST(SizeTest, RefusesUnitsOfOtherMeaningAndOverflow) {
  for (const char* text :
       {"", "KiB", "64KB", "64k", "1 MiB", "-1", "1.5MiB", "16777216TiB", "18446744073709551616"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(SizeTest, IsWrittenWithTheLargestUnit) {
  EXPECT_EQ(SizeText(0), "0");
  EXPECT_EQ(SizeText(1000), "1000");
  EXPECT_EQ(SizeText(65536), "64KiB");
  EXPECT_EQ(SizeText(1 << 20), "1MiB");
  EXPECT_EQ(SizeText((1 << 20) + 1024), "1025KiB");
}

}  // namespace
}  // namespace sluice::resource
