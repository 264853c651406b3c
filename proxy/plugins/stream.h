// What a plugin may know of an exchange and do with it.
//
// Implemented by exchange::Exchange, and by plugins/testing for tests of plugins.
// Thread: one worker's. Lifetime: a plugin's request state lives within the stream.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"
#include "proxy/net/address.h"
#include "proxy/plugins/consumer.h"

namespace sluice::plugins {

// A response that comes from a plugin instead of the upstream.
struct LocalReply {
  int status = 500;
  // Stable reason, for logs, metrics and Proxy-Status: lower case and underscores, a literal.
  const char* details = "";
  // Empty: the standard body (text/plain or, where accepted, JSON, with the request id).
  absl::string_view body = {};
  // Of `body`. Must live as long as the request, as `body` must.
  absl::string_view content_type = "text/plain; charset=utf-8";
  // An empty body is meant: the standard one is not put in its place.
  bool no_body = false;
};

class Stream {
 public:
  // The request. Its headers may be edited until the request head has passed the chain; `path`,
  // `query` and `authority` are what goes to the upstream. A plugin that changes the body sets
  // `body` to unknown; its body hook is called then even if there was none.
  http::RequestHead& request() { return request_; }
  const http::RequestHead& request() const { return request_; }
  // The response, from the response hooks on; before that, its headers may be added to and are sent
  // with whatever response comes (Reply() or the upstream's).
  http::ResponseHead& response() { return response_; }
  const http::ResponseHead& response() const { return response_; }
  // The upstream's trailers: from OnResponseBody() with `end` on; null if there are none. A plugin
  // may edit them; none are sent if none are left.
  http::HeaderMap* response_trailers() { return response_trailers_; }
  // Memory that lives as long as the request.
  http::Arena& arena() { return request_.headers.arena(); }

  // Path as routed, before any rewrite: normalised, without query.
  absl::string_view original_path() const { return original_path_; }
  // Names; empty without a route (global rules run for unmatched requests too).
  absl::string_view route() const { return TextOf(route_name_); }
  absl::string_view upstream() const { return TextOf(upstream_name_); }
  absl::string_view listener() const { return listener_name_; }
  // "http" or "https", by the client's connection or a trusted proxy's word.
  absl::string_view scheme() const { return scheme_; }
  // The client as Listener.client_address finds it.
  const net::IpAddress& client_ip() const { return client_ip_; }
  // Whether the peer is one of the listener's trusted proxies.
  bool is_peer_trusted() const { return is_peer_trusted_; }

  // What the route's pattern or expression captured; empty for an unknown name. Expressions number
  // their groups from "1".
  virtual absl::string_view Capture(absl::string_view name) const = 0;

  // Empty until a plugin sets it. Must live as long as the request (arena).
  absl::string_view request_id() const { return request_id_; }
  void SetRequestId(absl::string_view id) { request_id_ = id; }

  // Null until an authentication plugin says who it is. Only valid until the authenticate phase has
  // ended and within hooks: take names with consumer_name().
  const Consumer* consumer() const { return consumer_; }
  absl::string_view consumer_name() const { return consumer_name_; }
  absl::string_view consumer_group() const { return consumer_group_; }
  // For plugins of the authenticate phase: `plugin` is the name of the one that says so, a literal.
  void SetConsumer(const Consumer& consumer, const char* plugin);
  // Empty: nobody. Of several plugins the last one counts.
  absl::string_view authenticated_by() const { return authenticated_by_; }
  virtual const ConsumerTable& consumers() const = 0;

  // Replies are in HTTP even if the request goes on as gRPC: its client speaks no gRPC.
  void AnswerInHttp() { answers_in_http_ = true; }

  // Host that the upstream sees, over Upstream.host; empty: not overridden. Lives with the request.
  absl::string_view upstream_host() const { return upstream_host_; }
  void SetUpstreamHost(absl::string_view host) { upstream_host_ = host; }

  // Answers the request. Headers for the reply are those added to response().headers. From a hook
  // (return kStop after it) or while paused. Once the response has begun it is cut instead, for
  // nothing else can be said; and where the request has been answered already, this is ignored.
  virtual void Reply(const LocalReply& reply) = 0;
  // Continues after a hook that returned kStop without a reply. Not from inside a hook.
  virtual void Resume() = 0;

  // Whether the response is a plugin's or the proxy's own: it has no body hooks.
  bool is_local_reply() const { return is_local_; }

  // Calls `then(state, stream)`, which may Reply() or Resume(), after `delay_ns`. For a hook that
  // returns kStop. One at a time, a later call replaces an earlier one; none once the request has
  // ended.
  using TimerFn = void (*)(void* state, Stream& stream);
  virtual void SetTimer(int64_t delay_ns, TimerFn then, void* state) = 0;

  // The loop's time: monotonic nanoseconds.
  virtual int64_t now_ns() const = 0;
  // From the worker's generator: not for secrets.
  virtual uint64_t Random() = 0;

 protected:
  explicit Stream(http::Arena& arena) : request_(arena), response_(arena) {}
  ~Stream() = default;

  static absl::string_view TextOf(const std::string* text) {
    return text == nullptr ? absl::string_view() : absl::string_view(*text);
  }

  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap* response_trailers_ = nullptr;
  absl::string_view original_path_;
  // Not views: few read them, and their own memory is another line of the cache. Null: none.
  const std::string* route_name_ = nullptr;
  const std::string* upstream_name_ = nullptr;
  absl::string_view listener_name_;
  absl::string_view scheme_ = "http";
  absl::string_view request_id_;
  absl::string_view upstream_host_;
  absl::string_view consumer_name_;
  absl::string_view consumer_group_;
  absl::string_view authenticated_by_;
  const Consumer* consumer_ = nullptr;
  net::IpAddress client_ip_;
  bool is_peer_trusted_ = false;
  bool is_local_ = false;
  bool answers_in_http_ = false;
};

inline void Stream::SetConsumer(const Consumer& consumer, const char* plugin) {
  authenticated_by_ = plugin;
  consumer_ = &consumer;
  consumer_name_ = arena().Copy(consumer.name);
  consumer_group_ = arena().Copy(consumer.group);
}

}  // namespace sluice::plugins
