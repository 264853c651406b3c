#include "tools/sluicectl/wait.h"

#include <unistd.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using Proxies = google::protobuf::RepeatedPtrField<v1::ProxyStatus>;

// Of a thousand rejected proxies the first say enough.
constexpr int kMostNodes = 20;

std::string FirstProblem(const v1::ProxyStatus& proxy) {
  if (proxy.problems().empty()) return "";
  std::string text = absl::StrCat(": ", resource::ToString(resource::FromProto(proxy.problems(0))));
  if (proxy.problems_size() > 1) {
    absl::StrAppend(&text, " (and ", proxy.problems_size() - 1, " more)");
  }
  return Printable(text);
}

std::string SinceReport(const v1::ProxyStatus& proxy) {
  return proxy.has_last_report_at() ? absl::StrCat(" (", AgoText(proxy.last_report_at()), ")") : "";
}

std::string Lag(const v1::ProxyStatus& proxy) {
  if (!proxy.has_lag()) return "";
  const absl::Duration lag =
      absl::Seconds(proxy.lag().seconds()) + absl::Nanoseconds(proxy.lag().nanos());
  return absl::StrCat(" (", DurationText(lag), ")");
}

void AppendNodes(absl::string_view what, const Proxies& proxies,
                 std::string (*detail)(const v1::ProxyStatus&), std::string& text) {
  for (int i = 0; i < proxies.size(); ++i) {
    if (i == kMostNodes) {
      absl::StrAppend(&text, "; and ", proxies.size() - i, " more ", what);
      return;
    }
    absl::StrAppend(&text, "; ", what, " ", Printable(proxies[i].node()), detail(proxies[i]));
  }
}

// No proxy had to change: because there is none, or because none sees what changed.
absl::StatusOr<std::string> WhyNobody(Client& client) {
  bool has_proxy = false;
  const absl::Status status = client.ListProxies({}, [&has_proxy](const v1::ProxyStatus& proxy) {
    has_proxy = proxy.state() != v1::ProxyStatus::DISCONNECTED;
    return !has_proxy;
  });
  if (!status.ok()) return status;
  return has_proxy ? "; no connected proxy is concerned" : "; no proxy is connected";
}

}  // namespace

void WaitFlags::Add(Flags& flags) {
  flags.Bool("wait", "wait until every connected proxy that it concerns serves it", &wait_);
  flags.Duration("timeout", "how long --wait waits", &timeout_);
}

absl::StatusOr<ExitStatus> WaitFlags::PrintAndFinish(const v1::ApplyResponse& response,
                                                     Client& client) const {
  PrintApplied(response);
  // Before there is a first commit there is nothing to wait for.
  if (wait_ && !response.dry_run() && response.generation() > 0) {
    return Wait(response.generation(), client);
  }
  Print("\n");
  return ExitStatus::kDone;
}

absl::StatusOr<ExitStatus> WaitFlags::Wait(uint64_t generation, Client& client) const {
  v1::WaitForGenerationRequest request;
  request.set_generation(generation);
  request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(timeout_));
  request.mutable_timeout()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(timeout_ % absl::Seconds(1))));
  // On a terminal the end of the line counts up; elsewhere only the end is said.
  const bool is_terminal = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  v1::WaitForGenerationResponse last;
  const absl::Status status =
      client.WaitForGeneration(request, [&](const v1::WaitForGenerationResponse& progress) {
        last = progress;
        if (is_terminal && !progress.done()) {
          PrintError(
              absl::StrCat("\0337; active ", progress.active(), "/", progress.total(), "\0338"));
        }
        return true;
      });
  if (!status.ok()) {
    Print("\n");
    return status;
  }
  if (last.total() == 0) {
    const absl::StatusOr<std::string> why = WhyNobody(client);
    Print(why.ok() ? *why : "");
    Print("\n");
    if (!why.ok()) return why.status();
    return ExitStatus::kDone;
  }
  Print(ProgressText(last) + "\n");
  return last.active() == last.total() ? ExitStatus::kDone : ExitStatus::kNotActive;
}

std::string ProgressText(const v1::WaitForGenerationResponse& progress) {
  std::string text = absl::StrCat("; active ", progress.active(), "/", progress.total());
  AppendNodes("degraded", progress.degraded(), &FirstProblem, text);
  AppendNodes("rejected", progress.rejected(), &FirstProblem, text);
  AppendNodes("held", progress.held(), &FirstProblem, text);
  AppendNodes("disconnected", progress.disconnected(), &SinceReport, text);
  AppendNodes("late", progress.late(), &Lag, text);
  return text;
}

}  // namespace sluice::sluicectl
