// An accepted connection until its TLS handshake is done: then it is handed on as a transport, to
// the codec that both sides agreed on.
//
// Thread: its worker's. Ownership: the Owner's, which deletes it with Loop::DeleteLater() in either
// of the two calls.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/net/address.h"
#include "proxy/net/connection.h"
#include "proxy/net/tls/server_context.h"

namespace sluice::net::tls {

class ServerHandshake final : private event::Handler {
 public:
  class Owner {
   public:
    virtual void OnHandshakeDone(ServerHandshake& handshake, Transport transport) = 0;
    // `reason`: "certificate_expired", "no_shared_cipher", "timeout", "closed", ...
    virtual void OnHandshakeFailed(ServerHandshake& handshake, absl::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };

  // `accepted`: plain.
  ServerHandshake(IoContext& io, Transport accepted, const Address& peer,
                  std::shared_ptr<const ServerContext> context, int64_t timeout_ns, Owner& owner);
  ~ServerHandshake();

  // Begins. An error means that it is of no use and the owner will not be called.
  absl::Status Start();
  const Address& peer() const { return peer_; }

 private:
  void OnEvents(uint32_t events) override;
  void OnTimeout();
  void Fail(absl::string_view reason);

  IoContext& io_;
  Owner& owner_;
  const std::shared_ptr<const ServerContext> context_;
  const Address peer_;
  const int64_t timeout_ns_;
  Transport transport_;
  event::Timer timer_;
  bool is_registered_ = false;
};

}  // namespace sluice::net::tls
