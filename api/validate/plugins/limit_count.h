#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class LimitCount;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/limit_count.proto states.
void Check(const plugins::v1::LimitCount& config, const Field& field);

}  // namespace sluice::validate
