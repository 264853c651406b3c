#include "api/validate/plugins/buffering.h"

#include "api/validate/bounds.h"
#include "sluice/plugins/v1/buffering.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::Buffering& config, const Field& field) {
  constexpr uint64_t kMost = 64 << 20;
  if (config.request() == 0 && config.response() == 0) {
    field.Refuse("holds nothing back", "request or response");
  }
  CheckSize(field.At("request"), config.request(), 0, kMost);
  CheckSize(field.At("response"), config.response(), 0, kMost);
}

}  // namespace sluice::validate
