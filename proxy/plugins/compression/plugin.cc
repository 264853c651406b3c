#include "proxy/plugins/compression/plugin.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proxy/plugins/compression/accept_encoding.h"
#include "proxy/plugins/vary.h"
#include "sluice/plugins/v1/compression.pb.h"

namespace sluice::plugins {
namespace {

using http::BodySize;
using http::HeaderId;

constexpr uint64_t kDefaultMinBytes = 1024;

constexpr const char* kDefaultTypes[] = {
    "text/*",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/wasm",
    "image/svg+xml",
    "application/manifest+json",
    "application/x-ndjson",
    "application/problem+json",
    "application/ld+json",
    "application/graphql-response+json",
    "application/rss+xml",
    "application/atom+xml",
    "application/xhtml+xml",
};

bool ForbidsTransformation(const http::HeaderMap& headers) {
  for (const auto* e = headers.Find("cache-control"); e != nullptr; e = headers.Next(e)) {
    for (const absl::string_view directive : absl::StrSplit(e->value(), ',')) {
      if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(directive), "no-transform")) {
        return true;
      }
    }
  }
  return false;
}

// The bytes change, so a validator that promises the same bytes must not (RFC 9110 section 8.8.1).
void WeakenEtag(http::HeaderMap& headers) {
  const absl::string_view etag = headers.Get("etag");
  if (!absl::StartsWith(etag, "\"")) return;
  char* weak = headers.arena().Allocate(etag.size() + 2, 1);
  std::memcpy(weak, "W/", 2);
  std::memcpy(weak + 2, etag.data(), etag.size());
  headers.Set("etag", absl::string_view(weak, etag.size() + 2));
}

Coding ToCoding(int algorithm) {
  switch (algorithm) {
    case v1::Compression::ALGORITHM_BROTLI:
      return Coding::kBrotli;
    case v1::Compression::ALGORITHM_ZSTD:
      return Coding::kZstd;
    default:
      return Coding::kGzip;
  }
}

void AddType(absl::string_view type, Compression::Types& types) {
  if (type == "*") {
    types.has_every = true;
  } else if (absl::ConsumeSuffix(&type, "*")) {
    types.prefixes.push_back(absl::AsciiStrToLower(type));
  } else {
    types.whole.insert(absl::AsciiStrToLower(type));
  }
}

}  // namespace

bool Compression::Types::Contain(absl::string_view type) const {
  type = absl::StripAsciiWhitespace(type.substr(0, type.find(';')));
  // Messages of gRPC are compressed one by one, if at all: its framing must stay readable.
  if (absl::StartsWithIgnoreCase(type, "application/grpc")) return false;
  if (has_every) return true;
  for (const std::string& prefix : prefixes) {
    if (absl::StartsWithIgnoreCase(type, prefix)) return true;
  }
  if (whole.contains(type)) return true;
  // Hardly ever in capitals: no copy is made for those that are not.
  return std::any_of(type.begin(), type.end(),
                     [](char c) { return absl::ascii_isupper(static_cast<unsigned char>(c)); }) &&
         whole.contains(absl::AsciiStrToLower(type));
}

Action Compression::OnRequestHead(Stream& stream) {
  http::HeaderMap& headers = stream.request().headers;
  wanted_ = ChooseCoding(headers, settings_.codings);
  is_forbidden_ = ForbidsTransformation(headers);
  if (settings_.hides_accept_encoding) headers.Remove("accept-encoding");
  return Action::kContinue;
}

