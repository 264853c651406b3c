#include "api/validate/plugins/body_limit.h"

#include "api/validate/bounds.h"
#include "sluice/plugins/v1/body_limit.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::BodyLimit& config, const Field& field) {
  if (config.has_request()) CheckSize(field.At("request"), config.request(), 0, uint64_t{1} << 40);
}

}  // namespace sluice::validate
