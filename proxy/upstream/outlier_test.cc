#include "proxy/upstream/outlier.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "proxy/upstream/endpoint_health.h"

namespace sluice::upstream {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class OutlierTest : public ::testing::Test {
 protected:
  OutlierTest() { board_.ejections().SetLimit(&policy_, 10); }

  std::optional<Ejection> Note(Outcome outcome) {
    return NoteOutcome(policy_, board_, health_, outcome, now_ns_);
  }
  // How many of an outcome in a row it takes; 0 if 100 do nothing.
  int CountUntilEjected(Outcome outcome) {
    for (int i = 1; i <= 100; ++i) {
      if (Note(outcome)) return i;
    }
    return 0;
  }
  bool is_ejected() const { return (health_.flags() & EndpointHealth::kEjected) != 0; }

  OutlierPolicy policy_;
  HealthBoard board_;
  EndpointHealth health_;
  int64_t now_ns_ = 1000 * kSecond;
};

TEST_F(OutlierTest, FiveFailuresInARowEjectAtOnce) {
  const uint64_t before = board_.version();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Note(Outcome::kServerError), std::nullopt);
  EXPECT_FALSE(is_ejected());
  EXPECT_EQ(Note(Outcome::kServerError), Ejection::kConsecutive5xx);
  EXPECT_TRUE(is_ejected());
  EXPECT_FALSE(health_.is_healthy());
  EXPECT_NE(board_.version(), before);
  EXPECT_EQ(board_.ejections().ejected(), 1u);
  EXPECT_EQ(health_.outlier().ejected()->until_ns, now_ns_ + 30 * kSecond);
}

TEST_F(OutlierTest, ASuccessBeginsTheCountAnew) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Note(i % 5 == 4 ? Outcome::kGood : Outcome::kGatewayFailure), std::nullopt);
  }
}

TEST_F(OutlierTest, GatewayFailuresCountApartAndAlsoAs5xx) {
  policy_.consecutive_gateway_failures = 3;
  Note(Outcome::kGatewayFailure);
  Note(Outcome::kServerError);
  EXPECT_EQ(Note(Outcome::kGatewayFailure), std::nullopt);
  EXPECT_EQ(Note(Outcome::kNoResponse), std::nullopt);
  EXPECT_EQ(Note(Outcome::kGatewayFailure), Ejection::kConsecutiveGatewayFailures);
}

TEST_F(OutlierTest, ACountOfZeroEjectsNothing) {
  policy_.consecutive_5xx = 0;
  EXPECT_EQ(CountUntilEjected(Outcome::kNoResponse), 0);
}

TEST_F(OutlierTest, WhatHadNoResponseIsCountedApartWhereThatIsWanted) {
  policy_.splits_local_origin = true;
  policy_.consecutive_local_origin_failures = 3;
  Note(Outcome::kNoResponse);
  Note(Outcome::kNoResponse);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Note(Outcome::kServerError), std::nullopt);
  Note(Outcome::kNoResponse);
  Note(Outcome::kNoResponse);
  EXPECT_EQ(Note(Outcome::kNoResponse), Ejection::kConsecutiveLocalOriginFailures);
}

TEST_F(OutlierTest, AConnectionThatCameAboutIsAsGoodAsAResponse) {
  for (int i = 0; i < 4; ++i) Note(Outcome::kNoResponse);
  Note(Outcome::kConnected);
  EXPECT_EQ(CountUntilEjected(Outcome::kNoResponse), 5);
}

TEST_F(OutlierTest, WhereItIsCountedApartAConnectionSaysNothingOfResponses) {
  policy_.splits_local_origin = true;
  for (int i = 0; i < 4; ++i) Note(Outcome::kServerError);
  for (int i = 0; i < 4; ++i) Note(Outcome::kNoResponse);
  Note(Outcome::kConnected);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Note(Outcome::kNoResponse), std::nullopt);
  EXPECT_EQ(Note(Outcome::kServerError), Ejection::kConsecutive5xx);
}

TEST_F(OutlierTest, AnEndpointIsEjectedOnce) {
  EXPECT_EQ(CountUntilEjected(Outcome::kServerError), 5);
  EXPECT_EQ(CountUntilEjected(Outcome::kServerError), 0);
  EXPECT_EQ(board_.ejections().ejected(), 1u);
}

