#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class GrpcJson;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/grpc_json.proto states.
void Check(const plugins::v1::GrpcJson& config, const Field& field);

}  // namespace sluice::validate
