#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class ConsumerRestriction;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/consumer_restriction.proto states.
void Check(const plugins::v1::ConsumerRestriction& config, const Field& field);

}  // namespace sluice::validate
