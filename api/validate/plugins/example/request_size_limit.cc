#include "api/validate/plugins/example/request_size_limit.h"

#include "api/validate/bounds.h"
#include "sluice/plugins/example/request_size_limit.pb.h"

namespace sluice::validate {

void Check(const plugins::example::RequestSizeLimit& config, const Field& field) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 30;
  CheckSize(field.At("max_bytes"), config.max_bytes(), 1, kMostBytes);
}

}  // namespace sluice::validate
