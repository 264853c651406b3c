#include "proxy/upstream/health/monitor.h"

#include <utility>

namespace sluice::upstream::health {

HealthMonitor::HealthMonitor(net::IoContext& io, observe::WorkerMetrics& metrics, uint64_t seed)
    : io_(io), context_(PoolContext{io, metrics, scratch_head_}, seed) {}

HealthMonitor::~HealthMonitor() = default;

void HealthMonitor::Apply(std::vector<Step> steps) {
  for (Step& step : steps) steps_.push_back(std::move(step));
  if (!steps_.empty()) io_.loop.Schedule(*this, event::Phase::kReady);
}

void HealthMonitor::Stop() {
  steps_.clear();
  by_name_.clear();
  upstreams_.clear();
}

void HealthMonitor::Run() {
  for (size_t work = 0; !steps_.empty() && work < kWorkPerTurn;) {
    Step step = std::move(steps_.front());
    steps_.pop_front();
    work += 1 + (step.endpoints == nullptr ? 0 : step.endpoints->endpoints.size());
    Take(step);
  }
  if (!steps_.empty()) io_.loop.Schedule(*this, event::Phase::kReady);
}

void HealthMonitor::Take(Step& step) {
  const auto known = upstreams_.find(step.slot);
  const bool is_known = known != upstreams_.end();
  if (step.settings == nullptr) {
    if (is_known) Remove(step.slot);
    return;
  }
  if (is_known) {
    return known->second->Update(std::move(step.settings), *step.endpoints);
  }
  if (!UpstreamHealth::IsNeeded(*step.settings)) return;
  std::unique_ptr<UpstreamHealth>& upstream = upstreams_[step.slot];
  upstream = std::make_unique<UpstreamHealth>(context_);
  by_name_[step.settings->name] = upstream.get();
  upstream->Update(std::move(step.settings), *step.endpoints);
}

void HealthMonitor::Remove(uint32_t slot) {
  const auto it = upstreams_.find(slot);
  const auto named = by_name_.find(it->second->settings().name);
  if (named != by_name_.end() && named->second == it->second.get()) by_name_.erase(named);
  upstreams_.erase(it);
}

std::optional<EndpointReport> HealthMonitor::Find(absl::string_view upstream,
                                                  const net::Address& address) const {
  const auto it = by_name_.find(upstream);
  const EndpointWatch* watch = it == by_name_.end() ? nullptr : it->second->Find(address);
  if (watch == nullptr) return std::nullopt;
  return watch->Report();
}

HealthMonitor::Unhealthy HealthMonitor::ListUnhealthy(size_t most) const {
  Unhealthy unhealthy{.count = context_.unhealthy.size(), .first = {}};
  for (const auto& [key, watch] : context_.unhealthy) {
    if (unhealthy.first.size() == most) break;
    unhealthy.first.push_back(watch->Report());
  }
  return unhealthy;
}

}  // namespace sluice::upstream::health