TEST_F(OutlierTest, AnEndpointThatComesBackHasNothingCounted) {
  CountUntilEjected(Outcome::kServerError);
  for (int i = 0; i < 4; ++i) Note(Outcome::kServerError);
  EXPECT_TRUE(Uneject(board_, health_, now_ns_));
  EXPECT_TRUE(health_.is_healthy());
  EXPECT_EQ(health_.healthy_since_ns(), now_ns_);
  EXPECT_EQ(board_.ejections().ejected(), 0u);
  EXPECT_FALSE(Uneject(board_, health_, now_ns_));
  EXPECT_EQ(CountUntilEjected(Outcome::kServerError), 5);
}

TEST_F(OutlierTest, EachEjectionIsLongerUpToALimitAndShorterAgainWithTime) {
  policy_.max_ejection_ns = 70 * kSecond;
  const auto eject = [&] {
    CountUntilEjected(Outcome::kServerError);
    const int64_t length = health_.outlier().ejected()->until_ns - now_ns_;
    Uneject(board_, health_, now_ns_);
    return length / kSecond;
  };
  EXPECT_EQ(eject(), 30);
  EXPECT_EQ(eject(), 60);
  EXPECT_EQ(eject(), 70);
  EXPECT_EQ(eject(), 70);
  DecayEjections(policy_, health_, now_ns_);  // The interval is not over.
  now_ns_ += 10 * kSecond;
  DecayEjections(policy_, health_, now_ns_);
  DecayEjections(policy_, health_, now_ns_);
  EXPECT_EQ(eject(), 60);
}

TEST_F(OutlierTest, OneMayBeOutWhateverThePercentage) {
  EjectionBudget budget;
  const auto limit_of = [&](uint32_t percent, size_t endpoints) {
    policy_.max_ejection_percent = percent;
    budget.SetLimit(&policy_, endpoints);
    int taken = 0;
    while (budget.TryTake()) ++taken;
    for (int i = 0; i < taken; ++i) budget.Give();
    return taken;
  };
  EXPECT_EQ(limit_of(10, 1), 1);
  EXPECT_EQ(limit_of(10, 10), 1);
  EXPECT_EQ(limit_of(10, 19), 1);
  EXPECT_EQ(limit_of(10, 20), 2);
  EXPECT_EQ(limit_of(100, 3), 3);
  EXPECT_EQ(limit_of(0, 100), 0);
  budget.SetLimit(nullptr, 100);
  EXPECT_FALSE(budget.TryTake());
}

TEST_F(OutlierTest, AnEndpointThatIsGoneTakesNoPlace) {
  CountUntilEjected(Outcome::kServerError);
  RetireOutlier(board_, health_);
  EXPECT_EQ(board_.ejections().ejected(), 0u);
  // A worker may still count on it.
  EXPECT_EQ(CountUntilEjected(Outcome::kServerError), 0);
  EXPECT_EQ(board_.ejections().ejected(), 0u);
}

TEST_F(OutlierTest, RatesAreOfOneInterval) {
  for (int i = 0; i < 10; ++i) Note(i < 3 ? Outcome::kServerError : Outcome::kGood);
  const OutlierRecord::Rates rates = TakeRates(health_);
  EXPECT_EQ(rates.requests, 10u);
  EXPECT_EQ(rates.failures, 3u);
  EXPECT_EQ(TakeRates(health_).requests, 0u);
}

TEST(OutlierThreadsTest, NeverMoreAreOutThanMayBe) {
  OutlierPolicy policy;
  policy.consecutive_5xx = 1;
  policy.max_ejection_percent = 30;
  HealthBoard board;
  std::vector<std::unique_ptr<EndpointHealth>> endpoints;
  for (int i = 0; i < 10; ++i) endpoints.push_back(std::make_unique<EndpointHealth>());
  board.ejections().SetLimit(&policy, endpoints.size());
  std::atomic<bool> was_exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        for (const auto& endpoint : endpoints) {
          NoteOutcome(policy, board, *endpoint, Outcome::kNoResponse, i);
        }
        if (board.ejections().ejected() > 3) was_exceeded = true;
      }
    });
  }
  // The control thread's part.
  for (int i = 0; i < 2000; ++i) {
    for (const auto& endpoint : endpoints) Uneject(board, *endpoint, i);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(was_exceeded);
  for (const auto& endpoint : endpoints) {
    NoteOutcome(policy, board, *endpoint, Outcome::kNoResponse, 0);
  }
  uint32_t out = 0;
  for (const auto& endpoint : endpoints) out += endpoint->is_healthy() ? 0 : 1;
  EXPECT_EQ(board.ejections().ejected(), out);
  EXPECT_EQ(out, 3u);
}

}  // namespace
}  // namespace sluice::upstream
