#pragma once

#include "api/validate/field.h"

namespace sluice::plugins::example {
class RequestSizeLimit;
}  // namespace sluice::plugins::example

namespace sluice::validate {

// Every bound that sluice/plugins/example/request_size_limit.proto states.
void Check(const plugins::example::RequestSizeLimit& config, const Field& field);

}  // namespace sluice::validate
