// A server that answers every request with the same bytes: the fastest thing behind a proxy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "tools/bench/hairpin/loop.h"
#include "tools/bench/hairpin/transport.h"

namespace sluice::hairpin {

struct UpstreamOptions {
  sockaddr_in address = {};
  int status = 200;
  uint64_t body_bytes = 128;
  std::vector<std::string> headers;  // Whole lines.
  bool chunked = false;
};

struct UpstreamTally {
  uint64_t connections = 0;
  uint64_t requests = 0;
  uint64_t broken = 0;
};

// Thread: the loop's. Lifetime: `loop` outlives it.
class Upstream final : public Source {
 public:
  Upstream(Loop& loop, const UpstreamOptions& options);
  ~Upstream() override;

  // FAILED_PRECONDITION if the address is taken. `address` may have port 0; see port().
  absl::Status Start();
  uint16_t port() const { return port_; }
  const UpstreamTally& tally() const { return tally_; }

  void OnEvents(uint32_t events) override;

 private:
  class Connection;

  void Remove(Connection& connection);

  Loop& loop_;
  const UpstreamOptions options_;
  std::array<std::array<std::string, 2>, 2> responses_;  // By whether it closes, and is to a HEAD.
  int fd_ = -1;
  uint16_t port_ = 0;
  UpstreamTally tally_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
};

}  // namespace sluice::hairpin
