// The gRPC side of the Fleet service.
#pragma once

#include <memory>

namespace grpc {
class Service;
}

namespace sluice::fleet {

class Fleet;

// Lifetime: `fleet` outlives the server that has the service.
std::unique_ptr<grpc::Service> MakeFleetService(Fleet& fleet);

}  // namespace sluice::fleet
