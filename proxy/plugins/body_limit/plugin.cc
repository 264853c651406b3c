#include "proxy/plugins/body_limit/plugin.h"

#include "sluice/plugins/v1/body_limit.pb.h"

namespace sluice::plugins {
namespace {

Action Refuse(Stream& stream) {
  stream.Reply({.status = 413, .details = "request_body_too_large"});
  return Action::kStop;
}

}  // namespace

Action BodyLimit::OnRequestHead(Stream& stream) {
  const http::BodySize& body = stream.request().body;
  const bool is_too_long = body.kind == http::BodySize::Kind::kLength && body.length > left_;
  return is_too_long ? Refuse(stream) : Action::kContinue;
}

Action BodyLimit::OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
  if (body.size() > left_) return Refuse(stream);
  left_ -= body.size();
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeBodyLimit(const v1::BodyLimit& config) {
  return Instantiate<BodyLimit>({.max_request_bytes = config.request()}, BodyMode::Streamed());
}

}  // namespace sluice::plugins
