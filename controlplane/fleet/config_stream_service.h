// The gRPC side of ConfigStream: streams of proxies, handed to the fleet.
#pragma once

#include <memory>

namespace grpc {
class ServerBuilder;
class Service;
}  // namespace grpc

namespace sluice::fleet {

class Fleet;

// Lifetime: `fleet` outlives the server that has the service.
std::unique_ptr<grpc::Service> MakeConfigStreamService(Fleet& fleet);

// Lets proxies ping as often as they do (after 10 s of silence), notices those that are gone, and
// bounds what one connection may open.
void ConfigureConnections(grpc::ServerBuilder& builder);

}  // namespace sluice::fleet
