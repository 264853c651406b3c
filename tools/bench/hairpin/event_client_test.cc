#include "tools/bench/hairpin/event_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "tools/bench/hairpin/upstream.h"
#include "tools/bench/hairpin/websocket.h"

namespace sluice::hairpin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// The client against the upstream, without a proxy between them.
LoadTally Exchange(EventKind kind, uint64_t messages) {
  Loop loop;
  EventClient::Options options;
  options.connections = 3;
  options.events = {.kind = kind, .interval_nanos = 10'000'000};
  if (kind == EventKind::kGrpc) options.lane.streams = 2;
  UpstreamOptions serves;
  serves.address = ParseAddress("127.0.0.1:0").value();
  serves.events = options.events;
  serves.http2 = kind == EventKind::kGrpc;
  Upstream upstream(loop, serves);
  EXPECT_TRUE(upstream.Start().ok());
  options.lane.target = serves.address;
  options.lane.target.sin_port = htons(upstream.port());
  RequestPlanOptions requests;
  requests.grpc = kind == EventKind::kGrpc;
  if (kind == EventKind::kWebSocket) {
    for (const absl::string_view line : kWebSocketHeaders) requests.headers.emplace_back(line);
  }
  RequestPlan plan = RequestPlan::Make(requests).value();
  EventClient client(loop, plan, options);
  client.OpenWindow(NowNanos());
  client.Start();
  const int64_t end = NowNanos() + 20 * kSecond;
  for (int64_t now = NowNanos(); client.finished() < messages && now < end; now = NowNanos()) {
    loop.Turn(std::min({end, client.Tick(now), upstream.Tick(now)}));
  }
  return client.tally();
}

TEST(EventClientTest, EventsOfAResponseAreCounted) {
  const LoadTally tally = Exchange(EventKind::kSse, 30);
  EXPECT_GE(tally.completed, 30u);
  EXPECT_EQ(tally.failures(), 0u);
}

TEST(EventClientTest, AWebSocketBringsEachMessageBack) {
  const LoadTally tally = Exchange(EventKind::kWebSocket, 30);
  EXPECT_GE(tally.completed, 30u);
  EXPECT_EQ(tally.failures(), 0u);
}

TEST(EventClientTest, AGrpcStreamBringsEachMessageBack) {
  const LoadTally tally = Exchange(EventKind::kGrpc, 60);
  EXPECT_GE(tally.completed, 60u);
  EXPECT_EQ(tally.failures(), 0u);
}

}  // namespace
}  // namespace sluice::hairpin
