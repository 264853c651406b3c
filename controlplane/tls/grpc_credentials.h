// TLS of the gRPC port, and the gate of every call that comes in there.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

namespace sluice::tls {

class ServerFiles;

// Shows what `files` has at each handshake. If clients are asked for a certificate, one that is not
// good ends the handshake, and a call that its holder may not make (controlplane/auth/access.h)
// ends before it reaches a handler.
//
// gRPC's own TlsServerCredentials watch files too, but let go of what they have when a file is gone
// or does not fit; so this is made of its C interface.
//
// Lifetime: `files` outlives it, and it outlives the server, which does not keep it.
std::shared_ptr<grpc::ServerCredentials> MakeGrpcCredentials(ServerFiles& files);

}  // namespace sluice::tls
