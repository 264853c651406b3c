#include "proxy/http/h2/request_reader.h"

#include "absl/strings/match.h"
#include "base/append.h"
#include "proxy/http/rules.h"

namespace sluice::http::h2 {
namespace {

constexpr size_t kMaxMethod = 32;

// As in HTTP/1: no white space, control characters, non-ASCII or fragment.
bool IsTarget(absl::string_view target) {
  for (const char c : target) {
    if (c <= 0x20 || c == 0x7f || c == '#') return false;
  }
  return true;
}

}  // namespace

void RequestReader::Begin() {
  target_ = host_ = protocol_ = {};
  bytes_ = 0;
  fields_ = cookies_ = hosts_ = 0;
  error_ = {0, nullptr};
}

void RequestReader::OnField(absl::string_view name, absl::string_view value,
                            const ServerSettings& settings, RequestHead& head) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  const HeaderId id = LookupHeader(name);
  const bool is_cookie = id == HeaderId::kCookie;
  ++(is_cookie ? cookies_ : fields_);
  if (bytes_ > settings.head.bytes) {
    Refuse({431, "headers_too_large"});
  } else if (cookies_ > settings.http2.max_cookies || fields_ > settings.head.headers + 4) {
    Refuse({431, "too_many_headers"});
  }
  // What is refused holds no memory.
  if (error_.status != 0) return;
  if (name[0] == ':') return OnPseudo(name, head.headers.arena().Copy(value), head);
  OnRegular(id, name, value, settings, head);
}

void RequestReader::OnPseudo(absl::string_view name, absl::string_view value, RequestHead& head) {
  if (name == ":method") {
    head.method = value;
    head.method_id = ParseMethod(value);
    if (value.size() > kMaxMethod) {
      Refuse({501, "unknown_method"});
    } else if (!IsToken(value)) {
      Refuse({400, "bad_request_line"});
    }
  } else if (name == ":path") {
    target_ = value;
  } else if (name == ":authority") {
    head.authority = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  }
  // ":scheme" says what the client believes; what it came by, the connection knows.
}

void RequestReader::OnRegular(HeaderId id, absl::string_view name, absl::string_view value,
                              const ServerSettings& settings, RequestHead& head) {
  Arena& arena = head.headers.arena();
  if (!IsHeaderValue(value)) return Refuse({400, "bad_header_value"});
  switch (id) {
    case HeaderId::kHost:
      host_ = arena.Copy(value);
      ++hosts_;
      return;
    case HeaderId::kContentLength: {
      const std::optional<uint64_t> length = ParseContentLength(value);
      if (!length) return Refuse({400, "bad_content_length"});
      head.body = BodySize::Length(*length);
      return;
    }
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return Refuse({400, "bad_connection_header"});
    case HeaderId::kTe:
      if (value == "trailers") head.headers.Add(id, "trailers");
      return;
    case HeaderId::kExpect:
      if (!absl::EqualsIgnoreCase(value, "100-continue")) {
        return Refuse({417, "unsupported_expectation"});
      }
      head.expects_continue = true;
      head.headers.Add(id, "100-continue");
      return;
    case HeaderId::kOther:
      if (settings.underscores != UnderscorePolicy::kAllow &&
          name.find('_') != absl::string_view::npos) {
        if (settings.underscores == UnderscorePolicy::kReject) Refuse({400, "header_underscore"});
        return;
      }
      head.headers.Add(id, arena.Copy(name), arena.Copy(value));
      return;
    default:
      head.headers.Add(id, arena.Copy(value));
      return;
  }
}

LocalError RequestReader::Finish(bool end, RequestHead& head) {
  head.version = Version::kHttp2;
  if (error_.status != 0) return error_;
  const bool has_length = head.body.kind == BodySize::Kind::kLength;
  if (!has_length) head.body = end ? BodySize::None() : BodySize::Unknown();
  if (head.method_id == Method::kTrace && (has_length || !end)) return {400, "unexpected_body"};
  if (hosts_ > 1) return {400, "bad_host"};
  if (head.authority.empty()) {
    head.authority = host_;
  } else if (hosts_ == 1 && !absl::EqualsIgnoreCase(host_, head.authority)) {
    // RFC 9113 section 8.3.1: two names for one request are an attack on whoever reads the other.
    return {400, "bad_host"};
  }
  if (!IsValidAuthority(head.authority)) return {400, "bad_host"};
  if (cookies_ > 1) JoinCookies(head);
  if (!protocol_.empty()) {
    const LocalError error = ReadUpgrade(end, head);
    if (error.status != 0) return error;
  }
  return CheckTarget(head);
}

// RFC 8441: CONNECT with a path, and the protocol to speak from then on.
LocalError RequestReader::ReadUpgrade(bool end, RequestHead& head) const {
  if (head.method_id != Method::kConnect || end || !IsUpgradeProtocol(protocol_)) {
    return {400, "bad_request_line"};
  }
  if (head.body.kind == BodySize::Kind::kLength) return {400, "unexpected_body"};
  head.method = "GET";
  head.method_id = Method::kGet;
  head.body = BodySize::None();
  head.upgrade = protocol_;
  return {0, nullptr};
}

LocalError RequestReader::CheckTarget(RequestHead& head) const {
  if (head.method_id == Method::kConnect) {
    // What follows is not a body but the tunnel's.
    if (head.body.kind == BodySize::Kind::kLength) return {400, "unexpected_body"};
    head.body = BodySize::None();
    head.path = "";
    if (head.authority.rfind(':') == absl::string_view::npos) return {400, "bad_request_target"};
    return {0, nullptr};
  }
  if (target_ == "*") {
    head.path = target_;
    if (head.method_id != Method::kOptions) return {400, "bad_request_target"};
    return {0, nullptr};
  }
  if (target_.empty() || target_[0] != '/' || !IsTarget(target_)) {
    return {400, "bad_request_target"};
  }
  const size_t question = target_.find('?');
  head.path = target_.substr(0, question);
  if (question != absl::string_view::npos) head.query = target_.substr(question + 1);
  return {0, nullptr};
}

// RFC 9113 section 8.2.3: one field again, for who reads it in HTTP/1 or in a plugin.
void RequestReader::JoinCookies(RequestHead& head) const {
  size_t size = 0;
  const HeaderMap::Entry* first = head.headers.Find(HeaderId::kCookie);
  for (const auto* e = first; e != nullptr; e = head.headers.Next(e)) size += e->value_size + 2;
  char* const begin = head.headers.arena().Allocate(size, 1);
  char* out = begin;
  for (const auto* e = first; e != nullptr; e = head.headers.Next(e)) {
    if (out != begin) {
      *out++ = ';';
      *out++ = ' ';
    }
    out = Append(e->value(), out);
  }
  head.headers.Set(HeaderId::kCookie, absl::string_view(begin, static_cast<size_t>(out - begin)));
}

bool RequestReader::OnTrailer(absl::string_view name, absl::string_view value,
                              const ServerSettings& settings, HeaderMap& trailers) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (bytes_ > settings.head.bytes || ++fields_ > settings.head.headers) return false;
  const HeaderId id = LookupHeader(name);
  if (IsForbiddenTrailer(id) || !IsHeaderValue(value)) return true;
  if (settings.underscores != UnderscorePolicy::kAllow &&
      name.find('_') != absl::string_view::npos) {
    return true;
  }
  Arena& arena = trailers.arena();
  trailers.Add(id, id == HeaderId::kOther ? arena.Copy(name) : HeaderName(id), arena.Copy(value));
  return true;
}

}  // namespace sluice::http::h2
