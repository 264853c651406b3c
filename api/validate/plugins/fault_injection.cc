#include "api/validate/plugins/fault_injection.h"

#include <map>
#include <string>

#include "api/match/predicate.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/fault_injection.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxHeaders = 16;
constexpr size_t kMaxBodyBytes = 64 << 10;

}  // namespace

void Check(const plugins::v1::FaultInjection& config, const Field& field) {
  if (!config.has_delay() && !config.has_abort() && !config.from_headers()) {
    field.Refuse("injects nothing", "delay, abort or from_headers");
  }
  if (config.has_delay()) {
    const Field delay = field.At("delay");
    if (config.delay().has_duration()) {
      CheckDuration(delay.At("duration"), config.delay().duration(), absl::Milliseconds(1),
                    absl::Minutes(1));
    }
    CheckRange(delay.At("per_mille"), config.delay().per_mille(), 0, 1000);
  }
  if (config.has_abort()) {
    const Field abort = field.At("abort");
    if (config.abort().status() != 0) {
      CheckRange(abort.At("status"), config.abort().status(), 200, 599);
    }
    CheckLength(abort.At("body"), config.abort().body(), kMaxBodyBytes);
    CheckRange(abort.At("per_mille"), config.abort().per_mille(), 0, 1000);
  }
  const Field headers = field.At("headers");
  CheckCount(headers, static_cast<int>(config.headers().size()), kMaxHeaders, "headers");
  const std::map<std::string, std::string> sorted(config.headers().begin(), config.headers().end());
  for (const auto& [name, value] : sorted) {
    headers.At(name).Refuse(CheckHeaderName(name));
    headers.At(name).Refuse(match::ValuePredicate().Parse(value));
  }
}

}  // namespace sluice::validate
