// A check by grpc.health.v1.Health/Check. Thread and ownership as Probe has them.
#pragma once

#include <optional>
#include <string>

#include "proxy/http/grpc/message_reader.h"
#include "proxy/upstream/health/request_probe.h"

namespace sluice::upstream::health {

class GrpcProbe final : public RequestProbe {
 public:
  GrpcProbe(const Question& question, Pool& pool, Owner& owner)
      : RequestProbe(question, pool, owner), reader_(kMaxMessage) {}

 private:
  // A response has one number.
  static constexpr size_t kMaxMessage = 4096;

  void SendRequest(http::ClientStream& stream) override;
  void OnResponse(http::ResponseHead& head, bool end) override;
  void OnResponseBody(net::Buffer&& body) override;
  void OnResponseEnd(const http::HeaderMap* trailers) override;

  http::grpc::MessageReader reader_;
  std::optional<std::string> message_;  // The first one.
};

}  // namespace sluice::upstream::health
