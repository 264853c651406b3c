// A client's connection, whatever protocol it speaks, and the listener that it belongs to.
//
// Thread: its worker's. Ownership: the ServerHost's, which deletes it after OnClosed().
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "proxy/http/server_settings.h"
#include "proxy/http/stream.h"
#include "proxy/net/address.h"

namespace sluice::http {

class ServerCodec {
 public:
  virtual ~ServerCodec() = default;

  // Begins to read. An error means that it is of no use and OnClosed() will not come.
  [[nodiscard]] virtual absl::Status Start() = 0;
  // Takes no further request, and closes when those under way have ended.
  virtual void Drain() = 0;
  // As Drain(), but for a client that may be about to ask for something: who says nothing is not
  // closed. HTTP/1.1 tells it with the next response; the host answers is_draining() by then.
  virtual void AnnounceDrain() { Drain(); }
  // Closes now, resetting what is under way. OnClosed() comes within the call.
  virtual void CloseNow() = 0;
  // To which its client connected.
  virtual net::Address local_address() const = 0;
  // Whether no exchange is under way.
  virtual bool is_idle() const = 0;

  // What it holds of the worker's pool, its exchanges included, as good as it can be said.
  virtual size_t held_bytes() const = 0;
  // Gives that back: a request that was not answered yet is answered 503, all else is cut.
  virtual void Shed() = 0;
};

class ServerHost {
 public:
  // May change between calls.
  virtual const ServerSettings& settings() const = 0;
  virtual StreamAcceptor& acceptor() = 0;
  // No connection is kept any more.
  virtual bool is_draining() const = 0;
  // What its client sent ends an HTTP/2 connection, with this code of RFC 9113; at most once.
  virtual void OnHttp2Error(uint32_t) {}
  // The last call about this connection. Delete it with Loop::DeleteLater().
  virtual void OnClosed(ServerCodec& connection) = 0;

 protected:
  ~ServerHost() = default;
};

}  // namespace sluice::http
