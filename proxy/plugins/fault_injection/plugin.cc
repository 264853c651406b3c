#include "proxy/plugins/fault_injection/plugin.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/fault_injection.pb.h"

namespace sluice::plugins {
namespace {

constexpr absl::string_view kDelayHeader = "x-sluice-fault-delay";
constexpr absl::string_view kAbortHeader = "x-sluice-fault-abort";
constexpr int64_t kMaxDelayNs = 60'000'000'000;
constexpr uint32_t kAll = 1000;

bool Happens(uint32_t per_mille, Stream& stream) {
  if (per_mille == 0) return false;
  return per_mille >= kAll || stream.Random() % kAll < per_mille;
}

// Nothing unless it is a duration within the range.
int64_t ReadDelay(absl::string_view text) {
  absl::Duration delay;
  if (text.empty() || !absl::ParseDuration(text, &delay)) return 0;
  const int64_t ns = absl::ToInt64Nanoseconds(delay);
  return ns > 0 && ns <= kMaxDelayNs ? ns : 0;
}

int ReadStatus(absl::string_view text) {
  int status = 0;
  return absl::SimpleAtoi(text, &status) && status >= 200 && status <= 599 ? status : 0;
}

}  // namespace

bool FaultInjection::IsMeant(const Stream& stream) const {
  const http::HeaderMap& headers = stream.request().headers;
  for (const match::NamedPredicate& wanted : settings_.headers) {
    const bool holds = wanted.value.Holds([&](auto accept) {
      for (const auto* e = headers.Find(wanted.name); e != nullptr; e = headers.Next(e)) {
        if (accept(e->value())) return;
      }
    });
    if (!holds) return false;
  }
  return true;
}

void FaultInjection::ReadHeaders(http::RequestHead& request) {
  if (const int64_t delay = ReadDelay(request.headers.Get(kDelayHeader)); delay > 0) {
    delay_ns_ = delay;
  }
  if (const int status = ReadStatus(request.headers.Get(kAbortHeader)); status > 0) {
    status_ = status;
  }
  request.headers.Remove(kDelayHeader);
  request.headers.Remove(kAbortHeader);
}

void FaultInjection::Draw(Stream& stream) {
  if (Happens(settings_.delay_per_mille, stream)) delay_ns_ = settings_.delay_ns;
  if (Happens(settings_.abort_per_mille, stream)) status_ = settings_.status;
}

Action FaultInjection::OnRequestHead(Stream& stream) {
  if (!IsMeant(stream)) return Action::kContinue;
  Draw(stream);
  if (settings_.reads_headers) ReadHeaders(stream.request());
  if (delay_ns_ > 0) {
    stream.SetTimer(delay_ns_, &OnDelayed, this);
    return Action::kStop;
  }
  if (status_ == 0) return Action::kContinue;
  Abort(stream);
  return Action::kStop;
}

void FaultInjection::OnDelayed(void* state, Stream& stream) {
  const auto& fault = *static_cast<const FaultInjection*>(state);
  if (fault.status_ > 0) return fault.Abort(stream);
  stream.Resume();
}

void FaultInjection::Abort(Stream& stream) const {
  stream.Reply({.status = status_, .details = "fault_abort", .body = settings_.body});
}

absl::StatusOr<Instance> MakeFaultInjection(const v1::FaultInjection& config) {
  FaultInjection::Settings settings;
  if (config.has_delay()) {
    const auto& duration = config.delay().duration();
    settings.delay_ns = absl::ToInt64Nanoseconds(absl::Seconds(duration.seconds()) +
                                                 absl::Nanoseconds(duration.nanos()));
    if (settings.delay_ns <= 0) return FieldError("delay.duration", "is no time");
    settings.delay_per_mille = config.delay().has_per_mille() ? config.delay().per_mille() : kAll;
  }
  if (config.has_abort()) {
    const uint32_t status = config.abort().status();
    if (status < 200 || status > 599) {
      return FieldError("abort.status", absl::StrCat("is not 200 to 599, got ", status));
    }
    settings.status = static_cast<int>(status);
    settings.body = config.abort().body();
    settings.abort_per_mille = config.abort().has_per_mille() ? config.abort().per_mille() : kAll;
  }
  for (const auto& [name, value] : config.headers()) {
    match::NamedPredicate wanted;
    wanted.name = absl::AsciiStrToLower(name);
    if (const auto flaw = wanted.value.Parse(value)) {
      return FieldError(absl::StrCat("headers.", name), *flaw);
    }
    settings.headers.push_back(std::move(wanted));
  }
  settings.reads_headers = config.from_headers();
  return Instantiate<FaultInjection>(std::move(settings));
}

}  // namespace sluice::plugins
