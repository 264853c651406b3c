// What tests of the monitor start from: servers' ends of real sockets in the test's hand, and time
// standing still but for what the test moves.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/upstream/health/monitor.h"
#include "proxy/upstream/outcome_report.h"

namespace sluice::upstream::health {

inline constexpr auto kUnchecked = EndpointHealth::kUnchecked;
inline constexpr auto kFailedCheck = EndpointHealth::kFailedCheck;
inline constexpr auto kEjected = EndpointHealth::kEjected;
inline constexpr auto kDegraded = EndpointHealth::kDegraded;

class MonitorTest : public ::testing::Test {
 protected:
  MonitorTest() : upstream_group_(registry_.Acquire<observe::UpstreamMetric>({"up"})) {
    EXPECT_TRUE(loop_.Init().ok());
    settings_.name = "up";
    settings_.metrics = upstream_group_.group();
    spec_.jitter_percent = 0;
    spec_.path = "/healthz?full=1";
    AddServer();
  }
  ~MonitorTest() override {
    monitor_->Stop();
    Turn();
  }

  // One more endpoint.
  void AddServer() {
    servers_.push_back(*net::Listen(*net::Address::Parse("127.0.0.1:0"), 128));
    const net::Address address = net::LocalAddress(servers_.back().get());
    groups_.push_back(registry_.Acquire<observe::EndpointMetric>({"up", address.ToString()}));
    Endpoint& endpoint = endpoints_.emplace_back();
    endpoint.address = address;
    endpoint.name = address.ToString();
    endpoint.metrics = groups_.back().group();
  }
  // Tells the monitor what is configured now; a new endpoint as the cluster book makes it.
  void Apply(bool is_new = true) {
    Settings settings = settings_;
    if (has_checks_) {
      settings.checks =
          std::make_shared<const std::vector<CheckSpec>>(std::vector<CheckSpec>{spec_});
      if (is_new) endpoints_[0].health->Set(kUnchecked);
    }
    if (has_policy_) settings.outlier = std::make_shared<const OutlierPolicy>(policy_);
    settings.board->ejections().SetLimit(settings.outlier.get(), endpoints_.size());
    monitor_->Apply({{0, std::make_shared<const Settings>(settings),
                      std::make_shared<const EndpointSet>(Policy::kRoundRobin, endpoints_)}});
    Turn();
    // The first checks begin with the next tick of the timers.
    clock_.Advance(absl::Milliseconds(10));
    Turn();
  }
  void Turn(int times = 4) {
    while (times-- > 0) loop_.RunOnce(absl::ZeroDuration());
  }
  // Time passes, in steps of the timers'.
  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Milliseconds(50)) {
      clock_.Advance(absl::Milliseconds(50));
      Turn(2);
    }
    Turn();
  }
  void PassInterval() { Pass(absl::Nanoseconds(spec_.interval_ns) + absl::Milliseconds(50)); }
  // Until the next check is under way.
  void PassUntilAsked() {
    pollfd asked{.fd = servers_[0].get(), .events = POLLIN, .revents = 0};
    while (poll(&asked, 1, 0) == 0) Pass(absl::Milliseconds(50));
  }

  // The server's end of a check's connection.
  net::Fd Accept(size_t server = 0) {
    while (true) {
      net::Fd fd(accept4(servers_[server].get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.is_open()) return fd;
      loop_.RunOnce(absl::Milliseconds(10));
    }
  }
  bool HasConnection() {
    return net::Fd(accept4(servers_[0].get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC))
        .is_open();
  }
  std::string Receive(const net::Fd& fd) {
    char bytes[4096];
    while (true) {
      const ssize_t got = recv(fd.get(), bytes, sizeof(bytes), 0);
      if (got >= 0) return std::string(bytes, static_cast<size_t>(got));
      loop_.RunOnce(absl::Milliseconds(10));
    }
  }
  void Send(const net::Fd& fd, absl::string_view bytes) {
    ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Waits until a check has ended.
  void WaitForChecks(uint64_t count) {
    while (Checks() < count) loop_.RunOnce(absl::Seconds(10));
    Turn();
  }
  uint64_t Checks() const {
    uint64_t count = 0;
    for (size_t result = 0; result < 4; ++result) {
      count += Cell(observe::EndpointMetric::kHealthChecks, result);
    }
    return count;
  }
  // Answers one check on a connection of its own.
  void Answer(absl::string_view response) {
    const net::Fd fd = Accept();
    Receive(fd);
    const uint64_t before = Checks();
    Send(fd, response);
    WaitForChecks(before + 1);
  }
  void AnswerStatus(int status, absl::string_view headers = "") {
    Answer("HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(headers) +
           "connection: close\r\ncontent-length: 0\r\n\r\n");
  }
  // One check has no answer.
  void Refuse() {
    net::Fd fd = Accept();
    Receive(fd);
    const uint64_t before = Checks();
    linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    fd.Close();
    WaitForChecks(before + 1);
  }

  uint64_t Cell(observe::EndpointMetric metric, size_t value) const {
    std::optional<std::string> key;
    observe::MetricRegistry::Sample sample;
    while (registry_.Next(observe::Scope::kEndpoint, &key, &sample)) {
      if (!sample.is_shown || sample.label_values[1] != endpoints_[0].name) continue;
      return sample
          .cells[observe::kFirstCells<observe::EndpointMetric>[static_cast<size_t>(metric)] +
                 value];
    }
    return 0;
  }
  uint64_t StateGauge(observe::EndpointState state) const {
    return Cell(observe::EndpointMetric::kState, static_cast<size_t>(state));
  }

  uint64_t EjectionsActive() const {
    std::optional<std::string> key;
    observe::MetricRegistry::Sample sample;
    if (!registry_.Next(observe::Scope::kUpstream, &key, &sample) || !sample.is_shown) return 0;
    return sample.cells[observe::kFirstCells<observe::UpstreamMetric>[static_cast<size_t>(
        observe::UpstreamMetric::kEjectionsActive)]];
  }

  EndpointHealth& health(size_t endpoint = 0) { return *endpoints_[endpoint].health; }
  uint32_t flags(size_t endpoint = 0) { return health(endpoint).flags(); }
  EndpointReport Report() { return *monitor_->Find("up", endpoints_[0].address); }
  void EjectFirst() {
    Settings settings = settings_;
    settings.outlier = std::make_shared<const OutlierPolicy>(policy_);
    for (int i = 0; i < 5; ++i) {
      ReportOutcome(settings, endpoints_[0], Outcome::kServerError, loop_.now_ns(), worker_);
    }
    ASSERT_EQ(flags(), kEjected);
  }

  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool blocks_{1 << 24};
  net::IoContext io_{loop_, blocks_};
  observe::MetricRegistry registry_;
  observe::WorkerMetrics& worker_ = registry_.AddWorker();
  observe::GroupHandle<observe::UpstreamMetric> upstream_group_;
  std::vector<observe::GroupHandle<observe::EndpointMetric>> groups_;
  std::vector<net::Fd> servers_;
  std::vector<Endpoint> endpoints_;
  Settings settings_;
  CheckSpec spec_;
  OutlierPolicy policy_;
  bool has_checks_ = true;
  bool has_policy_ = false;
  std::unique_ptr<HealthMonitor> monitor_ =
      std::make_unique<HealthMonitor>(io_, registry_.AddWorker(), /*seed=*/1);
};

}  // namespace sluice::upstream::health
