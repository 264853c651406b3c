#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/match/compiled_spec.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/plugin_map.h"
#include "api/validate/resource.h"
#include "api/validate/template.h"
#include "sluice/plugins/v1/redirect.pb.h"
#include "sluice/plugins/v1/rewrite.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::Route;

constexpr int kMaxNames = 64;
constexpr int kMaxPluginSets = 16;
constexpr int kMaxHosts = 256;
constexpr int kMaxPaths = 256;
// Each has a place in every table of the proxy, and in the index that finds routes which would
// answer the same request.
constexpr int kMaxPlaces = 4096;
constexpr int kMaxUpgrades = 8;
constexpr size_t kMaxUpgradeName = 64;
constexpr int kMaxMethods = 32;
constexpr int kMaxPredicates = 32;
constexpr int kMaxClientIps = 256;

void CheckCounts(const Route& route, const Field& field) {
  CheckCount(field.At("hosts"), route.hosts_size(), kMaxHosts, "hosts");
  CheckCount(field.At("paths"), route.paths_size(), kMaxPaths, "paths");
  CheckCount(field.At("methods"), route.methods_size(), kMaxMethods, "methods");
  CheckCount(field.At("headers"), static_cast<int>(route.headers().size()), kMaxPredicates,
             "headers");
  CheckCount(field.At("query"), static_cast<int>(route.query().size()), kMaxPredicates,
             "parameters");
  CheckCount(field.At("cookies"), static_cast<int>(route.cookies().size()), kMaxPredicates,
             "cookies");
  CheckCount(field.At("client_ips"), route.client_ips_size(), kMaxClientIps, "ranges");
}

void CheckPlaces(const Route& route, const Field& field) {
  if (route.hosts_size() > kMaxHosts || route.paths_size() > kMaxPaths) return;  // Said already.
  const int places = route.hosts_size() * route.paths_size();
  if (places <= kMaxPlaces) return;
  field.At("paths").Refuse(absl::StrCat("too many for ", route.hosts_size(), " hosts, got ", places,
                                        " pairs of host and path"),
                           absl::StrCat(kMaxPlaces, " at most, or several routes"));
}

void CheckTargets(const Route& route, const Field& field) {
  constexpr absl::string_view kWant = "one of upstream, upstreams and service";
  const bool has_upstream = !route.upstream().empty();
  if (route.upstreams_size() > 0 && (has_upstream || !route.service().empty())) {
    field.At("upstreams")
        .Refuse(absl::StrCat("given beside ", has_upstream ? "upstream" : "service"),
                std::string(kWant));
  }
  if (has_upstream && !route.service().empty()) {
    field.At("service").Refuse("given beside upstream", std::string(kWant));
  }
  CheckSplit(route.upstreams(), route.has_sticky() ? &route.sticky() : nullptr, field);
  CheckMirrors(route, field);
}

void CheckTimeouts(const Route& route, const Field& field) {
  if (route.has_timeout()) {
    CheckDuration(field.At("timeout"), route.timeout(), absl::ZeroDuration(), absl::Hours(24));
  }
  if (route.has_idle_timeout()) {
    CheckDuration(field.At("idle_timeout"), route.idle_timeout(), absl::ZeroDuration(),
                  absl::Hours(24));
  }
  if (route.has_total_timeout()) {
    CheckDuration(field.At("total_timeout"), route.total_timeout(), absl::Milliseconds(1),
                  absl::Hours(24));
  }
}

// In lower case: a name, or one, a slash and a version.
bool IsUpgrade(absl::string_view text) {
  if (text.empty() || text.size() > kMaxUpgradeName) return false;
  if (text.front() == '/' || text.back() == '/') return false;
  if (std::count(text.begin(), text.end(), '/') > 1) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
  });
}

void CheckUpgrades(const Route& route, const Field& field) {
  CheckCount(field.At("upgrades"), route.upgrades_size(), kMaxUpgrades, "upgrades");
  for (int i = 0; i < route.upgrades_size(); ++i) {
    const std::string& name = route.upgrades(i);
    // A proxy that passes HTTP on without reading it checks nothing of it.
    const bool is_http = absl::StartsWith(name, "h2") || absl::StartsWith(name, "http/");
    if (IsUpgrade(name) && !is_http) continue;
    field.At("upgrades", static_cast<size_t>(i))
        .Refuse(absl::StrCat("not a protocol to change to, got ", Quoted(name)),
                "a name in lower case, such as websocket, and not h2c");
  }
}

