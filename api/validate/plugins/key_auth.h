#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class KeyAuth;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/key_auth.proto states.
void Check(const plugins::v1::KeyAuth& config, const Field& field);

}  // namespace sluice::validate
