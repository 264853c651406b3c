// Heads of requests and responses as every codec and plugin sees them: neutral to the protocol.
//
// A codec takes out what belongs to its connection (Connection, Transfer-Encoding, Content-Length,
// Host ...) and says it in fields; the codec on the other side writes its own.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "proxy/http/header_map.h"

namespace sluice::http {

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther,
};

Method ParseMethod(absl::string_view name);
// RFC 9110 section 9.2.2: doing it twice is doing it once.
bool IsIdempotent(Method method);

enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };

// "HTTP/1.1", as in access logs.
absl::string_view VersionName(Version version);

// How much body a message has.
struct BodySize {
  enum class Kind : uint8_t {
    kNone,     // No body and no statement about one.
    kLength,   // Exactly `length` bytes; 0 is a stated empty body.
    kUnknown,  // Until the stream ends (chunked, HTTP/2 without content-length, close).
  };
  Kind kind = Kind::kNone;
  uint64_t length = 0;

  static BodySize None() { return {}; }
  static BodySize Length(uint64_t length) { return {Kind::kLength, length}; }
  static BodySize Unknown() { return {Kind::kUnknown, 0}; }
  bool has_bytes() const { return kind == Kind::kUnknown || length > 0; }
};

struct RequestHead {
  explicit RequestHead(Arena& arena) : headers(arena) {}

  absl::string_view method;
  Method method_id = Method::kOther;
  Version version = Version::kHttp11;
  bool expects_continue = false;

  // As the client sent it, port included, valid by CheckHost().
  absl::string_view authority;
  // Begins with "/", or is "*" (OPTIONS). As received until the exchange normalises it.
  absl::string_view path;
  // Without the "?"; absent and empty are told apart.
  std::optional<absl::string_view> query;

  // The protocol to which the client asks to change, in lower case; empty: none. In neutral form
  // such a request is a GET without a body, and a response of status 101 to it grants it: what
  // follows on the stream, both ways, is a tunnel's. HTTP/1 says it by Upgrade, HTTP/2 by extended
  // CONNECT (RFC 8441), whose 200 is our 101. CONNECT itself is none of them: it has no body
  // either, and a 2xx opens its tunnel.
  absl::string_view upgrade;

  BodySize body;
  HeaderMap headers;
};

// What is taken of a server's response: it is no attacker as a rule, but a broken one must not fill
// our memory. Bytes are as in the listener's limits: of HTTP/2 decoded, with 32 for each field.
inline constexpr uint32_t kMaxResponseHeadBytes = 60 * 1024;
inline constexpr uint32_t kMaxResponseHeaders = 200;

struct ResponseHead {
  explicit ResponseHead(Arena& arena) : headers(arena) {}

  int status = 0;
  // What follows on this stream. A response to HEAD and a 304 have no body whatever this says, but
  // the length is forwarded.
  BodySize body;
  HeaderMap headers;
};

// Whether a response of `status` opens the tunnel that the request asked for.
inline bool OpensTunnel(Method method, int status) {
  return status == 101 || (method == Method::kConnect && status >= 200 && status < 300);
}

// True if a response of `status` to `method` never has a body (RFC 9110 section 6.4.1).
inline bool ResponseHasNoBody(Method method, int status) {
  return method == Method::kHead || status == 204 || status == 304 ||
         (status >= 100 && status < 200);
}

// The standard phrase of a status; "Unknown" for others.
absl::string_view ReasonPhrase(int status);

}  // namespace sluice::http
