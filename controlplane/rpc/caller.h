// Who made a gRPC call.
#pragma once

#include "controlplane/auth/caller.h"

namespace grpc {
class ServerContextBase;
}

namespace sluice::rpc {

// The holder of the certificate of its connection; anybody where none is asked for. Where one is,
// gRPC lets no connection through without (controlplane/tls/grpc_credentials.h).
auth::Caller CallerOf(const grpc::ServerContextBase& context);

}  // namespace sluice::rpc
