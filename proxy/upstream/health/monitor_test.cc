// Checks.
#include "proxy/upstream/health/testing/monitor_fixture.h"

namespace sluice::upstream::health {
namespace {

TEST_F(MonitorTest, TheFirstAnswerCountsAtOnce) {
  Apply();
  EXPECT_EQ(flags(), kUnchecked);
  EXPECT_EQ(StateGauge(observe::EndpointState::kUnchecked), 1u);
  const uint64_t version = settings_.board->version();
  const net::Fd fd = Accept();
  EXPECT_EQ(Receive(fd), "GET /healthz?full=1 HTTP/1.1\r\nhost: " + endpoints_[0].name +
                             "\r\nuser-agent: sluice-health-check\r\n\r\n");
  Send(fd, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  WaitForChecks(1);
  EXPECT_EQ(flags(), 0u);
  EXPECT_EQ(StateGauge(observe::EndpointState::kUnchecked), 0u);
  EXPECT_NE(settings_.board->version(), version);
  EXPECT_EQ(health().healthy_since_ns(), loop_.now_ns());
}

TEST_F(MonitorTest, AFirstFailureCountsAtOnceToo) {
  Apply();
  Refuse();
  EXPECT_EQ(flags(), kFailedCheck);
  EXPECT_EQ(Report().error, "the connection ended");
}

TEST_F(MonitorTest, FailuresOfTheNetworkCountUpToTheThreshold) {
  Apply();
  AnswerStatus(200);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(flags(), 0u) << i;
    PassInterval();
    Refuse();
  }
  EXPECT_EQ(flags(), kFailedCheck);
  EXPECT_EQ(StateGauge(observe::EndpointState::kFailedCheck), 1u);
}

TEST_F(MonitorTest, AWrongAnswerIsBelievedAtOnceAndRecoveryTakesTwo) {
  Apply();
  AnswerStatus(200);
  PassInterval();
  AnswerStatus(503);
  EXPECT_EQ(flags(), kFailedCheck);
  EXPECT_EQ(Report().error, "status 503");
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), kFailedCheck);
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), 0u);
  EXPECT_EQ(Report().error, "");
}

TEST_F(MonitorTest, ARetriableStatusCountsUpToTheThreshold) {
  spec_.retriable = {{503, 503}};
  spec_.unhealthy_threshold = 2;
  Apply();
  AnswerStatus(200);
  PassInterval();
  AnswerStatus(503);
  EXPECT_EQ(flags(), 0u);
  PassInterval();
  AnswerStatus(503);
  EXPECT_EQ(flags(), kFailedCheck);
}

TEST_F(MonitorTest, NoAnswerInTimeIsAFailure) {
  Apply();
  const net::Fd fd = Accept();
  Receive(fd);
  Pass(absl::Nanoseconds(spec_.timeout_ns) + absl::Milliseconds(50));
  EXPECT_EQ(Checks(), 1u);
  EXPECT_EQ(Cell(observe::EndpointMetric::kHealthChecks,
                 static_cast<size_t>(observe::CheckResult::kTimeout)),
            1u);
  EXPECT_EQ(flags(), kFailedCheck);
  EXPECT_EQ(Report().error, "no answer within 2s");
}

