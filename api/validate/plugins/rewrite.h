#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Rewrite;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/rewrite.proto states.
void Check(const plugins::v1::Rewrite& config, const Field& field);

}  // namespace sluice::validate
