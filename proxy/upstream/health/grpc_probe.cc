#include "proxy/upstream/health/grpc_probe.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proxy/http/grpc/status.h"
#include "proxy/upstream/health/grpc_health.h"

namespace sluice::upstream::health {
namespace {

Answer FromStatus(const absl::Status& status) {
  return Answer::Wrong(absl::StrCat("gRPC ", absl::StatusCodeToString(status.code()),
                                    status.message().empty() ? "" : ": ", status.message()));
}

}  // namespace

void GrpcProbe::SendRequest(http::ClientStream& stream) {
  const std::string message = EncodeRequest(question().spec.service);
  http::RequestHead head(arena());
  head.method = "POST";
  head.method_id = http::Method::kPost;
  head.authority = authority();
  head.path = "/grpc.health.v1.Health/Check";
  head.body = http::BodySize::Unknown();
  head.headers.Add(http::HeaderId::kContentType, "application/grpc");
  head.headers.Add(http::HeaderId::kTe, "trailers");
  head.headers.Add(http::HeaderId::kUserAgent, "sluice-health-check");
  stream.SendHead(head, /*end=*/false);
  net::Buffer body;
  body.AppendCopy(question().context.io.pool, message);
  stream.SendBody(std::move(body), /*end=*/true);
}

void GrpcProbe::OnResponse(http::ResponseHead& head, bool end) {
  if (head.status != 200) {
    // Of a server in front, or one that is no gRPC server: what it says may pass.
    return Tell(Answer::Wrong(absl::StrCat("HTTP status ", head.status), /*is_final=*/false));
  }
  if (end) return Tell(FromStatus(http::grpc::FromTrailers(head.headers)));
  const absl::string_view type = head.headers.Get(http::HeaderId::kContentType);
  if (!absl::StartsWith(type, "application/grpc")) {
    Tell(Answer::Wrong("the response is not of type application/grpc"));
  }
}

void GrpcProbe::OnResponseBody(net::Buffer&& body) {
  reader_.Append(std::move(body));
  while (true) {
    absl::StatusOr<std::optional<std::string>> message = reader_.Next();
    if (!message.ok()) return Tell(Answer::Wrong(std::string(message.status().message())));
    if (!message->has_value()) return;
    if (message_.has_value()) return Tell(Answer::Wrong("more than one message"));
    message_ = **std::move(message);
  }
}

void GrpcProbe::OnResponseEnd(const http::HeaderMap* trailers) {
  const absl::Status status = trailers == nullptr
                                  ? absl::UnknownError("the response has no grpc-status")
                                  : http::grpc::FromTrailers(*trailers);
  if (!status.ok()) return Tell(FromStatus(status));
  const std::optional<uint64_t> serving = DecodeStatus(message_.value_or(""));
  if (!message_ || !serving) return Tell(Answer::Wrong("no valid HealthCheckResponse"));
  if (*serving != kServing) return Tell(Answer::Wrong(StatusName(*serving)));
  Tell(Answer::Passed());
}

}  // namespace sluice::upstream::health
