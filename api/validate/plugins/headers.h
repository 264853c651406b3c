#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Headers;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/headers.proto states.
void Check(const plugins::v1::Headers& config, const Field& field);

}  // namespace sluice::validate
