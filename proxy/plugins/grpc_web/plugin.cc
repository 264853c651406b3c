// The protocol: gRPC's repository, doc/PROTOCOL-WEB.md.
#include "proxy/plugins/grpc_web/plugin.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proxy/http/grpc/reply.h"
#include "sluice/plugins/v1/grpc_web.pb.h"

namespace sluice::plugins {
namespace {

using http::HeaderId;

constexpr absl::string_view kGrpc = "application/grpc";
constexpr absl::string_view kWeb = "application/grpc-web";
constexpr absl::string_view kWebText = "application/grpc-web-text";

// Of "application/grpc-web-text+proto": whether it is text, and "+proto".
struct WebType {
  bool is_web = false;
  bool is_text = false;
  absl::string_view suffix;  // With parameters.
};

WebType ReadType(absl::string_view type) {
  WebType read;
  if (absl::StartsWithIgnoreCase(type, kWebText)) {
    read.is_text = true;
    read.suffix = type.substr(kWebText.size());
  } else if (absl::StartsWithIgnoreCase(type, kWeb)) {
    read.suffix = type.substr(kWeb.size());
  } else {
    return read;
  }
  read.is_web = read.suffix.empty() ||
                absl::string_view("+; ").find(read.suffix[0]) != absl::string_view::npos;
  return read;
}

absl::string_view Join(absl::string_view a, absl::string_view b, http::Arena& arena) {
  return arena.Copy(absl::StrCat(a, b));
}

// The last frame: flag 0x80, its length, and the trailers as header lines.
void AppendTrailersFrame(const http::HeaderMap& trailers, net::BlockPool& pool, net::Buffer& body) {
  std::string lines;
  trailers.ForEach([&lines](const http::HeaderMap::Entry& entry) {
    absl::StrAppend(&lines, entry.name(), ": ", entry.value(), "\r\n");
  });
  const auto size = static_cast<uint32_t>(lines.size());
  const char head[] = {'\x80', static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8), static_cast<char>(size)};
  body.AppendCopy(pool, absl::string_view(head, sizeof(head)));
  body.AppendCopy(pool, lines);
}

}  // namespace

Action GrpcWeb::OnRequestHead(Stream& stream) {
  http::RequestHead& request = stream.request();
  const WebType type = ReadType(request.headers.Get(HeaderId::kContentType));
  if (!type.is_web) return Action::kContinue;
  is_call_ = true;
  has_text_request_ = type.is_text;
  const WebType accepted = ReadType(request.headers.Get(HeaderId::kAccept));
  wants_text_ = accepted.is_web ? accepted.is_text : type.is_text;
  request.headers.Set(HeaderId::kContentType, Join(kGrpc, type.suffix, stream.arena()));
  request.headers.Set(HeaderId::kTe, "trailers");
  request.headers.Remove("x-grpc-web");
  if (has_text_request_) request.body = http::BodySize::Unknown();
  return Action::kContinue;
}

Action GrpcWeb::OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
  if (!has_text_request_) return Action::kContinue;
  net::Buffer out;
  bool is_ok = true;
  body.ForEach([&](absl::string_view piece) {
    is_ok = is_ok && decoder_.Decode(piece, stream.arena().pool(), out);
  });
  body = std::move(out);
  if (is_ok && (!end || decoder_.is_complete())) return Action::kContinue;
  stream.Reply({.status = 400, .details = "grpc_web_bad_base64"});
  return Action::kStop;
}

Action GrpcWeb::OnResponseHead(Stream& stream) {
  http::ResponseHead& head = stream.response();
  const absl::string_view type = head.headers.Get(HeaderId::kContentType);
  if (!is_call_ || !http::grpc::IsGrpc(type)) return Action::kContinue;
  is_grpc_response_ = true;
  head.headers.Set(HeaderId::kContentType,
                   Join(wants_text_ ? kWebText : kWeb, type.substr(kGrpc.size()), stream.arena()));
  // A trailers frame comes behind whatever length there was.
  if (head.body.has_bytes()) head.body = http::BodySize::Unknown();
  return Action::kContinue;
}

Action GrpcWeb::OnResponseBody(net::Buffer& body, bool end, Stream& stream) {
  if (!is_grpc_response_) return Action::kContinue;
  net::BlockPool& pool = stream.arena().pool();
  http::HeaderMap* trailers = stream.response_trailers();
  if (end && trailers != nullptr && trailers->count() > 0) {
    AppendTrailersFrame(*trailers, pool, body);
    trailers->Clear();
  }
  if (!wants_text_ || body.empty()) return Action::kContinue;
  net::Buffer out;
  EncodeBase64(body, pool, out);
  body = std::move(out);
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeGrpcWeb(const v1::GrpcWeb& config) {
  return Instantiate<GrpcWeb>({}, BodyMode::Streamed(), BodyMode::Streamed());
}

}  // namespace sluice::plugins
