// The second half of a build: moves a draft into the builder's state. Nothing here fails.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proxy/runtime/builder.h"
#include "proxy/runtime/builder_draft.h"
#include "proxy/runtime/convert.h"

namespace sluice::runtime {
namespace {

// The 32 bytes of a stored credential, "sha256:" and hexadecimal digits.
std::string CredentialDigest(absl::string_view stored) {
  absl::ConsumePrefix(&stored, "sha256:");
  return absl::HexStringToBytes(stored);
}

}  // namespace

uint32_t Builder::TakePin() {
  if (!free_pins_.empty()) {
    const uint32_t slot = free_pins_.back();
    free_pins_.pop_back();
    return slot;
  }
  for (exchange::PinTable* pins : pins_) pins->Cover(next_pin_);
  return next_pin_++;
}

void Builder::Retire(std::shared_ptr<const exchange::Pinned> object) {
  if (object != nullptr) retired_.push_back(std::move(object));
}

bool Builder::Reap() {
  clusters_.Reap();
  std::erase_if(retired_, [this](const std::shared_ptr<const exchange::Pinned>& object) {
    const bool is_used = std::any_of(pins_.begin(), pins_.end(), [&](const auto* pins) {
      return pins->CountFromAnyThread(object->pin_slot) != 0;
    });
    if (!is_used) free_pins_.push_back(object->pin_slot);
    return !is_used;
  });
  return clusters_.has_steps();
}

void Builder::Commit(const Change& change, Draft& draft) {
  CommitClusters(change, draft);
  plugins::ConsumerTable consumers = *consumers_;
  const std::set<std::string> changed_consumers = ChangedConsumers(draft);
  RemoveCredentials(changed_consumers, consumers);
  if (!draft.keeps_shared_chains) shared_chains_.clear();
  shared_chains_.insert(std::make_move_iterator(draft.shared_chains.begin()),
                        std::make_move_iterator(draft.shared_chains.end()));
  for (auto& [kind, resources] : draft.upserts) {
    if (kind == Kind::kRoute || kind == Kind::kUpstream) continue;
    for (auto& [name, resource] : resources) parsed_[kind][name] = resource;
  }
  for (auto& [name, certificate] : draft.certificates) certificates_[name] = certificate;
  for (const std::string& name : draft.removals[Kind::kCertificate]) certificates_.erase(name);
  for (auto& [kind, layers] : draft.layers) {
    for (auto& [name, layer] : layers) layers_[kind][name] = layer;
  }
  for (const auto& [kind, names] : draft.removals) {
    for (const std::string& name : names) {
      if (const auto it = parsed_.find(kind); it != parsed_.end()) it->second.erase(name);
      if (const auto it = layers_.find(kind); it != layers_.end()) it->second.erase(name);
    }
  }
  CommitStreamRoutes(draft);
  CommitListeners(draft);
  CommitTickets(change, draft);
  if (changed_consumers.empty()) return;
  InsertConsumers(changed_consumers, draft, consumers);
  consumers_ = std::make_shared<const plugins::ConsumerTable>(std::move(consumers));
}

void Builder::CommitClusters(const Change& change, Draft& draft) {
  NoteUpstreamCertificates(change, draft);
  for (const auto& [name, resource] : draft.upserts[Kind::kUpstream]) {
    const auto tls = draft.upstream_tls.find(name);
    clusters_.Upsert(*resource, tls == draft.upstream_tls.end() ? nullptr : tls->second);
  }
  if (change.is_full) {
    clusters_.ClearEndpoints();
    clusters_.RemoveAbsent(draft.upserts[Kind::kUpstream]);
  }
  for (const std::string& name : draft.removals[Kind::kUpstream]) clusters_.Remove(name);
  for (const auto& endpoint : change.endpoint_upserts) clusters_.UpsertEndpoint(endpoint);
  for (const auto& endpoint : change.endpoint_removals) clusters_.RemoveEndpoint(endpoint);
}

void Builder::CommitTickets(const Change& change, Draft& draft) {
  for (const GivenTicketKeys& given : change.ticket_upserts) tickets_->Give(given);
  for (const std::string& listener : change.ticket_removals) tickets_->TakeBack(listener);
  for (const std::string& name : draft.removals[Kind::kListener]) tickets_->Forget(name);
}

void Builder::NoteUpstreamCertificates(const Change& change, Draft& draft) {
  if (change.is_full) upstreams_with_certificate_.clear();
  for (const std::string& name : draft.removals[Kind::kUpstream]) {
    upstreams_with_certificate_.erase(name);
  }
  for (const auto& [name, resource] : draft.upserts[Kind::kUpstream]) {
    if (resource->upstream().tls().certificate().empty()) {
      upstreams_with_certificate_.erase(name);
    } else {
      upstreams_with_certificate_[name] = resource;
    }
  }
}

// Those that are upserted or removed, and those of groups that are.
std::set<std::string> Builder::ChangedConsumers(const Draft& draft) const {
  std::set<std::string> names;
  const auto was_changed = [&draft](Kind kind, const std::string& name) {
    const auto upserted = draft.upserts.find(kind);
    const auto removed = draft.removals.find(kind);
    return (upserted != draft.upserts.end() && upserted->second.contains(name)) ||
           (removed != draft.removals.end() && removed->second.contains(name));
  };
  if (draft.Touches(Kind::kConsumerGroup)) {
    const auto consumers = parsed_.find(Kind::kConsumer);
    if (consumers != parsed_.end()) {
      for (const auto& [name, resource] : consumers->second) {
        if (was_changed(Kind::kConsumerGroup, resource->consumer().consumer_group())) {
          names.insert(name);
        }
      }
    }
  }
  if (const auto it = draft.upserts.find(Kind::kConsumer); it != draft.upserts.end()) {
    for (const auto& [name, resource] : it->second) names.insert(name);
  }
  if (const auto it = draft.removals.find(Kind::kConsumer); it != draft.removals.end()) {
    names.insert(it->second.begin(), it->second.end());
  }
  return names;
}

// Of all before any is inserted: a credential may go from one consumer to another.
void Builder::RemoveCredentials(const std::set<std::string>& names,
                                plugins::ConsumerTable& table) const {
  const auto consumers = parsed_.find(Kind::kConsumer);
  if (consumers == parsed_.end()) return;
  for (const std::string& name : names) {
    const auto it = consumers->second.find(name);
    if (it == consumers->second.end()) continue;
    for (const v1::KeyAuthCredential& credential :
         it->second->consumer().credentials().key_auth()) {
      table.Remove("key_auth", CredentialDigest(credential.key()));
    }
  }
}

// Those of the names that there are now.
void Builder::InsertConsumers(const std::set<std::string>& names, const Draft& draft,
                              plugins::ConsumerTable& table) const {
  const auto consumers = parsed_.find(Kind::kConsumer);
  if (consumers == parsed_.end()) return;
  for (const std::string& name : names) {
    const auto it = consumers->second.find(name);
    if (it == consumers->second.end()) continue;
    const v1::Consumer& config = it->second->consumer();
    auto consumer = std::make_shared<plugins::Consumer>();
    consumer->name = name;
    consumer->group = config.consumer_group();
    consumer->overlay = MakeOverlay(LayersOf(draft, *it->second));
    for (const v1::KeyAuthCredential& credential : config.credentials().key_auth()) {
      table.Insert("key_auth", CredentialDigest(credential.key()), consumer);
    }
  }
}

bool Builder::IsServedBy(const v1::Resource& resource, const std::string& listener) const {
  const auto& names = resource.route().listeners();
  return names.empty() || std::find(names.begin(), names.end(), listener) != names.end();
}

void Builder::LeaseClusters(exchange::CompiledRoute& route) {
  const auto lease = [this](const std::string& upstream, auto& target) {
    std::shared_ptr<ClusterLease> lease = clusters_.Lease(upstream);
    if (lease == nullptr) return;
    target.cluster_slot = lease->slot();
    target.cluster_lease = std::move(lease);
  };
  lease(route.upstream, route);
  if (route.has_split) {
    for (exchange::SplitTarget& each : route.traffic->split->targets()) lease(each.upstream, each);
  }
  if (route.has_mirrors) {
    for (exchange::MirrorTarget& each : route.traffic->mirrors) lease(each.upstream, each);
  }
}

void Builder::CommitListeners(Draft& draft) {
  // Routes first: listeners that stay take only what changed.
  std::vector<std::string> removed;
  for (const std::string& name : draft.removals[Kind::kRoute]) {
    const auto it = routes_.find(name);
    if (it == routes_.end()) continue;
    ForgetUses(it->second.bytes, name);
    Retire(it->second.compiled);
    routes_.erase(it);
    removed.push_back(name);
  }
  for (auto& [name, compiled] : draft.compiled) {
    RouteEntry& entry = routes_[name];
    if (!entry.bytes.empty()) ForgetUses(entry.bytes, name);
    if (const auto bytes = draft.bytes.find(name); bytes != draft.bytes.end()) {
      entry.bytes = std::string(bytes->second);
    }
    NoteUses(*draft.routes.at(name), name);
    LeaseClusters(compiled);
    auto handle = std::make_shared<observe::GroupHandle<observe::RouteMetric>>(
        metrics_.Acquire<observe::RouteMetric>({name}));
    compiled.metrics = handle->group();
    compiled.metrics_owner = std::move(handle);
    Retire(std::exchange(entry.compiled, Pin(std::move(compiled))));
  }
  for (const std::string& name : draft.removals[Kind::kListener]) {
    const auto it = listeners_.find(name);
    if (it == listeners_.end()) continue;
    Retire(it->second.global);
    listeners_.erase(it);
  }
  for (auto& [name, entry] : listeners_) UpdateRoutes(name, entry, removed, draft);
  for (auto& [name, spec] : draft.listeners) {
    if (!listeners_.contains(name)) AddListener(name);
  }
  for (auto& [name, entry] : listeners_) UpdateSpec(name, entry, draft);
}

void Builder::UpdateRoutes(const std::string& name, ListenerEntry& entry,
                           const std::vector<std::string>& removed, const Draft& draft) {
  std::vector<std::string> removals = removed;
  std::vector<match::Table::Route> upserts;
  for (const auto& [route, resource] : draft.routes) {
    if (!IsServedBy(*resource, name)) {
      removals.push_back(route);
      continue;
    }
    const exchange::CompiledRoute& compiled = *routes_.at(route).compiled;
    upserts.push_back({compiled.spec, reinterpret_cast<uint64_t>(&compiled)});
  }
  if (removals.empty() && upserts.empty()) return;
  entry.routes = entry.routes.With(removals, upserts);
  entry.is_changed = true;
}

void Builder::AddListener(const std::string& name) {
  ListenerEntry& entry = listeners_[name];
  std::vector<match::Table::Route> upserts;
  for (const auto& [route, known] : routes_) {
    v1::Resource resource;
    resource.ParseFromString(known.bytes);
    if (!IsServedBy(resource, name)) continue;
    upserts.push_back({known.compiled->spec, reinterpret_cast<uint64_t>(known.compiled.get())});
  }
  entry.routes = entry.routes.With({}, upserts);
  entry.metrics =
      std::make_shared<ListenerHandle>(metrics_.Acquire<observe::ListenerMetric>({name}));
  entry.is_changed = true;
}

void Builder::UpdateSpec(const std::string& name, ListenerEntry& entry, Draft& draft) {
  if (entry.global == nullptr || draft.Touches(Kind::kGlobalRule)) {
    Retire(std::exchange(entry.global, GlobalChainOf(name)));
    entry.is_changed = true;
  }
  const bool is_stream = entry.spec != nullptr && entry.spec->stream != nullptr;
  if (is_stream && draft.Touches(Kind::kStreamRoute)) entry.is_changed = true;
  const auto changed = draft.listeners.find(name);
  if (!entry.is_changed && changed == draft.listeners.end()) return;
  ListenerSpec spec = changed != draft.listeners.end() ? std::move(changed->second) : *entry.spec;
  auto rules = std::make_shared<exchange::ListenerRules>();
  FillRules(*parsed_.at(Kind::kListener).at(name), *rules);
  rules->routes = entry.routes;
  rules->global = entry.global;
  rules->tls = spec.tls;
  spec.rules = std::move(rules);
  spec.stream = StreamRulesOf(name);
  spec.metrics = entry.metrics->group();
  spec.metrics_owner = entry.metrics;
  spec.connections = entry.connections;
  entry.spec = std::make_shared<const ListenerSpec>(std::move(spec));
  entry.is_changed = false;
}

std::shared_ptr<const exchange::GlobalChain> Builder::GlobalChainOf(const std::string& listener) {
  std::vector<const PluginLayer*> rules;
  for (const auto& [name, resource] : parsed_[Kind::kGlobalRule]) {
    const auto& names = resource->global_rule().listeners();
    const bool applies =
        names.empty() || std::find(names.begin(), names.end(), listener) != names.end();
    if (applies) rules.push_back(layers_.at(Kind::kGlobalRule).at(name).get());
  }
  exchange::GlobalChain global;
  global.chain = MakeGlobalChain(rules);
  return Pin(std::move(global));
}

void Builder::NoteUses(const v1::Resource& resource, const std::string& name) {
  for (const std::string& used : UsesOf(resource)) users_[used].insert(name);
}

void Builder::ForgetUses(const std::string& bytes, const std::string& name) {
  v1::Resource resource;
  resource.ParseFromString(bytes);
  for (const std::string& used : UsesOf(resource)) {
    const auto it = users_.find(used);
    if (it == users_.end()) continue;
    it->second.erase(name);
    if (it->second.empty()) users_.erase(it);
  }
}

std::string Builder::UseKey(Kind kind, const std::string& name) {
  return absl::StrCat(resource::KindName(kind), "/", name);
}

std::vector<std::string> Builder::UsesOf(const v1::Resource& resource) {
  std::vector<std::string> uses;
  const v1::Route& route = resource.route();
  if (!route.service().empty()) uses.push_back(UseKey(Kind::kService, route.service()));
  for (const std::string& set : route.plugin_sets()) {
    uses.push_back(UseKey(Kind::kPluginSet, set));
  }
  return uses;
}

Builder::Result Builder::MakeResult(uint64_t generation) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->generation = generation;
  for (const auto& [name, entry] : listeners_) snapshot->listeners.push_back(entry.spec);
  snapshot->consumers = consumers_;
  snapshot_ = snapshot;
  return {std::move(snapshot), clusters_.TakeSteps()};
}

Builder::Result Builder::Resolve(const std::string& host, std::vector<net::IpAddress> addresses) {
  clusters_.SetResolved(host, std::move(addresses));
  return PendingSteps();
}

Builder::Result Builder::PendingSteps() { return {snapshot_, clusters_.TakeSteps()}; }

}  // namespace sluice::runtime
