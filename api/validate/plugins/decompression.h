#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Decompression;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/decompression.proto states.
void Check(const plugins::v1::Decompression& config, const Field& field);

}  // namespace sluice::validate
