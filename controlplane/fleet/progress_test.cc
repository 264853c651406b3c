#include "controlplane/fleet/progress.h"

#include <gtest/gtest.h>

#include "controlplane/fleet/debounce.h"

namespace sluice::fleet {
namespace {

using Next = Progress::Next;
using Outcome = Progress::Outcome;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

Generation Gen(uint64_t number, const std::string& hash, uint64_t epoch = 1) {
  return {{"store", epoch, number}, hash};
}

TEST(ProgressTest, WhoHoldsTheTargetGetsNothing) {
  EXPECT_EQ(Progress(Gen(7, "a")).Decide(Gen(7, "a"), {}, kNow), Next::kNothing);
}

TEST(ProgressTest, WhoHoldsNothingGetsEverything) {
  EXPECT_EQ(Progress(std::nullopt).Decide(Gen(7, "a"), {}, kNow), Next::kFull);
}

TEST(ProgressTest, WhoIsBehindGetsADelta) {
  EXPECT_EQ(Progress(Gen(6, "b")).Decide(Gen(7, "a"), {}, kNow), Next::kDelta);
}

TEST(ProgressTest, WhoHoldsAForeignStoreGetsEverythingEvenWithTheSameHash) {
  const Generation foreign = {{"other", 9, 99}, "a"};
  EXPECT_EQ(Progress(foreign).Decide(Gen(7, "a"), {}, kNow), Next::kFull);
}

TEST(ProgressTest, WhoHoldsMoreThanTheStoreIsAhead) {
  EXPECT_EQ(Progress(Gen(8, "a")).Decide(Gen(7, "a"), {}, kNow), Next::kAhead);
  EXPECT_EQ(Progress(Gen(1, "a", 2)).Decide(Gen(7, "a", 1), {}, kNow), Next::kAhead);
}

TEST(ProgressTest, ARaisedEpochIsADeltaForWhoWasAhead) {
  EXPECT_EQ(Progress(Gen(8, "b", 1)).Decide(Gen(7, "a", 2), {}, kNow), Next::kDelta);
}

TEST(ProgressTest, AtMostOneUpdateIsUnderWayAndTheNewestComesNext) {
  Progress progress(Gen(1, "a"));
  progress.OnSent(Gen(2, "b"), kNow);
  EXPECT_EQ(progress.Decide(Gen(3, "c"), {}, kNow), Next::kWait);
  EXPECT_TRUE(progress.OnStatus(Gen(2, "b"), Outcome::kActive));
  EXPECT_EQ(progress.Decide(Gen(4, "d"), {}, kNow), Next::kDelta);
  EXPECT_EQ(progress.held(), Gen(2, "b"));
}

TEST(ProgressTest, DegradedCountsAsHeld) {
  Progress progress(Gen(1, "a"));
  progress.OnSent(Gen(2, "b"), kNow);
  progress.OnStatus(Gen(2, "b"), Outcome::kDegraded);
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kNothing);
}

TEST(ProgressTest, AStatusOfAnotherGenerationDoesNotAnswerTheOneUnderWay) {
  Progress progress(Gen(1, "a"));
  progress.OnSent(Gen(2, "b"), kNow);
  EXPECT_FALSE(progress.OnStatus(Gen(1, "a"), Outcome::kDegraded));
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kWait);
}

TEST(ProgressTest, ARejectedGenerationIsNotSentAgainButTheNextIs) {
  Progress progress(Gen(1, "a"));
  Rejections rejections;
  progress.OnSent(Gen(2, "bad"), kNow);
  progress.OnStatus(Gen(2, "bad"), Outcome::kRejected);
  rejections.Add("bad");
  EXPECT_EQ(progress.held(), Gen(1, "a"));
  EXPECT_EQ(progress.Decide(Gen(2, "bad"), rejections, kNow), Next::kRejected);
  EXPECT_EQ(progress.Decide(Gen(3, "good"), rejections, kNow), Next::kDelta);
}

TEST(ProgressTest, TheSameContentUnderALaterNumberIsNotSentAgain) {
  Rejections rejections;
  rejections.Add("bad");
  EXPECT_EQ(Progress(Gen(1, "a")).Decide(Gen(5, "bad"), rejections, kNow), Next::kRejected);
}

// A proxy that serves content is told of its later numbers, whatever it said of that content once.
TEST(ProgressTest, ContentThatIsHeldIsNotRejected) {
  Rejections rejections;
  rejections.Add("a");
  EXPECT_EQ(Progress(Gen(1, "a")).Decide(Gen(2, "a"), rejections, kNow), Next::kDelta);
}

TEST(ProgressTest, ResyncVoidsWhatIsUnderWayAndTheNextUpdateIsFull) {
  Progress progress(Gen(1, "a"));
  progress.OnSent(Gen(2, "b"), kNow);
  progress.OnResync(kNow);
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kFull);
}

TEST(ProgressTest, ResyncOfTheGenerationHeldIsFullToo) {
  Progress progress(Gen(2, "b"));
  progress.OnResync(kNow);
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kFull);
}

TEST(ProgressTest, ASecondResyncSoonAfterIsPaused) {
  Progress progress(Gen(2, "b"));
  progress.OnResync(kNow);
  progress.OnSent(Gen(2, "b"), kNow);
  progress.OnResync(kNow + absl::Seconds(1));
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow + absl::Seconds(2)), Next::kWait);
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow + absl::Seconds(32)), Next::kFull);
}

TEST(ProgressTest, AReportOfWhatIsUnderWayAnswersIt) {
  Progress progress(Gen(1, "a"));
  progress.OnSent(Gen(2, "b"), kNow);
  EXPECT_FALSE(progress.OnReport(Gen(1, "a")));
  EXPECT_TRUE(progress.OnReport(Gen(2, "b")));
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kNothing);
}

TEST(ProgressTest, WhatIsReportedIsBelievedOverWhatWasSaidBefore) {
  Progress progress(Gen(2, "b"));
  progress.OnReport(Gen(1, "a"));
  EXPECT_EQ(progress.Decide(Gen(2, "b"), {}, kNow), Next::kDelta);
}

TEST(DebounceTest, ALoneChangeGoesAtOnce) {
  Debounce debounce({});
  EXPECT_EQ(debounce.OnChange(kNow), absl::ZeroDuration());
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(10)), absl::ZeroDuration());
}

TEST(DebounceTest, ABurstWaitsForAPause) {
  Debounce debounce({});
  debounce.OnChange(kNow);
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(3)), absl::Milliseconds(10));
  EXPECT_TRUE(debounce.is_waiting());
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(9)), absl::Milliseconds(10));
}

TEST(DebounceTest, ABurstThatDoesNotEndIsSentAfterASecond) {
  Debounce debounce({});
  debounce.OnChange(kNow);
  for (int ms = 5; ms < 1000; ms += 5) debounce.OnChange(kNow + absl::Milliseconds(ms));
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(1000)), absl::Milliseconds(5));
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(1006)), absl::ZeroDuration());
}

TEST(DebounceTest, WhatComesAfterSendingWaitsItsOwnTime) {
  Debounce debounce({});
  debounce.OnChange(kNow);
  debounce.OnChange(kNow + absl::Milliseconds(1));
  debounce.OnSent();
  EXPECT_FALSE(debounce.is_waiting());
  EXPECT_EQ(debounce.OnChange(kNow + absl::Milliseconds(12)), absl::ZeroDuration());
}

}  // namespace
}  // namespace sluice::fleet
