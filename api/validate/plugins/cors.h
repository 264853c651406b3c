#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Cors;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/cors.proto states.
void Check(const plugins::v1::Cors& config, const Field& field);

}  // namespace sluice::validate
