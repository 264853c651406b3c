#include "proxy/plugins/example/plugin.h"

#include "proxy/plugins/field_error.h"
#include "sluice/plugins/example/request_size_limit.pb.h"

namespace sluice::plugins {
namespace {

Action Refuse(Stream& stream) {
  stream.Reply({.status = 413, .details = "request_body_too_large"});
  return Action::kStop;
}

}  // namespace

Action RequestSizeLimit::OnRequestHead(Stream& stream) {
  // A length that is not declared is 0 here, and counted as it comes.
  const bool is_too_long = stream.request().body.length > settings_.max_bytes;
  return is_too_long ? Refuse(stream) : Action::kContinue;
}

Action RequestSizeLimit::OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
  // Subtracted, because a sum could overflow.
  if (body.size() > settings_.max_bytes - seen_bytes_) return Refuse(stream);
  seen_bytes_ += body.size();
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeRequestSizeLimit(const example::RequestSizeLimit& config) {
  if (config.max_bytes() == 0) return FieldError("max_bytes", "is 0, or not given");
  return Instantiate<RequestSizeLimit>({config.max_bytes()}, BodyMode::Streamed());
}

}  // namespace sluice::plugins
