#include "controlplane/auth/access.h"

#include <algorithm>

namespace sluice::auth {
namespace {

constexpr Rule kRules[] = {
    {"/sluice.v1.Admin/Apply", Access::kTry},
    {"/sluice.v1.Admin/List", Access::kRead},
    {"/sluice.v1.Admin/Get", Access::kRead},
    {"/sluice.v1.Admin/Delete", Access::kTry},
    {"/sluice.v1.Admin/Diff", Access::kRead},
    {"/sluice.v1.Admin/History", Access::kRead},
    {"/sluice.v1.Admin/Rollback", Access::kTry},
    {"/sluice.v1.Admin/Watch", Access::kRead},
    {"/sluice.v1.Admin/GetVersion", Access::kAnyone},

    {"/sluice.v1.ConfigStream/Sync", Access::kSync},

    {"/sluice.v1.Endpoints/Register", Access::kRegister},
    {"/sluice.v1.Endpoints/ListEndpoints", Access::kReadEndpoints},

    {"/sluice.v1.Fleet/ListProxies", Access::kRead},
    {"/sluice.v1.Fleet/WatchProxies", Access::kRead},
    {"/sluice.v1.Fleet/WaitForGeneration", Access::kRead},
    {"/sluice.v1.Fleet/Forget", Access::kChange},
    {"/sluice.v1.Fleet/AdminPage", Access::kRead},

    {"/grpc.health.v1.Health/Check", Access::kAnyone},
    {"/grpc.health.v1.Health/Watch", Access::kAnyone},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::kAnyone},

    {"GET /healthz", Access::kOpen},
    {"GET /readyz", Access::kOpen},
    {"GET /metrics", Access::kRead},
    {"POST /v1/apply", Access::kTry},
    {"POST /v1/validate", Access::kRead},
    {"GET /v1/generations", Access::kRead},
    {"GET /v1/diff", Access::kRead},
    {"POST /v1/rollback", Access::kTry},
    {"GET /v1/proxies", Access::kRead},
    {"GET /v1/openapi.json", Access::kAnyone},
    {"GET /v1/{kind}", Access::kRead},
    {"GET /v1/{kind}/{name}", Access::kRead},
    {"DELETE /v1/{kind}/{name}", Access::kTry},
};

}  // namespace

absl::Span<const Rule> Rules() { return kRules; }

Access AccessOf(absl::string_view call) {
  const auto* const rule = std::find_if(std::begin(kRules), std::end(kRules),
                                        [&](const Rule& r) { return r.call == call; });
  return rule == std::end(kRules) ? Access::kChange : rule->access;
}

}  // namespace sluice::auth