TEST_F(MonitorTest, ABodyHasToContainWhatIsWanted) {
  spec_.body = "pass";
  Apply();
  Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfail");
  EXPECT_EQ(flags(), kFailedCheck);
  PassInterval();
  Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 8\r\n\r\n: pass :");
  PassInterval();
  Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\npass");
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, AnEndlessBodyIsNotReadToItsEnd) {
  Apply();
  const net::Fd fd = Accept();
  Receive(fd);
  Send(fd, "HTTP/1.1 200 OK\r\n\r\n");
  const std::string piece(16 * 1024, 'x');
  for (int i = 0; i < 4; ++i) {
    Send(fd, piece);
    Turn();
  }
  WaitForChecks(1);
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, AnEndpointMaySayThatItIsDegraded) {
  Apply();
  AnswerStatus(200, "x-sluice-degraded: 1\r\n");
  EXPECT_EQ(flags(), kDegraded);
  EXPECT_TRUE(health().is_healthy());
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, AConnectionIsKeptAndAStaleOneReplaced) {
  Apply();
  net::Fd fd = Accept();
  for (uint64_t i = 1; i <= 2; ++i) {
    Receive(fd);
    Send(fd, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    WaitForChecks(i);
    PassInterval();
  }
  // The third is under way on it.
  Receive(fd);
  fd = net::Fd();
  AnswerStatus(200);
  EXPECT_EQ(flags(), 0u);
  EXPECT_EQ(Checks(), 3u);
}

TEST_F(MonitorTest, AConnectionIsNotKeptWhereThatIsNotWanted) {
  spec_.keeps_connection = false;
  Apply();
  for (uint64_t i = 1; i <= 2; ++i) {
    const net::Fd fd = Accept();
    Receive(fd);
    Send(fd, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    WaitForChecks(i);
    EXPECT_EQ(Receive(fd), "");
    PassInterval();
  }
}

TEST_F(MonitorTest, AnUnhealthyEndpointIsAskedAtItsOwnInterval) {
  settings_.board->NoteTraffic();
  spec_.unhealthy_interval_ns = spec_.interval_ns / 5;
  Apply();
  AnswerStatus(500);
  Pass(absl::Nanoseconds(spec_.unhealthy_interval_ns) + absl::Milliseconds(50));
  EXPECT_TRUE(HasConnection());
}

TEST_F(MonitorTest, AnUpstreamWithoutRequestsIsAskedSeldomUntilItsFirst) {
  spec_.no_traffic_interval_ns = 20 * spec_.interval_ns;
  Apply();
  AnswerStatus(200);
  Pass(5 * absl::Nanoseconds(spec_.interval_ns));
  EXPECT_FALSE(HasConnection());
  settings_.board->NoteTraffic();
  PassInterval();
  EXPECT_TRUE(HasConnection());
}

TEST_F(MonitorTest, ATcpCheckIsAConnection) {
  spec_.kind = CheckSpec::Kind::kTcp;
  Apply();
  WaitForChecks(1);
  EXPECT_EQ(flags(), 0u);
  servers_[0].Close();
  for (uint64_t i = 2; i <= 4; ++i) {
    PassInterval();
    WaitForChecks(i);
  }
  EXPECT_EQ(flags(), kFailedCheck);
  EXPECT_EQ(Report().error, "cannot connect: Connection refused");
}

TEST_F(MonitorTest, ATcpCheckSendsAndWaitsForBytes) {
  spec_.kind = CheckSpec::Kind::kTcp;
  spec_.send = "PING\r\n";
  spec_.receive = "PONG";
  Apply();
  const net::Fd fd = Accept();
  EXPECT_EQ(Receive(fd), "PING\r\n");
  Send(fd, "+PO");
  Turn();
  EXPECT_EQ(flags(), kUnchecked);
  Send(fd, "NG\r\n");
  WaitForChecks(1);
  EXPECT_EQ(flags(), 0u);
  PassInterval();
  // The end instead of an answer.
  Refuse();
  EXPECT_EQ(Report().error, "the connection ended before the answer");
}

TEST_F(MonitorTest, ACheckMayAskAnotherPort) {
  spec_.kind = CheckSpec::Kind::kTcp;
  AddServer();
  const net::Fd other = std::move(servers_[1]);
  endpoints_.pop_back();
  spec_.port = net::LocalAddress(other.get()).port();
  servers_[0].Close();
  Apply();
  WaitForChecks(1);
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, AnotherQuestionForgetsNothing) {
  Apply();
  AnswerStatus(500);
  spec_.path = "/other";
  Apply(/*is_new=*/false);
  EXPECT_EQ(flags(), kFailedCheck);
  PassUntilAsked();
  AnswerStatus(200);
  EXPECT_EQ(flags(), kFailedCheck);
  PassInterval();
  AnswerStatus(200);
  EXPECT_EQ(flags(), 0u);
}

TEST_F(MonitorTest, WithoutChecksEveryEndpointIsWell) {
  Apply();
  AnswerStatus(500);
  has_checks_ = false;
  Apply();
  EXPECT_EQ(flags(), 0u);
  EXPECT_EQ(StateGauge(observe::EndpointState::kFailedCheck), 0u);
}

TEST_F(MonitorTest, ChecksThatAreNewLeaveAnEndpointInUseUntilTheyFail) {
  Apply(/*is_new=*/false);
  EXPECT_EQ(flags(), 0u);
  PassUntilAsked();
  AnswerStatus(500);
  EXPECT_EQ(flags(), kFailedCheck);
}

TEST_F(MonitorTest, AnEndpointThatGoesWhileItIsAskedIsForgotten) {
  Apply();
  const net::Fd fd = Accept();
  Receive(fd);
  endpoints_.clear();
  Settings settings = settings_;
  settings.checks = std::make_shared<const std::vector<CheckSpec>>(std::vector<CheckSpec>{spec_});
  monitor_->Apply({{0, std::make_shared<const Settings>(settings),
                    std::make_shared<const EndpointSet>(Policy::kRoundRobin, endpoints_)}});
  EXPECT_EQ(Receive(fd), "");  // Its connection is closed.
  EXPECT_EQ(monitor_->ListUnhealthy(10).count, 0u);
}

TEST_F(MonitorTest, AnUpstreamThatIsGoneIsAskedNothing) {
  Apply();
  AnswerStatus(200);
  monitor_->Apply({{0, nullptr, nullptr}});
  Turn();
  PassInterval();
  EXPECT_FALSE(HasConnection());
  EXPECT_FALSE(monitor_->Find("up", endpoints_[0].address).has_value());
}

TEST_F(MonitorTest, ThousandsAreAskedAFewAtATime) {
  spec_.kind = CheckSpec::Kind::kTcp;
  for (int i = 1; i < 200; ++i) {
    Endpoint& endpoint = endpoints_.emplace_back();
    endpoint.address = *net::Address::Parse("127.0.0.1:" + std::to_string(i));
    endpoint.health->Set(kUnchecked);
  }
  Apply();
  const auto count_unchecked = [&] {
    size_t count = 0;
    for (size_t i = 0; i < endpoints_.size(); ++i) count += (flags(i) & kUnchecked) != 0 ? 1 : 0;
    return count;
  };
  EXPECT_GE(count_unchecked(), 200u - 32);
  while (count_unchecked() > 0) Pass(absl::Milliseconds(50));
}

}  // namespace
}  // namespace sluice::upstream::health
