// How an upstream chooses among its endpoints, as the data path has it.

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "api/validate/syntax.h"
#include "proxy/runtime/convert.h"
#include "proxy/runtime/durations.h"

namespace sluice::runtime {
namespace {

double Part(const std::string& percent, uint32_t by_default) {
  return validate::ParsePercent(percent).value_or(by_default) / 100.0;
}

std::shared_ptr<const upstream::SubsetRules> ToSubsetRules(const v1::Subsets& subsets) {
  using Fallback = upstream::SubsetRules::Fallback;
  auto rules = std::make_shared<upstream::SubsetRules>();
  for (const v1::Subsets::Selector& selector : subsets.selectors()) {
    auto& labels =
        rules->selectors.emplace_back(selector.labels().begin(), selector.labels().end());
    std::sort(labels.begin(), labels.end());
  }
  if (subsets.fallback() == v1::Subsets::FALLBACK_ANY) rules->fallback = Fallback::kAny;
  if (subsets.fallback() == v1::Subsets::FALLBACK_DEFAULT) rules->fallback = Fallback::kDefault;
  rules->default_key =
      upstream::SubsetKey({subsets.default_subset().begin(), subsets.default_subset().end()});
  return rules;
}

}  // namespace

std::shared_ptr<const upstream::SubsetChoice> ToSubsetChoice(
    const google::protobuf::Map<std::string, std::string>& subset) {
  if (subset.empty()) return nullptr;
  const upstream::Labels labels(subset.begin(), subset.end());
  auto choice = std::make_shared<upstream::SubsetChoice>();
  choice->key = upstream::SubsetKey(labels);
  for (const auto& [label, text] : labels) {
    absl::string_view value = text;
    auto& part = choice->parts.emplace_back();
    part.label = label;
    if (absl::ConsumePrefix(&value, "header:")) {
      part.header = absl::AsciiStrToLower(value);
      choice->key.clear();
    } else {
      part.value = text;
    }
  }
  return choice;
}

void FillBalancing(const v1::Upstream& upstream, const std::string& own_zone,
                   upstream::Settings& settings) {
  settings.panic_threshold = Part(upstream.panic_threshold(), 50);
  settings.fail_on_panic = upstream.fail_on_panic();
  if (upstream.has_slow_start()) {
    const v1::SlowStart& slow_start = upstream.slow_start();
    settings.slow_start.window_ns = ToNanos(slow_start.window());
    settings.slow_start.least = Part(slow_start.min_weight(), 10);
    double aggression;
    if (absl::SimpleAtod(slow_start.aggression(), &aggression)) {
      settings.slow_start.aggression = aggression;
    }
  }
  if (upstream.has_subsets()) settings.subsets = ToSubsetRules(upstream.subsets());
  if (upstream.has_zone_preference()) {
    settings.zone_preference.own_zone = own_zone;
    if (upstream.zone_preference().has_min_endpoints()) {
      settings.zone_preference.least_endpoints = upstream.zone_preference().min_endpoints();
    }
  }
}

}  // namespace sluice::runtime
