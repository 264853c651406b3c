// A server that answers every request with the same bytes: the fastest thing behind a proxy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "tools/bench/hairpin/h2_upstream_connection.h"
#include "tools/bench/hairpin/loop.h"
#include "tools/bench/hairpin/schedule.h"
#include "tools/bench/hairpin/transport.h"
#include "tools/bench/hairpin/upstream_options.h"

namespace sluice::hairpin {

struct UpstreamTally {
  uint64_t connections = 0;
  uint64_t requests = 0;
  uint64_t broken = 0;
};

// Thread: the loop's. Lifetime: `loop` outlives it.
class Upstream final : public Source, private H2UpstreamConnection::Host {
 public:
  Upstream(Loop& loop, const UpstreamOptions& options);
  ~Upstream() override;

  // FAILED_PRECONDITION if the address is taken. `address` may have port 0; see port().
  absl::Status Start();
  uint16_t port() const { return port_; }
  const UpstreamTally& tally() const { return tally_; }

  // Sends the events that have fallen due; returns when the next do. To be called every turn.
  int64_t Tick(int64_t now);

  void OnEvents(uint32_t events) override;

 private:
  class Connection;

  // H2UpstreamConnection::Host, and what connections in HTTP/1.1 say, too.
  void OnRequest() override { ++tally_.requests; }
  void OnBroken() override { ++tally_.broken; }
  void OnClosed(Source& connection) override;

  Loop& loop_;
  const UpstreamOptions options_;
  // By whether it closes, and is to a HEAD.
  using Responses = std::array<std::array<std::string, 2>, 2>;
  static Responses Render(const UpstreamOptions& options);

  const Responses responses_;
  const Responses refusals_;  // Of Fault::kHalf503.
  int fd_ = -1;
  uint16_t port_ = 0;
  UpstreamTally tally_;
  const H2Response h2_response_;
  Schedule<Connection> events_;  // Of SSE.
  std::unordered_map<Source*, std::unique_ptr<Source>> connections_;
};

}  // namespace sluice::hairpin