void CheckPluginOrder(const Route& route, const Field& field) {
  absl::flat_hash_set<std::string> seen;
  for (int i = 0; i < route.plugin_order_size(); ++i) {
    const std::string& name = route.plugin_order(i);
    const Field element = field.At("plugin_order", static_cast<size_t>(i));
    if (FindPlugin(name) == nullptr) {
      element.Refuse(absl::StrCat("no such plugin, got ", Quoted(name)), "the name of a plugin");
    } else if (!seen.insert(name).second) {
      element.Refuse(absl::StrCat("given twice, got ", Quoted(name)), "each plugin once");
    }
  }
}

// The names that a path template of the route's plugins may use.
absl::flat_hash_set<std::string> CapturesOf(const match::CompiledSpec& spec) {
  absl::flat_hash_set<std::string> names;
  for (const match::CompiledSpec::Path& path : spec.paths()) {
    if (path.regex != nullptr) {
      // A named group can be reached by its number too.
      const std::vector<std::string>& groups = path.regex->group_names();
      for (size_t i = 0; i < groups.size(); ++i) {
        names.insert(groups[i]);
        names.insert(absl::StrCat(i + 1));
      }
      continue;
    }
    match::PatternReader reader(path.text);
    for (match::PatternSegment segment; reader.Next(&segment);) {
      if (segment.kind != match::PatternSegment::Kind::kLiteral) {
        names.insert(std::string(segment.text));
      }
    }
  }
  return names;
}

template <typename Config>
void CheckCaptures(const Route& route, absl::string_view plugin,
                   const absl::flat_hash_set<std::string>& names, const Field& field) {
  const auto found = route.plugins().find(std::string(plugin));
  Config config;
  if (found == route.plugins().end() || !found->second.UnpackTo(&config)) return;
  std::vector<TemplatePart> parts;
  if (config.path().empty() || ParsePathTemplate(config.path(), &parts).has_value()) return;
  for (const TemplatePart& part : parts) {
    if (part.variable != Variable::kCapture || names.contains(part.text)) continue;
    field.At("plugins").At(plugin).At("path").Refuse(
        absl::StrCat("no path of the route has a capture ", Quoted(part.text)),
        "a variable of `paths`, or the number of a group");
  }
}

}  // namespace

match::RouteSpec RouteSpecOf(const v1::Resource& resource) {
  const Route& route = resource.route();
  match::RouteSpec spec;
  spec.name = resource.name();
  spec.hosts.assign(route.hosts().begin(), route.hosts().end());
  spec.paths.assign(route.paths().begin(), route.paths().end());
  spec.methods.assign(route.methods().begin(), route.methods().end());
  spec.headers = {route.headers().begin(), route.headers().end()};
  spec.query = {route.query().begin(), route.query().end()};
  spec.cookies = {route.cookies().begin(), route.cookies().end()};
  spec.client_ips.assign(route.client_ips().begin(), route.client_ips().end());
  spec.priority = route.priority();
  return spec;
}

void CheckRoute(const v1::Resource& resource, const Field& field) {
  const Route& route = resource.route();
  CheckNames(route.listeners(), kMaxNames, field, "listeners");
  CheckNames(route.groups(), kMaxNames, field, "groups");
  CheckCounts(route, field);
  CheckPlaces(route, field);
  std::vector<match::SpecProblem> flaws;
  const auto spec = match::Compile(RouteSpecOf(resource), &flaws);
  for (match::SpecProblem& flaw : flaws) {
    field.At(flaw.field).Refuse(std::move(flaw.problem), std::move(flaw.want));
  }
  CheckTargets(route, field);
  CheckTimeouts(route, field);
  CheckUpgrades(route, field);
  CheckSubset(route.subset(), SubsetValues::kOrHeaders, field.At("subset"));
  if (route.has_retry()) CheckRetry(route.retry(), field.At("retry"));
  CheckNames(route.plugin_sets(), kMaxPluginSets, field, "plugin_sets");
  CheckPlugins(route.plugins(), field.At("plugins"));
  CheckPluginOrder(route, field);
  if (spec.ok()) {
    const absl::flat_hash_set<std::string> names = CapturesOf(**spec);
    CheckCaptures<plugins::v1::Redirect>(route, "redirect", names, field);
    CheckCaptures<plugins::v1::Rewrite>(route, "rewrite", names, field);
  }
}

}  // namespace sluice::validate
