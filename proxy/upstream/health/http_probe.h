// A check by an HTTP request, as HealthCheck.http has it. Thread and ownership as Probe has them.
#pragma once

#include <string>

#include "proxy/upstream/health/request_probe.h"

namespace sluice::upstream::health {

class HttpProbe final : public RequestProbe {
 public:
  // What of a body is looked at, and read at all.
  static constexpr size_t kMaxBody = 64 * 1024;
  // In a response that passes: the endpoint is not well.
  static constexpr absl::string_view kDegradedHeader = "x-sluice-degraded";

  using RequestProbe::RequestProbe;

 private:
  void SendRequest(http::ClientStream& stream) override;
  void OnResponse(http::ResponseHead& head, bool end) override;
  void OnResponseBody(net::Buffer&& body) override;
  void OnResponseEnd(const http::HeaderMap* trailers) override;
  // The body has come as far as it matters.
  void Conclude();

  bool is_degraded_ = false;
  size_t body_bytes_ = 0;
  std::string body_;  // Where something is to be found in it.
};

}  // namespace sluice::upstream::health
