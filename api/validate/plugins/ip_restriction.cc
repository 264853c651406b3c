#include "api/validate/plugins/ip_restriction.h"

#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/ip_restriction.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxRanges = 4096;
constexpr size_t kMaxMessageBytes = 4096;

}  // namespace

void Check(const plugins::v1::IpRestriction& config, const Field& field) {
  if (config.allow().empty() && config.deny().empty()) {
    field.Refuse("restricts nobody", "an address or CIDR range in allow or deny");
  }
  CheckCount(field.At("allow"), config.allow_size(), kMaxRanges, "ranges");
  CheckCount(field.At("deny"), config.deny_size(), kMaxRanges, "ranges");
  for (int i = 0; i < config.allow_size(); ++i) {
    field.At("allow", static_cast<size_t>(i)).Refuse(CheckRangeOfIps(config.allow(i)));
  }
  for (int i = 0; i < config.deny_size(); ++i) {
    field.At("deny", static_cast<size_t>(i)).Refuse(CheckRangeOfIps(config.deny(i)));
  }
  CheckLength(field.At("message"), config.message(), kMaxMessageBytes);
}

}  // namespace sluice::validate
