// Outlier detection, as far as the control thread does it.
#include "proxy/upstream/health/testing/monitor_fixture.h"

namespace sluice::upstream::health {
namespace {

TEST_F(MonitorTest, AnEjectedEndpointComesBackWhenItsTimeIsOver) {
  has_checks_ = false;
  has_policy_ = true;
  Apply();
  EjectFirst();
  Pass(absl::Milliseconds(500));
  EXPECT_EQ(StateGauge(observe::EndpointState::kEjected), 1u);
  EXPECT_EQ(Report().ejected_why, "consecutive_5xx");
  EXPECT_EQ(monitor_->ListUnhealthy(10).first.size(), 1u);
  Pass(absl::Seconds(29));
  EXPECT_EQ(flags(), kEjected);
  Pass(absl::Seconds(1));
  EXPECT_EQ(flags(), 0u);
  EXPECT_EQ(StateGauge(observe::EndpointState::kEjected), 0u);
  EXPECT_EQ(settings_.board->ejections().ejected(), 0u);
}

// One that came back counted one more as ejected than there were, for good.
TEST_F(MonitorTest, AnUpstreamThatGoesTakesItsEjectionsAlong) {
  has_checks_ = false;
  has_policy_ = true;
  Apply();
  EjectFirst();
  EXPECT_EQ(EjectionsActive(), 1u);
  monitor_->Apply({{0, nullptr, nullptr}});
  Turn();
  EXPECT_EQ(EjectionsActive(), 0u);
  EXPECT_EQ(settings_.board->ejections().ejected(), 0u);
}

TEST_F(MonitorTest, ACheckThatSucceedsBringsAnEjectedEndpointBack) {
  has_policy_ = true;
  Apply();
  AnswerStatus(200);
  EjectFirst();
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, ACheckDoesNotBringItBackWhereThatIsNotWanted) {
  has_policy_ = true;
  policy_.unejects_on_check = false;
  Apply();
  AnswerStatus(200);
  EjectFirst();
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), kEjected);
}

TEST_F(MonitorTest, WithoutOutlierDetectionNobodyStaysEjected) {
  has_checks_ = false;
  has_policy_ = true;
  Apply();
  EjectFirst();
  has_policy_ = false;
  Apply();
  EXPECT_EQ(flags(), 0u);
  // A worker may eject one more before it has the new settings.
  settings_.board->ejections().SetLimit(&policy_, 1);
  EjectFirst();
  Pass(absl::Milliseconds(500));
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, WhoFailsMoreOftenThanTheRestIsEjectedAtTheIntervalsEnd) {
  has_checks_ = false;
  has_policy_ = true;
  policy_.consecutive_5xx = 0;
  for (int i = 0; i < 4; ++i) AddServer();
  Apply();
  for (size_t endpoint = 0; endpoint < 5; ++endpoint) {
    for (int i = 0; i < 100; ++i) {
      const bool fails = endpoint == 2 && i % 2 == 0;
      NoteOutcome(policy_, *settings_.board, health(endpoint),
                  fails ? Outcome::kServerError : Outcome::kGood, loop_.now_ns());
    }
  }
  Pass(absl::Seconds(9));
  EXPECT_EQ(flags(2), 0u);
  Pass(absl::Seconds(2));
  EXPECT_EQ(flags(2), kEjected);
  EXPECT_EQ(health(2).outlier().ejected()->why, Ejection::kSuccessRate);
  EXPECT_EQ(settings_.board->ejections().ejected(), 1u);
}

TEST_F(MonitorTest, AnEjectedEndpointThatGoesMakesRoomForAnother) {
  has_checks_ = false;
  has_policy_ = true;
  AddServer();
  Apply();
  EjectFirst();
  const Endpoint gone = endpoints_[0];
  endpoints_.erase(endpoints_.begin());
  Apply();
  EXPECT_EQ(settings_.board->ejections().ejected(), 0u);
  EjectFirst();
}

}  // namespace
}  // namespace sluice::upstream::health
