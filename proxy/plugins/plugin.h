// What a plugin is, for its author and for the chain.
//
// An author writes a plain class: it is made from its settings when a request enters its chain,
// lives in the request's memory, and has any of these methods:
//
//   class Example {
//    public:
//     struct Settings { ... };                       // Immutable, shared by all requests.
//     explicit Example(const Settings& settings);
//     Action OnRequestHead(Stream& stream);
//     Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);
//     Action OnRequestTrailers(http::HeaderMap& trailers, Stream& stream);
//     Action OnResponseHead(Stream& stream);
//     Action OnResponseBody(net::Buffer& body, bool end, Stream& stream);
//     Action OnResponseTrailers(http::HeaderMap& trailers, Stream& stream);
//     void OnLog(const Stream& stream);              // The exchange has ended, however it did.
//   };
//
// and a factory that checks the configuration and gives Instantiate<Example>(settings). Methods
// that are missing cost nothing: the chain holds only those that exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "api/validate/plugin_order.h"
#include "proxy/http/message.h"
#include "proxy/net/buffer.h"
#include "proxy/plugins/stream.h"

namespace sluice::plugins {

enum class Action : uint8_t {
  kContinue,
  // The exchange stands still at this hook: until Stream::Resume(), or for good after
  // Stream::Reply().
  kStop,
};

using validate::Phase;

// How a plugin wants a body: fixed when it is made. A route none of whose plugins looks at a body
// streams it untouched.
struct BodyMode {
  enum class Kind : uint8_t { kNone, kStream, kWhole };
  Kind kind = Kind::kNone;
  // Of kWhole: a longer body is answered with 413 (request) or 502 (response).
  uint64_t max_bytes = 0;

  static BodyMode None() { return {}; }
  // Its hook sees every piece as it passes and may change it.
  static BodyMode Streamed() { return {Kind::kStream, 0}; }
  // Its hook is called once, with all of it; nothing has gone on before that.
  static BodyMode WholeUpTo(uint64_t max_bytes) { return {Kind::kWhole, max_bytes}; }
};

// The methods of a plugin class as function pointers; null where it has none.
struct Ops {
  size_t state_size;
  size_t state_align;
  void (*construct)(void* state, const void* settings);
  void (*destroy)(void* state);  // Null if trivial.
  Action (*request_head)(void* state, Stream& stream);
  Action (*request_body)(void* state, net::Buffer& body, bool end, Stream& stream);
  Action (*request_trailers)(void* state, http::HeaderMap& trailers, Stream& stream);
  Action (*response_head)(void* state, Stream& stream);
  Action (*response_body)(void* state, net::Buffer& body, bool end, Stream& stream);
  Action (*response_trailers)(void* state, http::HeaderMap& trailers, Stream& stream);
  void (*log)(void* state, const Stream& stream);
};

// One configured plugin.
struct Instance {
  const Ops* ops = nullptr;
  std::shared_ptr<const void> settings;
  BodyMode request_body;
  BodyMode response_body;
};

namespace internal {

template <typename P>
constexpr Ops MakeOps() {
  static_assert(alignof(P) <= alignof(std::max_align_t), "states stand in ordinary memory");
  Ops ops{};
  ops.state_size = sizeof(P);
  ops.state_align = alignof(P);
  ops.construct = [](void* state, const void* settings) {
    new (state) P(*static_cast<const typename P::Settings*>(settings));
  };
  if constexpr (!std::is_trivially_destructible_v<P>) {
    ops.destroy = [](void* state) { static_cast<P*>(state)->~P(); };
  }
  if constexpr (requires(P & p, Stream & s) { p.OnRequestHead(s); }) {
    ops.request_head = [](void* p, Stream& s) { return static_cast<P*>(p)->OnRequestHead(s); };
  }
  if constexpr (requires(P & p, net::Buffer & b, Stream & s) { p.OnRequestBody(b, true, s); }) {
    ops.request_body = [](void* p, net::Buffer& b, bool end, Stream& s) {
      return static_cast<P*>(p)->OnRequestBody(b, end, s);
    };
  }
  if constexpr (requires(P & p, http::HeaderMap & h, Stream & s) { p.OnRequestTrailers(h, s); }) {
    ops.request_trailers = [](void* p, http::HeaderMap& h, Stream& s) {
      return static_cast<P*>(p)->OnRequestTrailers(h, s);
    };
  }
  if constexpr (requires(P & p, Stream & s) { p.OnResponseHead(s); }) {
    ops.response_head = [](void* p, Stream& s) { return static_cast<P*>(p)->OnResponseHead(s); };
  }
  if constexpr (requires(P & p, net::Buffer & b, Stream & s) { p.OnResponseBody(b, true, s); }) {
    ops.response_body = [](void* p, net::Buffer& b, bool end, Stream& s) {
      return static_cast<P*>(p)->OnResponseBody(b, end, s);
    };
  }
  if constexpr (requires(P & p, http::HeaderMap & h, Stream & s) { p.OnResponseTrailers(h, s); }) {
    ops.response_trailers = [](void* p, http::HeaderMap& h, Stream& s) {
      return static_cast<P*>(p)->OnResponseTrailers(h, s);
    };
  }
  if constexpr (requires(P & p, const Stream& s) { p.OnLog(s); }) {
    ops.log = [](void* p, const Stream& s) { static_cast<P*>(p)->OnLog(s); };
  }
  return ops;
}

template <typename P>
inline constexpr Ops kOps = MakeOps<P>();

}  // namespace internal

// A configured plugin of class P. Body modes are given where P looks at bodies.
template <typename P>
Instance Instantiate(typename P::Settings settings, BodyMode request_body = BodyMode::None(),
                     BodyMode response_body = BodyMode::None()) {
  return Instance{&internal::kOps<P>,
                  std::make_shared<const typename P::Settings>(std::move(settings)), request_body,
                  response_body};
}

// Which resource configures a plugin: shared state (counters) is keyed by it.
struct Declaration {
  std::string kind;  // "Route"
  std::string name;
};

}  // namespace sluice::plugins
