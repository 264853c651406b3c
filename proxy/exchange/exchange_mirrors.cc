// Copies of the request to other upstreams: which, and that nothing of them is waited for.

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/mirror.h"

namespace sluice::exchange {

using observe::BreakerLimit;
using observe::UpstreamMetric;

void Exchange::StartFirstAttempt() {
  if (route_->has_mirrors && request_.upgrade.empty() && !is_connect()) BeginMirrors();
  StartAttempt(upstream::Permit());
}

void Exchange::BeginMirrors() {
  for (const MirrorTarget& target : route_->traffic->mirrors) {
    if (target.percent < 100 && worker_.random.Next() % 100 >= target.percent) continue;
    if (target.cluster_slot >= worker_.clusters.size()) continue;
    upstream::Cluster* const cluster = worker_.clusters[target.cluster_slot].get();
    if (cluster == nullptr) continue;
    const upstream::Settings& settings = cluster->settings();
    upstream::PickRequest pick;
    const std::optional<uint32_t> endpoint = PickIn(*cluster, target.subset.get(), pick);
    if (!endpoint || worker_.io.pool.is_exhausted()) {
      Mirror::CountDropped(worker_, *cluster);
      continue;
    }
    if (!settings.breaker->requests.TryTake(settings.breaker_limits.requests)) {
      worker_.metrics.Add(settings.metrics, UpstreamMetric::kOverflows, BreakerLimit::kRequests);
      Mirror::CountDropped(worker_, *cluster);
      continue;
    }
    Mirror::Begin(mirrors_, worker_, *cluster, *endpoint,
                  upstream::Permit(settings.breaker->requests),
                  {.head = request_,
                   .authority = AuthorityFor(settings, *cluster->endpoints().endpoints[*endpoint]),
                   .body = body_,
                   .is_complete = request_passed_,
                   .trailers = request_trailers_,
                   .prelude = ProxyHeaderFor(settings),
                   .timeout_ns = route_->timeout_ns});
  }
}

}  // namespace sluice::exchange
