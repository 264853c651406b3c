// The bounds of Upstream.tls. Only upstream.cc calls this.
#pragma once

#include "api/validate/field.h"
#include "sluice/v1/upstream.pb.h"

namespace sluice::validate {

void CheckUpstreamTls(const v1::Upstream::Tls& tls, const Field& field);

}  // namespace sluice::validate
