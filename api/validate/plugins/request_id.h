#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class RequestId;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/request_id.proto states.
void Check(const plugins::v1::RequestId& config, const Field& field);

}  // namespace sluice::validate
