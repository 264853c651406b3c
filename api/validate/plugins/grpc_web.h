#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class GrpcWeb;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/grpc_web.proto states: none.
inline void Check(const plugins::v1::GrpcWeb&, const Field&) {}

}  // namespace sluice::validate
