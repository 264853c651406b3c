// Resources to the plain structures of the data path. Fields that are not set get their documented
// defaults here, and only here.
#pragma once

#include <memory>
#include <vector>

#include "api/resource/problem.h"
#include "proxy/exchange/config.h"
#include "proxy/runtime/snapshot.h"
#include "proxy/upstream/settings.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::runtime {

// Name, timeouts and plugin order; chains and slots are the builder's.
exchange::CompiledRoute ToCompiledRoute(const v1::Resource& route);

// Without what the builder keeps: its spec, metrics and cluster.
stream::CompiledStreamRoute ToCompiledStreamRoute(const v1::Resource& route);

// Whether its connections go where stream routes say.
bool IsStream(const v1::Listener& listener);

// Settings of a listener, without rules and metrics. A bad address is added to `problems`.
ListenerSpec ToListenerSpec(const v1::Resource& listener, std::vector<resource::Problem>& problems);
// Fills what a listener says about its requests.
void FillRules(const v1::Resource& listener, exchange::ListenerRules& rules);

// Opens the listener's access log; null, with a problem, if its format cannot be compiled.
std::shared_ptr<const exchange::AccessLog> ToAccessLog(const v1::Resource& listener,
                                                       observe::LogThread& log,
                                                       std::vector<resource::Problem>& problems);

// Split and mirrors of a route; null if it has neither. `service` is the one that it names, or
// null. Slots and leases are the builder's. Conditions that cannot be compiled are added to
// `problems`.
std::unique_ptr<exchange::RouteTraffic> ToRouteTraffic(const v1::Resource& route,
                                                       const v1::Resource* service,
                                                       std::vector<resource::Problem>& problems);

std::shared_ptr<const upstream::RetryPolicy> ToRetryPolicy(const v1::Retry& retry);

std::shared_ptr<const upstream::OutlierPolicy> ToOutlierPolicy(const v1::OutlierDetection& config);
upstream::CheckSpec ToCheckSpec(const v1::HealthCheck& check);

// How it chooses among endpoints, for a proxy in `own_zone`.
void FillBalancing(const v1::Upstream& upstream, const std::string& own_zone,
                   upstream::Settings& settings);

// Of a `subset`; null if it asks for none.
std::shared_ptr<const upstream::SubsetChoice> ToSubsetChoice(
    const google::protobuf::Map<std::string, std::string>& subset);

// Without what the builder keeps (metrics, breaker and TLS), and what FillBalancing() does.
upstream::Settings ToUpstreamSettings(const v1::Resource& upstream);

}  // namespace sluice::runtime
