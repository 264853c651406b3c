#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/match/compiled_spec.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/resource.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxNames = 64;
constexpr int kMaxServerNames = 256;
constexpr int kMaxClientIps = 256;

}  // namespace

match::RouteSpec StreamSpecOf(const v1::Resource& resource) {
  const v1::StreamRoute& route = resource.stream_route();
  match::RouteSpec spec;
  spec.name = resource.name();
  spec.hosts.assign(route.server_names().begin(), route.server_names().end());
  spec.client_ips.assign(route.client_ips().begin(), route.client_ips().end());
  return spec;
}

void CheckStreamRoute(const v1::Resource& resource, const Field& field) {
  const v1::StreamRoute& route = resource.stream_route();
  CheckNames(route.listeners(), kMaxNames, field, "listeners");
  CheckNames(route.groups(), kMaxNames, field, "groups");
  CheckCount(field.At("server_names"), route.server_names_size(), kMaxServerNames, "names");
  CheckCount(field.At("client_ips"), route.client_ips_size(), kMaxClientIps, "ranges");
  std::vector<match::SpecProblem> flaws;
  // Its status says no more than its problems.
  match::Compile(StreamSpecOf(resource), &flaws).IgnoreError();
  for (match::SpecProblem& flaw : flaws) {
    const bool is_name = absl::StartsWith(flaw.field, "hosts");
    const std::string at =
        is_name ? absl::StrCat("server_names", flaw.field.substr(5)) : std::move(flaw.field);
    field.At(at).Refuse(std::move(flaw.problem), std::move(flaw.want));
  }
  CheckSubset(route.subset(), SubsetValues::kLiteral, field.At("subset"));
  if (route.has_idle_timeout()) {
    CheckDuration(field.At("idle_timeout"), route.idle_timeout(), absl::ZeroDuration(),
                  absl::Hours(168));
  }
}

}  // namespace sluice::validate
