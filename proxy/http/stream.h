// The seam between codecs and the exchange: one request and its response, on the client's side
// (ServerStream) and on a server's (ClientStream).
//
// Rules for both:
//  - Thread: one worker's. All calls are made on it.
//  - A call of the exchange into a stream never calls back into the exchange before it returns;
//    results come later, from the loop. The one exception is noted at its method.
//  - After Reset(), or after OnReset(), neither side calls the other again.
//  - Body flows in buffers whose slices are shared, not copied. Back-pressure is counted: each
//    Pause must be matched by one Resume; while paused a source delivers no more than it has
//    already read.
//  - Body may come in pipes (net/buffer.h), to be passed on unseen, where whoever gets it says so
//    each time before: TakesPipes().
#pragma once

#include <cstdint>

#include "proxy/http/message.h"
#include "proxy/net/address.h"
#include "proxy/net/buffer.h"

namespace sluice::net {
class SecureLayer;
struct ProxyHeader;
}  // namespace sluice::net

namespace sluice::http {

// Why a stream ended early. The same for all codecs: retry policy and logs depend on it.
enum class ResetReason : uint8_t {
  kNone,
  kPeerClosed,     // The connection ended or was reset by the peer.
  kPeerReset,      // The peer reset this stream (HTTP/2 RST_STREAM), or left within its answer.
  kPeerRefused,    // The peer certainly did not process it (REFUSED_STREAM, GOAWAY).
  kProtocolError,  // The peer broke the protocol.
  kHeadTooLarge,   // The peer's response has a longer head than we take.
  kConnectFailed,  // No connection came about: refused or unreachable.
  kConnectTimeout,
  kTlsFailed,      // No common ground, or the peer refused us: it has seen nothing of a request.
  kTlsUntrusted,   // Its certificate was refused.
  kTlsNoProtocol,  // It does not speak the protocol that was asked for by ALPN.
  kLocalReset,     // We ended it.
  kOverload,       // No memory or descriptors.
};

// TLS is why there is no connection.
inline bool IsTlsFailure(ResetReason reason) {
  return reason == ResetReason::kTlsFailed || reason == ResetReason::kTlsUntrusted ||
         reason == ResetReason::kTlsNoProtocol;
}

// Nothing of a request was seen by anybody.
inline bool IsConnectFailure(ResetReason reason) {
  return reason == ResetReason::kConnectFailed || reason == ResetReason::kConnectTimeout ||
         IsTlsFailure(reason);
}

// What the codec found wrong with a request before there was an exchange, or what the exchange
// answers on its own: an HTTP status and a stable detail of the registry (observe/response_flags).
struct LocalError {
  int status;
  const char* details;
};

// Client side. Implemented by the server codecs; used by the exchange.
class ServerStream {
 public:
  // 1xx, any number of times before SendHead(). Ignored where the client cannot take it (HTTP/1.0).
  virtual void SendInformational(const ResponseHead& head) = 0;
  // The response. `end`: nothing follows. The views in it need to live until the call returns.
  // Status 101, where the request asked for an upgrade, opens a tunnel: from now on the request
  // goes on, though it had ended, with whatever the client sends and has sent since. So does a
  // status 2xx to CONNECT.
  virtual void SendHead(const ResponseHead& head, bool end) = 0;
  virtual void SendBody(net::Buffer&& body, bool end) = 0;
  // Ends the response. `trailers` may be null.
  virtual void SendEnd(const HeaderMap* trailers) = 0;
  // Ends the exchange at once: closes an HTTP/1 connection, resets an HTTP/2 stream.
  virtual void Reset(ResetReason reason) = 0;
  // The exchange is done with the stream (response sent whole) and about to go. What remains of the
  // request is read and dropped, or the connection closed, as the codec sees fit.
  virtual void Release() = 0;

  // Of the request's body.
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;

  // More is queued than should be: stop the source, OnSendRoom() follows.
  virtual bool is_send_blocked() const = 0;
  // Whether body may be given to it in pipes.
  virtual bool TakesPipes() const { return false; }

  virtual const net::Address& peer_address() const = 0;
  virtual net::Address local_address() const = 0;
  virtual uint64_t connection_id() const = 0;
  // What is known of the TLS that it came over; null if it came in the clear.
  virtual const net::SecureLayer* secure() const = 0;
  // With which its connection began; null if none named the client.
  virtual const net::ProxyHeader* proxy_header() const = 0;

