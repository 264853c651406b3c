#include <utility>

#include "absl/strings/str_cat.h"
#include "api/match/compiled_spec.h"
#include "api/validate/resource.h"
#include "api/validate/syntax.h"
#include "proxy/runtime/convert.h"

namespace sluice::runtime {
namespace {

using Upstreams = google::protobuf::RepeatedPtrField<v1::WeightedUpstream>;

exchange::StickyCookie ToCookie(const v1::Sticky& sticky) {
  exchange::StickyCookie cookie;
  cookie.name = sticky.cookie();
  cookie.path = sticky.path().empty() ? "/" : sticky.path();
  cookie.ttl_seconds = sticky.ttl().seconds();
  return cookie;
}

std::unique_ptr<exchange::Split> ToSplit(const Upstreams& upstreams, const v1::Sticky& sticky,
                                         const v1::Resource& route,
                                         std::vector<resource::Problem>& problems) {
  std::vector<exchange::SplitTarget> targets;
  for (const v1::WeightedUpstream& upstream : upstreams) {
    exchange::SplitTarget& target = targets.emplace_back();
    target.upstream = upstream.upstream();
    if (upstream.has_weight()) target.weight = upstream.weight();
    if (!upstream.has_when()) continue;
    auto when = match::Compile(validate::SpecOfWhen(upstream.when()));
    if (when.ok()) {
      target.when = *std::move(when);
      continue;
    }
    problems.push_back({.kind = "Route",
                        .name = route.name(),
                        .field = absl::StrCat("upstreams[", targets.size() - 1, "].when"),
                        .problem = std::string(when.status().message())});
  }
  return std::make_unique<exchange::Split>(std::move(targets), ToCookie(sticky));
}

}  // namespace

std::unique_ptr<exchange::RouteTraffic> ToRouteTraffic(const v1::Resource& resource,
                                                       const v1::Resource* service,
                                                       std::vector<resource::Problem>& problems) {
  const v1::Route& route = resource.route();
  const Upstreams& upstreams =
      service != nullptr ? service->service().upstreams() : route.upstreams();
  if (upstreams.empty() && route.mirrors().empty()) return nullptr;
  auto traffic = std::make_unique<exchange::RouteTraffic>();
  if (!upstreams.empty()) {
    const v1::Sticky& sticky = service != nullptr ? service->service().sticky() : route.sticky();
    traffic->split = ToSplit(upstreams, sticky, resource, problems);
  }
  for (const v1::Route::Mirror& config : route.mirrors()) {
    exchange::MirrorTarget& mirror = traffic->mirrors.emplace_back();
    mirror.upstream = config.upstream();
    mirror.percent = validate::ParsePercent(config.percent()).value_or(100);
    mirror.subset = ToSubsetChoice(config.subset());
  }
  return traffic;
}

}  // namespace sluice::runtime
