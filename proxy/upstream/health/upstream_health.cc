#include "proxy/upstream/health/upstream_health.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/health/rates.h"

namespace sluice::upstream::health {

UpstreamHealth::UpstreamHealth(CheckContext& context)
    : context_(context),
      tick_(context.pools.io.loop.timers(),
            &event::Timer::Call<UpstreamHealth, &UpstreamHealth::OnTick>, this) {}

void UpstreamHealth::Update(std::shared_ptr<const Settings> settings,
                            const EndpointSet& endpoints) {
  if (settings != settings_) {
    settings_ = std::move(settings);
    plans_.clear();
    for (size_t i = 0; settings_->checks != nullptr && i < settings_->checks->size(); ++i) {
      plans_.push_back(MakePlan(settings_, i));
    }
  }
  absl::flat_hash_map<net::Address, std::unique_ptr<EndpointWatch>> before =
      std::exchange(watches_, {});
  for (const auto& endpoint : endpoints.endpoints) {
    std::unique_ptr<EndpointWatch>& watch = watches_[endpoint->address];
    const auto known = before.find(endpoint->address);
    // An address that went and came back is another endpoint, with another EndpointHealth.
    if (known != before.end() && &known->second->health() == endpoint->health.get()) {
      watch = std::move(known->second);
      before.erase(known);
    } else {
      watch = std::make_unique<EndpointWatch>(context_, settings_, *endpoint);
    }
    watch->Adopt(settings_, *endpoint, plans_);
  }
  ArmTick();
}

bool UpstreamHealth::NeedsTick() const {
  if (settings_->outlier != nullptr || !IsNeeded(*settings_)) return true;
  if (settings_->board->ejections().ejected() > 0) return true;
  if (had_traffic_) return false;
  return std::any_of(
      settings_->checks->begin(), settings_->checks->end(),
      [](const CheckSpec& check) { return check.no_traffic_interval_ns > check.interval_ns; });
}

void UpstreamHealth::ArmTick() {
  if (!NeedsTick()) return tick_.Cancel();
  const int64_t now = context_.pools.io.loop.now_ns();
  if (settings_->outlier == nullptr) {
    compare_at_ns_ = kNever;
    return tick_.SetAt(now + kTickNs);
  }
  compare_at_ns_ = std::min(compare_at_ns_, now + settings_->outlier->interval_ns);
  tick_.SetAt(std::min(now + kTickNs, compare_at_ns_));
}

void UpstreamHealth::OnTick() {
  HealthBoard& board = *settings_->board;
  if (!had_traffic_ && board.has_traffic()) {
    had_traffic_ = true;
    for (const auto& [address, watch] : watches_) watch->OnTraffic();
  }
  const int64_t now = context_.pools.io.loop.now_ns();
  if (settings_->outlier != nullptr && now >= compare_at_ns_) {
    CompareRates();
    compare_at_ns_ = kNever;
  }
  if (board.ejections().ejected() > 0 || board.version() != seen_version_) {
    for (const auto& [address, watch] : watches_) {
      // Without a policy nobody is ejected any more: somebody was, by a worker that came late.
      if (settings_->outlier == nullptr || watch->is_due(now)) watch->Uneject();
      watch->Recount();
    }
    seen_version_ = board.version();
  }
  ArmTick();
}

void UpstreamHealth::CompareRates() {
  const OutlierPolicy& policy = *settings_->outlier;
  std::vector<EndpointWatch*> compared;
  std::vector<OutlierRecord::Rates> rates;
  const int64_t now = context_.pools.io.loop.now_ns();
  for (const auto& [address, watch] : watches_) {
    DecayEjections(policy, watch->health(), now);
    const OutlierRecord::Rates of_interval = TakeRates(watch->health());
    if (watch->is_ejected()) continue;
    compared.push_back(watch.get());
    rates.push_back(of_interval);
  }
  if (!policy.counts_rates()) return;
  for (const auto& [index, why] : FindOutliers(policy, rates)) compared[index]->Eject(why);
}

const EndpointWatch* UpstreamHealth::Find(const net::Address& address) const {
  const auto it = watches_.find(address);
  return it == watches_.end() ? nullptr : it->second.get();
}

}  // namespace sluice::upstream::health
