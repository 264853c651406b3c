#include "api/validate/plugins/decompression.h"

#include "api/validate/bounds.h"
#include "sluice/plugins/v1/decompression.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::Decompression& config, const Field& field) {
  if (config.has_max_bytes()) {
    CheckSize(field.At("max_bytes"), config.max_bytes(), 1 << 10, 1 << 30);
  }
  if (config.has_max_ratio()) CheckRange(field.At("max_ratio"), config.max_ratio(), 1, 10'000);
}

}  // namespace sluice::validate
