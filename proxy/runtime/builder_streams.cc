// Stream routes: compiled with the rest of a draft, and put into a table for each listener whose
// connections they take. There are few of them, so each change makes these tables anew.

#include <algorithm>
#include <utility>

#include "api/validate/resource.h"
#include "proxy/runtime/builder.h"
#include "proxy/runtime/builder_draft.h"
#include "proxy/runtime/convert.h"

namespace sluice::runtime {

void Builder::CompileStreamRoutes(Draft& draft) const {
  for (const auto& [name, resource] : draft.upserts[Kind::kStreamRoute]) {
    stream::CompiledStreamRoute compiled = ToCompiledStreamRoute(*resource);
    absl::StatusOr<std::shared_ptr<const match::CompiledSpec>> spec =
        match::Compile(validate::StreamSpecOf(*resource));
    if (!spec.ok()) {
      draft.problems.push_back(
          {.kind = "StreamRoute", .name = name, .problem = std::string(spec.status().message())});
      continue;
    }
    compiled.spec = *std::move(spec);
    draft.stream_routes.emplace(name, std::move(compiled));
  }
}

void Builder::CommitStreamRoutes(Draft& draft) {
  for (const std::string& name : draft.removals[Kind::kStreamRoute]) {
    const auto it = stream_routes_.find(name);
    if (it == stream_routes_.end()) continue;
    Retire(it->second);
    stream_routes_.erase(it);
  }
  for (auto& [name, compiled] : draft.stream_routes) {
    if (std::shared_ptr<ClusterLease> lease = clusters_.Lease(compiled.upstream)) {
      compiled.cluster_slot = lease->slot();
      compiled.cluster_lease = std::move(lease);
    }
    auto handle = std::make_shared<observe::GroupHandle<observe::StreamRouteMetric>>(
        metrics_.Acquire<observe::StreamRouteMetric>({name}));
    compiled.metrics = handle->group();
    compiled.metrics_owner = std::move(handle);
    Retire(std::exchange(stream_routes_[name], Pin(std::move(compiled))));
  }
}

// Null for a listener that speaks HTTP.
std::shared_ptr<const stream::Rules> Builder::StreamRulesOf(const std::string& listener) const {
  const v1::Listener& config = parsed_.at(Kind::kListener).at(listener)->listener();
  if (!IsStream(config)) return nullptr;
  auto rules = std::make_shared<stream::Rules>();
  rules->reads_client_hello = config.protocol() == v1::Listener::PROTOCOL_TLS_PASSTHROUGH;
  std::vector<match::Table::Route> served;
  for (const auto& [name, compiled] : stream_routes_) {
    const auto& names = parsed_.at(Kind::kStreamRoute).at(name)->stream_route().listeners();
    const bool is_served =
        names.empty() || std::find(names.begin(), names.end(), listener) != names.end();
    if (is_served) served.push_back({compiled->spec, reinterpret_cast<uint64_t>(compiled.get())});
  }
  rules->routes = rules->routes.With({}, served);
  return rules;
}

}  // namespace sluice::runtime
