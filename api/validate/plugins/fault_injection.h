#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class FaultInjection;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/fault_injection.proto states.
void Check(const plugins::v1::FaultInjection& config, const Field& field);

}  // namespace sluice::validate
