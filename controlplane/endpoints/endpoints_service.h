// The gRPC side of the Endpoints service.
#pragma once

#include <memory>

namespace grpc {
class Service;
}

namespace sluice::endpoints {

class Registrar;

// Lifetime: `registrar` outlives the server that has the service.
std::unique_ptr<grpc::Service> MakeEndpointsService(Registrar& registrar);

}  // namespace sluice::endpoints
