// Addresses of peers as people read them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::rpc {

// "127.0.0.1:4711" of gRPC's "ipv4:127.0.0.1:4711", "[::1]:4711" of "ipv6:%5B::1%5D:4711".
std::string PeerAddress(absl::string_view grpc_peer);

}  // namespace sluice::rpc
