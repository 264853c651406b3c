// Upgrades: who may ask for one, and what an exchange is once it was granted.
//
// Until then the request is one without a body: the codec holds what the client sends behind it, so
// that an upstream that refuses never sees a byte of it. Then both bodies are open, as long as
// either side has something to say; time, back-pressure and the log are as with any other.

#include <algorithm>

#include "absl/strings/escaping.h"
#include "proxy/exchange/exchange.h"

namespace sluice::exchange {

using http::BodySize;

// False: the request has been answered.
bool Exchange::CheckUpgrade() {
  const bool is_allowed =
      route_ != nullptr && std::find(route_->upgrades.begin(), route_->upgrades.end(),
                                     request_.upgrade) != route_->upgrades.end();
  const bool is_http2 = request_.version == http::Version::kHttp2;
  if (is_allowed) {
    // HTTP/2 has no use for the key; an HTTP/1 server insists on one (RFC 8441 section 5).
    if (is_http2 && request_.upgrade == "websocket" &&
        request_.headers.Find("sec-websocket-key") == nullptr) {
      const uint64_t nonce[] = {worker_.random.Next(), worker_.random.Next()};
      request_.headers.Add("sec-websocket-key",
                           arena_.Copy(absl::Base64Escape(absl::string_view(
                               reinterpret_cast<const char*>(nonce), sizeof(nonce)))));
    }
    return true;
  }
  request_.upgrade = {};
  // In HTTP/1 it is a wish, and the request stands without it; in HTTP/2 there is nothing else.
  if (!is_http2) return true;
  ReplyWithReason("upgrade_not_allowed");
  return false;
}

void Exchange::BeginTunnel() {
  is_tunnel_ = true;
  is_replayable_ = false;
  request_ended_ = request_passed_ = false;
  winner_->sent.has_end = false;
  request_stop_ = Hook::kNone;
  request_trailers_ = nullptr;
  max_body_bytes_ = UINT64_MAX;
  response_.body = BodySize::Unknown();
  if (request_.version == http::Version::kHttp2) response_.headers.Remove("sec-websocket-accept");
}

}  // namespace sluice::exchange
