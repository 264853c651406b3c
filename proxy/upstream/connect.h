// A new connection to an endpoint as its upstream has it, for pools and for whoever else asks an
// endpoint something: TCP, and TLS on it where that is configured.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "proxy/net/address.h"
#include "proxy/net/connection.h"
#include "proxy/net/tls/client_context.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

// How an upstream's connections are encrypted. Immutable, shared by all workers.
struct Tls {
  std::shared_ptr<const net::tls::ClientContext> context;  // Never null.
  // The name that endpoints are asked for; empty: their own.
  std::string sni;
  // For endpoints that have none, being IP addresses; empty: none.
  std::string name_of_addresses;
};

// Whether connections made under one are as good under the other, as far as TLS goes and whatever
// the endpoints' names. Either may be null.
bool SameTls(const Tls* a, const Tls* b);

// Where a connection leads, and who has to be there.
struct Destination {
  net::Address address;
  // A DNS name or an IP address: what is told as SNI, and whose certificate is expected. Empty
  // without TLS.
  std::string server_name;

  friend bool operator==(const Destination&, const Destination&) = default;
};
Destination DestinationOf(const Settings& settings, const Endpoint& endpoint);

// Begins to open one. The transport is for a net::Connection, or a codec's, that is `connecting`:
// there the handshake follows. It may outlive `settings`, but not `sessions`, which may be null.
// Errors are those of net::StartConnect().
absl::StatusOr<net::Transport> StartConnect(net::IoContext& io, const Settings& settings,
                                            const Destination& destination,
                                            net::tls::SessionSlot* sessions);

}  // namespace sluice::upstream
