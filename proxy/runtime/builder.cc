// A build has two halves. The first compiles everything that changed into a Draft and collects
// problems; it changes nothing here. The second cannot fail and moves the draft in.

#include "proxy/runtime/builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/validate/plugin_merge.h"
#include "api/validate/resource.h"
#include "proxy/runtime/builder_draft.h"
#include "proxy/runtime/convert.h"
#include "proxy/runtime/tls.h"

namespace sluice::runtime {

Builder::Builder(const Clock& clock, PluginMaker maker, observe::MetricRegistry& metrics,
                 observe::LogThread& log, std::vector<exchange::PinTable*> pins, std::string zone)
    : maker_(std::move(maker)),
      metrics_(metrics),
      log_(log),
      pins_(std::move(pins)),
      clusters_(clock, metrics, std::move(zone)),
      consumers_(std::make_shared<const plugins::ConsumerTable>()) {}

Builder::~Builder() = default;

Builder::Outcome Builder::Build(const Change& change) {
  Draft draft;
  Sort(change, draft);
  CompileLayers(draft);
  CompileCertificates(draft);
  CompileUpstreams(change, draft);
  CheckListeners(draft);
  CollectRoutes(draft);
  CompileRoutes(draft);
  CompileStreamRoutes(draft);
  Outcome outcome;
  if (!draft.problems.empty()) {
    outcome.problems = std::move(draft.problems);
    resource::Sort(outcome.problems);
    return outcome;
  }
  Commit(change, draft);
  outcome.result = MakeResult(change.generation);
  return outcome;
}

void Builder::Sort(const Change& change, Draft& draft) const {
  for (const Upsert& upsert : change.upserts) {
    auto parsed = std::make_shared<v1::Resource>();
    if (!parsed->ParseFromString(upsert.bytes)) {
      draft.problems.push_back({.kind = std::string(resource::KindName(upsert.key.kind)),
                                .name = upsert.key.name,
                                .problem = "its bytes are no resource"});
      continue;
    }
    if (upsert.key.kind == Kind::kRoute) draft.bytes[upsert.key.name] = upsert.bytes;
    draft.upserts[upsert.key.kind][upsert.key.name] = std::move(parsed);
  }
  for (const resource::Key& key : change.removals) draft.removals[key.kind].insert(key.name);
  if (!change.is_full) return;
  const auto remove_absent = [&draft](Kind kind, const std::string& name) {
    if (!draft.upserts[kind].contains(name)) draft.removals[kind].insert(name);
  };
  for (const auto& [kind, resources] : parsed_) {
    for (const auto& [name, resource] : resources) remove_absent(kind, name);
  }
  for (const auto& [name, entry] : routes_) remove_absent(Kind::kRoute, name);
}

void Builder::CompileLayers(Draft& draft) const {
  const auto compile = [&](Kind kind, const auto& plugins_of) {
    for (const auto& [name, resource] : draft.upserts[kind]) {
      draft.layers[kind][name] = std::make_shared<const PluginLayer>(
          CompileLayer(plugins_of(*resource), {std::string(resource::KindName(kind)), name}, maker_,
                       draft.problems));
    }
  };
  compile(Kind::kService, [](const v1::Resource& r) { return r.service().plugins(); });
  compile(Kind::kPluginSet, [](const v1::Resource& r) { return r.plugin_set().plugins(); });
  compile(Kind::kGlobalRule, [](const v1::Resource& r) { return r.global_rule().plugins(); });
  compile(Kind::kConsumer, [](const v1::Resource& r) { return r.consumer().plugins(); });
  compile(Kind::kConsumerGroup, [](const v1::Resource& r) { return r.consumer_group().plugins(); });
}

void Builder::CompileCertificates(Draft& draft) const {
  for (const auto& [name, resource] : draft.upserts[Kind::kCertificate]) {
    draft.certificates[name] = ToCertificate(*resource, draft.problems);
  }
}

std::shared_ptr<const net::tls::Certificate> Builder::FindCertificate(
    const Draft& draft, const std::string& name) const {
  if (const auto it = draft.certificates.find(name); it != draft.certificates.end()) {
    return it->second;
  }
  const auto it = certificates_.find(name);
  return it != certificates_.end() ? it->second : nullptr;
}

// One whose client certificate changes changes itself.
void Builder::CompileUpstreams(const Change& change, Draft& draft) {
  Parsed& upserts = draft.upserts[Kind::kUpstream];
  for (const auto& [name, resource] : upstreams_with_certificate_) {
    const bool stays = !change.is_full && !draft.removals[Kind::kUpstream].contains(name);
    if (stays && draft.certificates.contains(resource->upstream().tls().certificate())) {
      upserts.try_emplace(name, resource);
    }
  }
  const auto find = [&](const std::string& name) { return FindCertificate(draft, name); };
  for (const auto& [name, resource] : upserts) {
    if (!resource->upstream().has_tls()) continue;
    draft.upstream_tls[name] = ToUpstreamTls(*resource, find, system_trust_, draft.problems);
  }
}

void Builder::CheckListeners(Draft& draft) const {
  for (const auto& [name, resource] : draft.upserts[Kind::kListener]) {
    CheckListener(*resource, draft);
  }
  const auto present = parsed_.find(Kind::kListener);
  if (draft.certificates.empty() || present == parsed_.end()) return;
  for (const auto& [name, resource] : present->second) {
    const bool stays =
        !draft.listeners.contains(name) && !draft.removals[Kind::kListener].contains(name);
    if (stays && UsesChangedCertificate(*resource, draft)) CheckListener(*resource, draft);
  }
}

bool Builder::UsesChangedCertificate(const v1::Resource& listener, const Draft& draft) const {
  const auto& names = listener.listener().tls().certificates();
  return std::any_of(names.begin(), names.end(), [&draft](const std::string& name) {
    return draft.certificates.contains(name);
  });
}

void Builder::CheckListener(const v1::Resource& resource, Draft& draft) const {
  ListenerSpec& spec = draft.listeners[resource.name()];
  spec = ToListenerSpec(resource, draft.problems);
  if (resource.listener().has_access_log()) {
    spec.access_log = ToAccessLog(resource, log_, draft.problems);
  }
  if (!resource.listener().has_tls()) return;
  const auto find = [&](const std::string& name) { return FindCertificate(draft, name); };
  spec.tls = ToServerContext(resource, find, tickets_->Of(resource.name()), draft.problems);
}

void Builder::CollectRoutes(Draft& draft) const {
  draft.routes = draft.upserts[Kind::kRoute];
  draft.keeps_shared_chains = !draft.Touches(Kind::kService) && !draft.Touches(Kind::kPluginSet);
  for (const Kind kind : {Kind::kService, Kind::kPluginSet}) {
    for (const auto& [name, resource] : draft.upserts[kind]) {
      const auto users = users_.find(UseKey(kind, name));
      if (users == users_.end()) continue;
      for (const std::string& route : users->second) {
        if (draft.routes.contains(route) || draft.removals[Kind::kRoute].contains(route)) continue;
        auto parsed = std::make_shared<v1::Resource>();
        parsed->ParseFromString(routes_.at(route).bytes);
        draft.routes[route] = std::move(parsed);
      }
    }
  }
}

const v1::Resource* Builder::FindParsed(const Draft& draft, Kind kind,
                                        const std::string& name) const {
  if (const auto upserts = draft.upserts.find(kind); upserts != draft.upserts.end()) {
    const auto it = upserts->second.find(name);
    if (it != upserts->second.end()) return it->second.get();
  }
  const auto resources = parsed_.find(kind);
  if (resources == parsed_.end()) return nullptr;
  const auto it = resources->second.find(name);
  return it == resources->second.end() ? nullptr : it->second.get();
}

const PluginLayer* Builder::FindLayer(const Draft& draft, Kind kind,
                                      const std::string& name) const {
  if (const auto layers = draft.layers.find(kind); layers != draft.layers.end()) {
    const auto it = layers->second.find(name);
    if (it != layers->second.end()) return it->second.get();
  }
  const auto layers = layers_.find(kind);
  if (layers == layers_.end()) return nullptr;
  const auto it = layers->second.find(name);
  return it == layers->second.end() ? nullptr : it->second.get();
}

// Without a route's own, which are not kept.
std::vector<const PluginLayer*> Builder::LayersOf(const Draft& draft,
                                                  const v1::Resource& resource) const {
  std::vector<const PluginLayer*> layers;
  validate::ForEachPluginLayer(resource, [&](Kind kind, const std::string& name) {
    if (const PluginLayer* layer = FindLayer(draft, kind, name)) layers.push_back(layer);
  });
  return layers;
}

void Builder::CompileRoutes(Draft& draft) {
  for (const auto& [name, resource] : draft.routes) {
    exchange::CompiledRoute compiled = ToCompiledRoute(*resource);
    absl::StatusOr<std::shared_ptr<const match::CompiledSpec>> spec =
        match::Compile(validate::RouteSpecOf(*resource));
    if (!spec.ok()) {
      draft.problems.push_back(
          {.kind = "Route", .name = name, .problem = std::string(spec.status().message())});
      continue;
    }
    compiled.spec = *std::move(spec);
    const ChainPair chains = ChainsOf(*resource, draft);
    compiled.SetChains({chains.early, chains.late});
    const v1::Route& route = resource->route();
    const v1::Resource* service =
        route.service().empty() ? nullptr : FindParsed(draft, Kind::kService, route.service());
    compiled.upstream = service != nullptr ? service->service().upstream() : route.upstream();
    compiled.traffic = ToRouteTraffic(*resource, service, draft.problems);
    compiled.has_split = compiled.traffic != nullptr && compiled.traffic->split != nullptr;
    compiled.has_mirrors = compiled.traffic != nullptr && !compiled.traffic->mirrors.empty();
    draft.compiled.emplace(name, std::move(compiled));
  }
}

ChainPair Builder::ChainsOf(const v1::Resource& resource, Draft& draft) {
  const v1::Route& route = resource.route();
  const std::vector<const PluginLayer*> layers = LayersOf(draft, resource);
  const std::vector<std::string> order(route.plugin_order().begin(), route.plugin_order().end());
  if (!route.plugins().empty()) {
    const PluginLayer own =
        CompileLayer(route.plugins(), {"Route", resource.name()}, maker_, draft.problems);
    std::vector<const PluginLayer*> all = layers;
    all.push_back(&own);
    return MergeLayers(all, order);
  }
  const std::string key =
      absl::StrCat(route.service(), "\n", absl::StrJoin(route.plugin_sets(), ","), "\n",
                   absl::StrJoin(order, ","));
  if (draft.keeps_shared_chains) {
    const auto known = shared_chains_.find(key);
    if (known != shared_chains_.end()) return known->second;
  }
  const auto [it, is_new] = draft.shared_chains.try_emplace(key);
  if (is_new) it->second = MergeLayers(layers, order);
  return it->second;
}

}  // namespace sluice::runtime
