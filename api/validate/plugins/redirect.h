#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Redirect;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/redirect.proto states.
void Check(const plugins::v1::Redirect& config, const Field& field);

}  // namespace sluice::validate