 protected:
  ~ServerStream() = default;
};

// What the exchange is told by the client's side.
class ServerStreamEvents {
 public:
  // Where the codec writes the head before OnRequestHead(), with the arena behind its headers.
  virtual RequestHead& request_head() = 0;
  // Before the head is written, and perhaps not: its target as it came, which is valid during the
  // call. For what is better begun early.
  virtual void OnRequestTarget(absl::string_view target) {}
  // The head is there. `end`: the request has no body.
  virtual void OnRequestHead(bool end) = 0;
  // Instead of OnRequestHead(): what came is no acceptable request. To be answered, logged and
  // counted; request_head() holds what could be read. The connection does not go on.
  virtual void OnBadRequest(const LocalError& error) = 0;
  virtual bool TakesPipes() const { return false; }
  virtual void OnRequestBody(net::Buffer&& body) = 0;
  // The request is complete. `trailers` may be null; its memory is the stream's arena.
  virtual void OnRequestEnd(const HeaderMap* trailers) = 0;
  // The client is gone, broke the protocol in mid-body or, with kOverload, is given up (`error`
  // says how to answer if nothing was sent yet; null if that cannot be).
  virtual void OnClientReset(ResetReason reason, const LocalError* error) = 0;
  virtual void OnSendRoom() = 0;
  // Of the worker's pool, as good as it can be said: for choosing what to end when that is spent.
  virtual size_t held_bytes() const = 0;

 protected:
  ~ServerStreamEvents() = default;
};

// Where server codecs get their exchanges from.
class StreamAcceptor {
 public:
  // A new exchange for `stream`; null if the worker has no memory for it, which the codec answers
  // with 503. The exchange lives until it calls Release() or Reset() of the stream, or the codec
  // OnClientReset() of it.
  virtual ServerStreamEvents* NewStream(ServerStream& stream) = 0;
  // A head is being read whose target this is, valid during the call. For what is better begun even
  // before there is an exchange; perhaps there will be none.
  virtual void OnTargetRead(absl::string_view target) {}

 protected:
  ~StreamAcceptor() = default;
};

// Server side. Implemented by the client codecs; used by an attempt.
class ClientStream {
 public:
  // Once. `end`: no body follows. The views need to live until the call returns. After a 101, where
  // the request asked for an upgrade, SendBody() and SendEnd() go on nevertheless. CONNECT, in
  // HTTP/1, makes a connection that has carried nothing a tunnel; a 200 comes, but not of the peer.
  virtual void SendHead(const RequestHead& head, bool end) = 0;
  virtual void SendBody(net::Buffer&& body, bool end) = 0;
  virtual void SendEnd(const HeaderMap* trailers) = 0;
  // Ends it early, or, in the call that told the end of the response, lets it go: every stream is
  // let go so, but for those that told OnReset(). The events object is not used again.
  virtual void Reset(ResetReason reason) = 0;

  // Of the response's body.
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;
  virtual bool is_send_blocked() const = 0;
  virtual bool TakesPipes() const { return false; }

  // As ServerStreamEvents has it: bytes that wait on either way.
  virtual size_t held_bytes() const = 0;

  // Whether any byte of this request may have reached the peer.
  virtual bool has_sent_bytes() const = 0;
  // Whether the connection had carried a request before this one.
  virtual bool is_reused() const = 0;
  virtual net::Address local_address() const = 0;

 protected:
  ~ClientStream() = default;
};

// What an attempt is told by the server's side.
class ClientStreamEvents {
 public:
  // Memory for response heads.
  virtual Arena& arena() = 0;
  // Something of the response is about to be read, it seems. For what is better begun early.
  virtual void OnInput() {}
  // 100 and 103.
  virtual void OnInformational(ResponseHead& head) = 0;
  // Once. The views in it live until the call returns, those in arena() longer. 101: the server has
  // granted the upgrade that was asked for; the body is the tunnel's.
  virtual void OnHead(ResponseHead& head, bool end) = 0;
  virtual bool TakesPipes() const { return false; }
  virtual void OnBody(net::Buffer&& body) = 0;
  virtual void OnEnd(const HeaderMap* trailers) = 0;
  virtual void OnReset(ResetReason reason) = 0;
  virtual void OnSendRoom() = 0;

 protected:
  ~ClientStreamEvents() = default;
};

}  // namespace sluice::http
