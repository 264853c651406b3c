#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class IpRestriction;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/ip_restriction.proto states.
void Check(const plugins::v1::IpRestriction& config, const Field& field);

}  // namespace sluice::validate
