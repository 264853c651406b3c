#include "tools/sluicectl/target.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "api/match/compiled_spec.h"
#include "api/validate/resource.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;
using Upstreams = google::protobuf::RepeatedPtrField<v1::WeightedUpstream>;

bool Holds(const v1::WeightedUpstream::When& when, const match::RequestView& request) {
  const auto spec = match::Compile(validate::SpecOfWhen(when));
  return spec.ok() && (*spec)->predicates() != nullptr &&
         (*spec)->predicates()->HoldButMethods(request);
}

// "headers.x-canary, cookies.a"
std::string Conditions(const v1::WeightedUpstream::When& when) {
  const match::RouteSpec spec = validate::SpecOfWhen(when);
  std::vector<std::string> names;
  for (const auto& [name, value] : spec.headers) names.push_back("headers." + name);
  for (const auto& [name, value] : spec.query) names.push_back("query." + name);
  for (const auto& [name, value] : spec.cookies) names.push_back("cookies." + name);
  return absl::StrJoin(names, ", ");
}

// What weights draw from, and what keeps a client with what they drew.
std::string Drawn(const View& view, const Upstreams& upstreams, const v1::Sticky& sticky) {
  const auto weight_of = [](const v1::WeightedUpstream& upstream) {
    return upstream.has_weight() ? upstream.weight() : 1;
  };
  double sum = 0;
  for (const v1::WeightedUpstream& each : upstreams) {
    if (!each.has_when()) sum += weight_of(each);
  }
  std::vector<std::string> shares;
  for (const v1::WeightedUpstream& each : upstreams) {
    if (each.has_when() || weight_of(each) == 0) continue;
    shares.push_back(absl::StrFormat("%.3g%% %s", 100 * weight_of(each) / sum,
                                     DescribedUpstream(view, each.upstream())));
  }
  return absl::StrCat("drawn by weight: ", absl::StrJoin(shares, ", "),
                      sticky.cookie().empty()
                          ? std::string()
                          : absl::StrCat("; kept by the cookie ", sticky.cookie()));
}

std::string Chosen(const View& view, const Upstreams& upstreams, const v1::Sticky& sticky,
                   const match::RequestView& request) {
  for (const v1::WeightedUpstream& each : upstreams) {
    if (!each.has_when() || !Holds(each.when(), request)) continue;
    return absl::StrCat(DescribedUpstream(view, each.upstream()), " by ", Conditions(each.when()));
  }
  return Drawn(view, upstreams, sticky);
}

}  // namespace

std::string DescribedUpstream(const View& view, const std::string& upstream) {
  const v1::Resource* found = view.Find(Kind::kUpstream, upstream);
  if (found == nullptr) return upstream + " (does not exist)";
  std::vector<std::string> addresses;
  for (const v1::Endpoint& endpoint : found->upstream().endpoints()) {
    addresses.push_back(endpoint.address());
  }
  return absl::StrCat(upstream, " (",
                      addresses.empty() ? "no configured endpoints" : ShortList(addresses, 5), ")");
}

std::vector<std::pair<std::string, std::string>> TargetLines(const View& view,
                                                             const v1::Route& route,
                                                             const match::RequestView& request) {
  std::vector<std::pair<std::string, std::string>> lines;
  std::string upstream = route.upstream();
  const Upstreams* upstreams = &route.upstreams();
  const v1::Sticky* sticky = &route.sticky();
  if (!route.service().empty()) {
    const v1::Resource* service = view.Find(Kind::kService, route.service());
    lines.emplace_back("service",
                       route.service() + (service == nullptr ? " (does not exist)" : ""));
    if (service != nullptr) {
      upstream = service->service().upstream();
      upstreams = &service->service().upstreams();
      sticky = &service->service().sticky();
    }
  }
  if (!upstreams->empty()) {
    lines.emplace_back("upstream", Chosen(view, *upstreams, *sticky, request));
  } else {
    lines.emplace_back("upstream", upstream.empty() ? "none: a plugin answers"
                                                    : DescribedUpstream(view, upstream));
  }
  for (const v1::Route::Mirror& mirror : route.mirrors()) {
    lines.emplace_back("mirror", absl::StrCat(mirror.percent().empty() ? "100%" : mirror.percent(),
                                              " to ", DescribedUpstream(view, mirror.upstream())));
  }
  return lines;
}

}  // namespace sluice::sluicectl
