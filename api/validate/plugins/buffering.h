#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Buffering;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/buffering.proto states.
void Check(const plugins::v1::Buffering& config, const Field& field);

}  // namespace sluice::validate
