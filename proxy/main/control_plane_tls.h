// TLS of the stream to the control plane.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "proxy/net/connection.h"
#include "proxy/net/tls/client_context.h"

namespace sluice::main {

// Reads its files for every connection: what is renewed holds for the next one. A file that is bad
// or not there costs the connection, never the proxy, which serves what it has.
//
// Thread: the control thread. Lifetime: `io` outlives it, and it the handshakes.
class ControlPlaneTls {
 public:
  struct Paths {
    std::string ca;           // Authorities of the control plane; empty: cleartext.
    std::string certificate;  // Ours; empty: none.
    std::string key;
    std::string name;  // That its certificate must have; empty: that of the address.
  };

  ControlPlaneTls(net::IoContext& io, Paths paths) : io_(io), paths_(std::move(paths)) {}

  // A transport to `host` over `fd`, whose handshake has not begun.
  //   INVALID_ARGUMENT, NOT_FOUND  says what is wrong with which file
  absl::StatusOr<net::Transport> Secure(net::Fd fd, const std::string& host);

 private:
  absl::Status ReadFiles();

  net::IoContext& io_;
  const Paths paths_;
  std::shared_ptr<const net::tls::ClientContext> context_;  // Of the last connection.
};

}  // namespace sluice::main