// Whether it would be compressed for a client that takes it.
bool Compression::IsWorthwhile(const Stream& stream) const {
  const http::ResponseHead& head = stream.response();
  if (head.status < 200 || head.status == 204 || head.status == 206 || head.status == 304 ||
      stream.is_local_reply()) {
    return false;
  }
  const bool is_head_request = stream.request().method_id == http::Method::kHead;
  if (!is_head_request && !head.body.has_bytes()) return false;
  if (head.body.kind == BodySize::Kind::kLength && head.body.length < settings_.min_bytes) {
    return false;
  }
  const absl::string_view encoding = head.headers.Get(HeaderId::kContentEncoding);
  if (!encoding.empty() && !absl::EqualsIgnoreCase(encoding, "identity")) return false;
  return !head.headers.Get("content-range").size() &&
         settings_.types.Contain(head.headers.Get(HeaderId::kContentType)) &&
         !ForbidsTransformation(head.headers);
}

Action Compression::OnResponseHead(Stream& stream) {
  // A 304 says what its 200 would have said.
  if (stream.response().status == 304) AddVary(stream.response().headers, "accept-encoding");
  if (!IsWorthwhile(stream)) return Action::kContinue;
  AddVary(stream.response().headers, "accept-encoding");
  if (!wanted_ || is_forbidden_) return Action::kContinue;
  const bool is_head_request = stream.request().method_id == http::Method::kHead;
  if (!is_head_request) {
    encoder_ = EncoderStore::Take(settings_.encoders, *wanted_, settings_.effort);
    if (encoder_ == nullptr) return Action::kContinue;
  }
  flushes_ = stream.response().body.kind == BodySize::Kind::kUnknown;
  ChangeHead(*wanted_, stream);
  return Action::kContinue;
}

void Compression::ChangeHead(Coding coding, Stream& stream) {
  http::ResponseHead& head = stream.response();
  head.headers.Set(HeaderId::kContentEncoding, CodingName(coding));
  WeakenEtag(head.headers);
  for (const absl::string_view name :
       {"accept-ranges", "content-digest", "repr-digest", "digest", "content-md5"}) {
    head.headers.Remove(name);
  }
  const bool is_head_request = stream.request().method_id == http::Method::kHead;
  head.body = is_head_request ? BodySize::None() : BodySize::Unknown();
}

bool Compression::Encode(const net::Buffer& body, Encoder::Until until, net::BlockPool& pool,
                         net::Buffer& out) {
  bool is_ok = true;
  body.ForEach([&](absl::string_view piece) {
    is_ok = is_ok && encoder_->Encode(piece, Encoder::Until::kMore, pool, out);
  });
  return is_ok && (until == Encoder::Until::kMore || encoder_->Encode("", until, pool, out));
}

Action Compression::OnResponseBody(net::Buffer& body, bool end, Stream& stream) {
  if (encoder_ == nullptr) return Action::kContinue;
  const Encoder::Until until = end        ? Encoder::Until::kEnd
                               : flushes_ ? Encoder::Until::kFlush
                                          : Encoder::Until::kMore;
  net::Buffer out;
  if (!Encode(body, until, stream.arena().pool(), out)) {
    stream.Reply({.status = 500, .details = "compression_failed"});
    return Action::kStop;
  }
  body = std::move(out);
  if (end) encoder_.reset();
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeCompression(const v1::Compression& config,
                                         std::shared_ptr<EncoderStore> encoders) {
  Compression::Settings settings;
  for (const int algorithm : config.algorithms()) settings.codings.push_back(ToCoding(algorithm));
  if (settings.codings.empty()) {
    settings.codings = {Coding::kZstd, Coding::kBrotli, Coding::kGzip};
  }
  for (const std::string& type : config.types()) AddType(type, settings.types);
  if (config.types().empty()) {
    for (const char* type : kDefaultTypes) AddType(type, settings.types);
  }
  settings.min_bytes = config.has_min_bytes() ? config.min_bytes() : kDefaultMinBytes;
  if (config.has_effort()) {
    settings.effort = static_cast<int>(std::clamp<uint32_t>(config.effort(), 1, 5));
  }
  settings.hides_accept_encoding = config.hide_accept_encoding();
  settings.encoders = std::move(encoders);
  return Instantiate<Compression>(std::move(settings), BodyMode::None(), BodyMode::Streamed());
}

}  // namespace sluice::plugins
