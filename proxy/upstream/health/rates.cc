#include "proxy/upstream/health/rates.h"

#include <cmath>

namespace sluice::upstream::health {
namespace {

double FailureRate(const OutlierRecord::Rates& rates) {
  return static_cast<double>(rates.failures) / rates.requests;
}

// Those with enough requests, if they are enough to compare.
std::vector<size_t> Comparable(const std::vector<OutlierRecord::Rates>& rates,
                               uint32_t request_volume, uint32_t minimum_hosts) {
  std::vector<size_t> hosts;
  for (size_t i = 0; i < rates.size(); ++i) {
    if (rates[i].requests >= request_volume) hosts.push_back(i);
  }
  if (hosts.size() < minimum_hosts) hosts.clear();
  return hosts;
}

// The rate of failures above which one stands out.
double Bound(const std::vector<OutlierRecord::Rates>& rates, const std::vector<size_t>& hosts,
             double stdev_factor) {
  double mean = 0;
  for (const size_t host : hosts) mean += FailureRate(rates[host]);
  mean /= static_cast<double>(hosts.size());
  double variance = 0;
  for (const size_t host : hosts) variance += std::pow(FailureRate(rates[host]) - mean, 2);
  variance /= static_cast<double>(hosts.size());
  return mean + stdev_factor * std::sqrt(variance);
}

}  // namespace

std::vector<std::pair<size_t, Ejection>> FindOutliers(
    const OutlierPolicy& policy, const std::vector<OutlierRecord::Rates>& rates) {
  std::vector<std::pair<size_t, Ejection>> outliers;
  std::vector<bool> is_found(rates.size());
  const auto add = [&](size_t host, Ejection why) {
    if (!is_found[host]) outliers.emplace_back(host, why);
    is_found[host] = true;
  };
  if (policy.success_rate.is_enforced) {
    const std::vector<size_t> hosts =
        Comparable(rates, policy.success_rate.request_volume, policy.success_rate.minimum_hosts);
    const double bound = hosts.empty() ? 0 : Bound(rates, hosts, policy.success_rate.stdev_factor);
    for (const size_t host : hosts) {
      // More than rounding: where all fail alike nobody stands out.
      if (FailureRate(rates[host]) > bound + 1e-9) add(host, Ejection::kSuccessRate);
    }
  }
  if (policy.failure_percentage.is_enforced) {
    for (const size_t host : Comparable(rates, policy.failure_percentage.request_volume,
                                        policy.failure_percentage.minimum_hosts)) {
      if (FailureRate(rates[host]) * 100 >= policy.failure_percentage.threshold) {
        add(host, Ejection::kFailurePercentage);
      }
    }
  }
  return outliers;
}

}  // namespace sluice::upstream::health
