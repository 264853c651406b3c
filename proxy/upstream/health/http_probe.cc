#include "proxy/upstream/health/http_probe.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::upstream::health {

void HttpProbe::SendRequest(http::ClientStream& stream) {
  const CheckSpec& spec = question().spec;
  http::RequestHead head(arena());
  head.method = spec.method;
  head.method_id = http::ParseMethod(spec.method);
  head.authority = authority();
  const size_t question_mark = spec.path.find('?');
  head.path = absl::string_view(spec.path).substr(0, question_mark);
  if (question_mark != std::string::npos) {
    head.query = absl::string_view(spec.path).substr(question_mark + 1);
  }
  if (head.method_id == http::Method::kPost) head.body = http::BodySize::Length(0);
  head.headers.Add(http::HeaderId::kUserAgent, "sluice-health-check");
  for (const auto& [name, value] : spec.headers) head.headers.Set(name, value);
  stream.SendHead(head, /*end=*/true);
}

void HttpProbe::OnResponse(http::ResponseHead& head, bool end) {
  const CheckSpec& spec = question().spec;
  if (!CheckSpec::IsIn(spec.expected, head.status)) {
    const bool is_final = !CheckSpec::IsIn(spec.retriable, head.status);
    return Tell(Answer::Wrong(absl::StrCat("status ", head.status), is_final));
  }
  is_degraded_ = head.headers.Find(kDegradedHeader) != nullptr;
  if (end) Conclude();
}

void HttpProbe::OnResponseBody(net::Buffer&& body) {
  body_bytes_ += body.size();
  if (!question().spec.body.empty()) body_ += body.ToString();
  // Whoever sends more is not asked to come to an end.
  if (body_bytes_ >= kMaxBody) Conclude();
}

void HttpProbe::OnResponseEnd(const http::HeaderMap*) { Conclude(); }

void HttpProbe::Conclude() {
  const std::string& wanted = question().spec.body;
  if (!absl::StrContains(absl::string_view(body_).substr(0, kMaxBody), wanted)) {
    return Tell(Answer::Wrong("the body does not contain what it should"));
  }
  Tell(Answer::Passed(is_degraded_));
}

}  // namespace sluice::upstream::health
