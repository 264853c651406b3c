#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class BodyLimit;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/body_limit.proto states.
void Check(const plugins::v1::BodyLimit& config, const Field& field);

}  // namespace sluice::validate
