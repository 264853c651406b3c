#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::v1 {
class Compression;
}  // namespace sluice::plugins::v1

namespace sluice::validate {

// Every bound that sluice/plugins/v1/compression.proto states.
void Check(const plugins::v1::Compression& config, const Field& field);

}  // namespace sluice::validate
