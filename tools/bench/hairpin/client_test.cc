#include "tools/bench/hairpin/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <functional>

#include "tools/bench/hairpin/grpc_message.h"
#include "tools/bench/hairpin/upstream.h"

namespace sluice::hairpin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// The client against the upstream, without a proxy between them.
class ClientTest : public testing::Test {
 protected:
  void Serve(const UpstreamOptions& options = {}) {
    UpstreamOptions on_loopback = options;
    on_loopback.address = ParseAddress("127.0.0.1:0").value();
    upstream_ = std::make_unique<Upstream>(loop_, on_loopback);
    ASSERT_TRUE(upstream_->Start().ok());
    client_options_.lane.target = on_loopback.address;
    client_options_.lane.target.sin_port = htons(upstream_->port());
  }

  // Runs to the end of `client_options_.requests`.
  const LoadTally& Run(RequestPlanOptions requests = {}) {
    requests.close = client_options_.lane.connect_per_request;
    requests.grpc = client_options_.lane.expect_grpc;
    plan_ = std::make_unique<RequestPlan>(RequestPlan::Make(requests).value());
    client_ = std::make_unique<Client>(loop_, *plan_, client_options_);
    client_->OpenWindow(NowNanos());
    client_->Start();
    const int64_t end = NowNanos() + 20 * kSecond;
    while (client_->finished() < client_options_.requests && NowNanos() < end) {
      loop_.Turn(std::min(end, client_->Tick(NowNanos())));
    }
    return client_->tally();
  }

  Loop loop_;
  std::unique_ptr<Upstream> upstream_;
  ClientOptions client_options_;
  std::unique_ptr<RequestPlan> plan_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, TheClosedLoopSendsWhatItWasAskedForOverItsConnections) {
  Serve();
  client_options_.connections = 4;
  client_options_.requests = 1'000;
  const LoadTally& tally = Run();
  EXPECT_EQ(tally.completed, 1'000u);
  EXPECT_EQ(tally.failures(), 0u);
  EXPECT_EQ(tally.latency.count(), 1'000u);
  EXPECT_EQ(tally.connections, 4u);
  EXPECT_EQ(upstream_->tally().requests, 1'000u);
}

TEST_F(ClientTest, LargeBodiesGoBothWays) {
  UpstreamOptions options;
  options.body_bytes = 3'000'000;
  Serve(options);
  client_options_.lane.expect_body_bytes = options.body_bytes;
  client_options_.requests = 8;
  client_options_.connections = 2;
  RequestPlanOptions requests;
  requests.method = "POST";
  requests.body_bytes = 2'000'000;
  EXPECT_EQ(Run(requests).completed, 8u);
  EXPECT_EQ(client_->tally().failures(), 0u);
}

TEST_F(ClientTest, ChunkedResponsesCountTheirBody) {
  UpstreamOptions options;
  options.chunked = true;
  options.body_bytes = 10'000;
  Serve(options);
  client_options_.lane.expect_body_bytes = 10'000;
  client_options_.requests = 10;
  EXPECT_EQ(Run().completed, 10u);
}

TEST_F(ClientTest, ANewConnectionCarriesEachRequestWhereAsked) {
  Serve();
  client_options_.lane.connect_per_request = true;
  client_options_.lane.source_addresses = 4;
  client_options_.connections = 3;
  client_options_.requests = 50;
  EXPECT_EQ(Run().completed, 50u);
  EXPECT_EQ(client_->tally().connections, 50u);
  EXPECT_EQ(upstream_->tally().connections, 50u);
}

TEST_F(ClientTest, Http2CarriesManyRequestsAtOnceOnAConnection) {
  UpstreamOptions options;
  options.http2 = true;
  options.body_bytes = 100'000;
  Serve(options);
  client_options_.lane.streams = 8;
  client_options_.lane.expect_body_bytes = options.body_bytes;
  client_options_.connections = 2;
  client_options_.requests = 200;
  RequestPlanOptions requests;
  requests.method = "POST";
  requests.body_bytes = 50'000;
  EXPECT_EQ(Run(requests).completed, 200u);
  EXPECT_EQ(client_->tally().connections, 2u);
  EXPECT_EQ(upstream_->tally().requests, 200u);
}

TEST_F(ClientTest, AGrpcCallIsRightOnlyWithItsStatus) {
  UpstreamOptions options;
  options.http2 = true;
  options.grpc = true;
  Serve(options);
  client_options_.lane.streams = 4;
  client_options_.lane.expect_grpc = true;
  client_options_.lane.expect_body_bytes = 128 + kGrpcPrefixBytes;
  client_options_.connections = 1;
  client_options_.requests = 20;
  EXPECT_EQ(Run().completed, 20u);

  options.grpc = false;
  options.body_bytes = 128 + kGrpcPrefixBytes;
  Serve(options);
  client_options_.requests = 2;
  EXPECT_EQ(Run().failed[static_cast<size_t>(Failure::kMalformed)], 2u);
}

TEST_F(ClientTest, WrongStatusAndWrongLengthAreFailures) {
  UpstreamOptions options;
  options.status = 503;
  Serve(options);
  client_options_.connections = 1;
  client_options_.requests = 2;
  EXPECT_EQ(Run().failed[static_cast<size_t>(Failure::kStatus)], 2u);

  client_options_.lane.expect_status = 503;
  client_options_.lane.expect_body_bytes = 127;
  EXPECT_EQ(Run().failed[static_cast<size_t>(Failure::kLength)], 2u);
  EXPECT_EQ(client_->tally().completed, 0u);
}

TEST_F(ClientTest, ARefusedConnectionIsAFailureAndNoEndlessLoop) {
  Serve();
  upstream_.reset();
  client_options_.connections = 1;
  client_options_.requests = 3;
  EXPECT_EQ(Run().failed[static_cast<size_t>(Failure::kConnect)], 3u);
}

TEST_F(ClientTest, TheOpenLoopKeepsItsRateAndCountsFromWhenARequestWasDue) {
  Serve();
  client_options_.connections = 1;
  client_options_.rate = 1'000;
  client_options_.requests = 200;
  const int64_t begin = NowNanos();
  EXPECT_EQ(Run().completed, 200u);
  EXPECT_GE(NowNanos() - begin, 199'000'000);

  // Twenty fall due while nobody turns the loop: all of them are late, not just the first.
  client_ = std::make_unique<Client>(loop_, *plan_, client_options_);
  client_->OpenWindow(NowNanos());
  client_->Start();
  const int64_t stalled_until = NowNanos() + 20'000'000;
  while (NowNanos() < stalled_until) {
  }
  while (client_->finished() < 20) loop_.Turn(client_->Tick(NowNanos()));
  EXPECT_GE(client_->tally().latency.Quantile(0.5), 8'000'000);
  EXPECT_GE(client_->tally().longest_queue, 18u);
}

}  // namespace
}  // namespace sluice::hairpin
