#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Respond;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/respond.proto states.
void Check(const plugins::v1::Respond& config, const Field& field);

}  // namespace sluice::validate
