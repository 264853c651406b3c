#include "controlplane/web/site.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "controlplane/web/json.h"

namespace sluice::web {
Site::Site(admin::AdminService& admin, fleet::Fleet& fleet, const Clock& clock, Gate gate)
    : fleet_(fleet), gate_(std::move(gate)), api_(admin, fleet, clock) {}

void Site::Handle(Request request, Respond respond) {
  if (std::optional<Response> refusal = gate_.Check(request); refusal.has_value()) {
    return std::move(respond)(*std::move(refusal));
  }
  if (absl::StartsWith(request.path, "/v1/")) {
    return api_.Handle(std::move(request), std::move(respond));
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && request.path == "/healthz") return std::move(respond)(TextResponse(200, "ok"));
  if (reads && request.path == "/readyz") {
    return std::move(respond)(is_ready_ ? TextResponse(200, "ready")
                                        : TextResponse(503, "not ready"));
  }
  if (reads && request.path == "/metrics") {
    const absl::Status allowed = request.caller.CheckCall("GET /metrics");
    if (!allowed.ok()) return std::move(respond)(Refusal(allowed));
    return ShowMetrics(std::move(respond));
  }
  std::move(respond)(Refusal(404, absl::StrCat("there is nothing at ", request.path),
                             "/v1/openapi.json tells what there is"));
}

void Site::ShowMetrics(Respond respond) {
  fleet_.loop().Post([this, respond = std::move(respond)]() mutable {
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    absl::StrAppend(&response.body,
                    "# HELP sluice_build_info Which program this is.\n"
                    "# TYPE sluice_build_info gauge\nsluice_build_info{program=\"",
                    "sluice-controlplane", "\",version=\"", kVersion, "\"} 1\n");
    fleet_.AppendMetrics(&response.body);
    std::move(respond)(std::move(response));
  });
}

}  // namespace sluice::web
