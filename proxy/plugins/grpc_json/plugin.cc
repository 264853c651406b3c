#include "proxy/plugins/grpc_json/plugin.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proxy/http/grpc/reply.h"
#include "proxy/http/grpc/status.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/grpc_json.pb.h"

namespace sluice::plugins {
namespace {

using http::HeaderId;

constexpr uint64_t kDefaultRequestBytes = 1 << 20;
constexpr uint64_t kDefaultResponseBytes = 4 << 20;
constexpr int kInvalidArgument = 3;

constexpr absl::string_view kJson = "application/json";

void Replace(net::Buffer& body, absl::string_view text, net::BlockPool& pool) {
  body.Clear();
  body.AppendCopy(pool, text);
}

}  // namespace

Action GrpcJson::OnRequestHead(Stream& stream) {
  http::RequestHead& request = stream.request();
  if (http::grpc::IsGrpc(request.headers.Get(HeaderId::kContentType))) return Action::kContinue;
  const validate::HttpBinding* binding =
      settings_.rules->Find(request.method, request.path, values_);
  if (binding == nullptr) {
    stream.Reply({.status = 404, .details = "grpc_json_no_rule"});
    return Action::kStop;
  }
  binding_ = binding;
  query_ = request.query.value_or("");
  request.method = "POST";
  request.method_id = http::Method::kPost;
  request.path = binding->grpc_path;
  request.query.reset();
  // The message is made when the body is there, of requests without one too.
  request.body = http::BodySize::Unknown();
  request.headers.Set(HeaderId::kContentType, "application/grpc");
  request.headers.Set(HeaderId::kTe, "trailers");
  request.headers.Set("grpc-accept-encoding", "identity");
  request.headers.Remove("accept-encoding");
  stream.AnswerInHttp();
  return Action::kContinue;
}

Action GrpcJson::OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
  if (binding_ == nullptr) return Action::kContinue;
  const absl::StatusOr<std::string> frame =
      ToGrpcFrame(*binding_, values_, query_, body.ToString());
  if (!frame.ok()) {
    stream.Reply(
        {.status = 400,
         .details = "grpc_json_bad_request",
         .body = stream.arena().Copy(ErrorJson(kInvalidArgument, frame.status().message())),
         .content_type = kJson});
    return Action::kStop;
  }
  Replace(body, *frame, stream.arena().pool());
  return Action::kContinue;
}

Action GrpcJson::OnResponseHead(Stream& stream) {
  http::HeaderMap& headers = stream.response().headers;
  if (binding_ == nullptr || stream.is_local_reply()) return Action::kContinue;
  is_grpc_response_ = http::grpc::IsGrpc(headers.Get(HeaderId::kContentType));
  if (is_grpc_response_) headers.Set(HeaderId::kContentType, kJson);
  return Action::kContinue;
}

// The head waits for this one: the status is the last thing that a gRPC server says.
Action GrpcJson::OnResponseBody(net::Buffer& body, bool end, Stream& stream) {
  if (!is_grpc_response_) return Action::kContinue;
  http::ResponseHead& head = stream.response();
  http::HeaderMap* trailers = stream.response_trailers();
  const bool is_in_head = trailers == nullptr || trailers->Get("grpc-status").empty();
  absl::Status status = http::grpc::FromTrailers(is_in_head ? head.headers : *trailers);
  std::string text;
  if (status.ok()) {
    absl::StatusOr<std::string> json = ToJson(*binding_, body.ToString(), settings_.style);
    status = json.status();
    if (json.ok()) text = *std::move(json);
  }
  const int code = static_cast<int>(status.code());
  if (!status.ok()) text = ErrorJson(code, status.message());
  head.status = HttpStatusOf(code);
  for (const absl::string_view name : {"grpc-status", "grpc-message", "grpc-status-details-bin",
                                       "grpc-encoding", "grpc-accept-encoding"}) {
    head.headers.Remove(name);
  }
  if (trailers != nullptr) trailers->Clear();
  Replace(body, text, stream.arena().pool());
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeGrpcJson(const v1::GrpcJson& config) {
  std::string set;
  if (!absl::Base64Unescape(config.descriptor_set(), &set)) {
    return FieldError("descriptor_set", "no base64");
  }
  auto rules =
      validate::HttpRules::Compile(set, {config.services().begin(), config.services().end()});
  if (!rules.ok()) return FieldError("descriptor_set", rules.status().message());
  GrpcJson::Settings settings;
  settings.rules = *std::move(rules);
  settings.style.keeps_field_names = config.keep_field_names();
  settings.style.prints_defaults = config.print_defaults();
  settings.style.has_enums_as_numbers = config.enums_as_numbers();
  const uint64_t request =
      config.has_max_request_bytes() ? config.max_request_bytes() : kDefaultRequestBytes;
  const uint64_t response =
      config.has_max_response_bytes() ? config.max_response_bytes() : kDefaultResponseBytes;
  return Instantiate<GrpcJson>(std::move(settings), BodyMode::WholeUpTo(request),
                               BodyMode::WholeUpTo(response));
}

}  // namespace sluice::plugins
