// How an Upstream chooses among its endpoints, beyond policy and hash.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/resource.h"
#include "api/validate/syntax.h"
#include "sluice/v1/route.pb.h"
#include "sluice/v1/upstream.pb.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::Upstream;

constexpr uint32_t kMaxWeight = 65535;
constexpr uint32_t kMaxPriority = 127;
constexpr uint32_t kMaxEndpoints = 4096;
constexpr int kMaxLabels = 16;
constexpr int kMaxSelectors = 8;
constexpr int kMaxSelectorLabels = 4;

using LabelMap = google::protobuf::Map<std::string, std::string>;

void CheckPercent(const Field& field, const std::string& text, uint32_t least) {
  if (text.empty()) return;
  const std::optional<uint32_t> percent = ParsePercent(text);
  if (percent.has_value() && *percent >= least) return;
  field.Refuse(absl::StrCat("no percentage, got ", Quoted(text)), absl::StrCat(least, "% to 100%"));
}

bool IsConsistent(Upstream::Policy policy) {
  return policy == Upstream::POLICY_IP_HASH || policy == Upstream::POLICY_HASH ||
         policy == Upstream::POLICY_MAGLEV;
}

void RefuseIfConsistent(const Upstream& upstream, const Field& field) {
  if (!IsConsistent(upstream.policy())) return;
  field.Refuse("has no meaning for this policy",
               "policy: round_robin, least_request, random or ewma, or the field left out");
}

void CheckSlowStart(const v1::SlowStart& slow_start, const Field& field) {
  if (slow_start.has_window()) {
    CheckDuration(field.At("window"), slow_start.window(), absl::Seconds(1), absl::Hours(1));
  }
  double aggression;
  if (!slow_start.aggression().empty() &&
      !(absl::SimpleAtod(slow_start.aggression(), &aggression) && aggression >= 0.1 &&
        aggression <= 10)) {
    field.At("aggression")
        .Refuse(absl::StrCat("out of range, got ", Quoted(slow_start.aggression())), "0.1 to 10");
  }
  CheckPercent(field.At("min_weight"), slow_start.min_weight(), 1);
}

void CheckLabels(const LabelMap& labels, int most, const Field& field) {
  CheckCount(field, static_cast<int>(labels.size()), most, "labels");
  for (const auto& [key, value] : labels) {
    field.At(key).Refuse(CheckLabelKey(key));
    field.At(key).Refuse(CheckLabelValue(value));
    if (value.empty()) field.At(key).Refuse("missing", "a value");
  }
}

// The names, sorted and joined.
template <typename Names>
std::string Joined(const Names& names) {
  std::vector<std::string> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  return absl::StrJoin(sorted, ", ");
}

void CheckSelectors(const v1::Subsets& subsets, const Field& field) {
  CheckCount(field.At("selectors"), subsets.selectors_size(), kMaxSelectors, "selectors");
  std::vector<std::string> seen;
  for (int i = 0; i < subsets.selectors_size(); ++i) {
    const auto& labels = subsets.selectors(i).labels();
    const Field selector = field.At("selectors", static_cast<size_t>(i));
    CheckCount(selector.At("labels"), labels.size(), kMaxSelectorLabels, "labels");
    for (int j = 0; j < labels.size(); ++j) {
      const Field label = selector.At("labels", static_cast<size_t>(j));
      label.Refuse(CheckLabelKey(labels[j]));
      if (std::find(labels.begin(), labels.begin() + j, labels[j]) != labels.begin() + j) {
        label.Refuse(absl::StrCat("stands twice, got ", Quoted(labels[j])), "each label once");
      }
    }
    const std::string joined = Joined(labels);
    if (std::find(seen.begin(), seen.end(), joined) != seen.end()) {
      selector.Refuse(absl::StrCat("the same labels as another selector: ", joined),
                      "each set of labels once");
    }
    seen.push_back(joined);
  }
}

void CheckDefault(const v1::Subsets& subsets, const Field& field) {
  const bool is_wanted = subsets.fallback() == v1::Subsets::FALLBACK_DEFAULT;
  if (!is_wanted && !subsets.default_subset().empty()) {
    field.Refuse("has no effect with this fallback", "fallback: default, or the field left out");
  }
  if (!is_wanted) return;
  if (subsets.default_subset().empty()) {
    return field.Refuse("missing: the fallback needs it", "labels of a selector with values");
  }
  CheckLabels(subsets.default_subset(), kMaxSelectorLabels, field);
  std::vector<std::string> names;
  for (const auto& [key, value] : subsets.default_subset()) names.push_back(key);
  for (const v1::Subsets::Selector& selector : subsets.selectors()) {
    if (Joined(selector.labels()) == Joined(names)) return;
  }
  field.Refuse(absl::StrCat("of no selector, got ", Joined(names)),
               "all labels of one of the selectors");
}

}  // namespace

void CheckSubset(const LabelMap& subset, SubsetValues values, const Field& field) {
  CheckCount(field, static_cast<int>(subset.size()), kMaxSelectorLabels, "labels");
  const bool may_be_header = values == SubsetValues::kOrHeaders;
  for (const auto& [key, value] : subset) {
    const Field label = field.At(key);
    label.Refuse(CheckLabelKey(key));
    absl::string_view name = value;
    const bool is_header = absl::ConsumePrefix(&name, "header:");
    if (is_header && !may_be_header) {
      label.Refuse("has no meaning for connections, which have no headers", "a value");
    } else if (is_header) {
      label.Refuse(CheckHeaderName(name));
    } else if (value.empty()) {
      label.Refuse("missing", may_be_header ? "a value, or header:NAME" : "a value");
    } else {
      label.Refuse(CheckLabelValue(value));
    }
  }
}

void CheckTraits(const v1::Endpoint& endpoint, const Field& field) {
  CheckRange(field.At("weight"), endpoint.weight(), 0, kMaxWeight);
  CheckRange(field.At("priority"), endpoint.priority(), 0, kMaxPriority);
  CheckLabels(endpoint.labels(), kMaxLabels, field.At("labels"));
  if (!endpoint.zone().empty() && CheckLabelKey(endpoint.zone()).has_value()) {
    field.At("zone").Refuse(absl::StrCat("not a zone, got ", Quoted(endpoint.zone())),
                            "1-63 of [A-Za-z0-9_./-]");
  }
}

void CheckEndpoint(const v1::Endpoint& endpoint, const Field& field) {
  CheckTraits(endpoint, field);
  field.At("address").Refuse(CheckEndpointAddress(endpoint.address()));
}

void CheckBalancing(const Upstream& upstream, const Field& field) {
  CheckPercent(field.At("panic_threshold"), upstream.panic_threshold(), 0);
  if (upstream.has_slow_start()) {
    RefuseIfConsistent(upstream, field.At("slow_start"));
    CheckSlowStart(upstream.slow_start(), field.At("slow_start"));
  }
  if (upstream.has_subsets()) {
    const Field subsets = field.At("subsets");
    CheckSelectors(upstream.subsets(), subsets);
    CheckDefault(upstream.subsets(), subsets.At("default_subset"));
  }
  if (upstream.has_zone_preference()) {
    const Field preference = field.At("zone_preference");
    RefuseIfConsistent(upstream, preference);
    if (upstream.zone_preference().has_min_endpoints()) {
      CheckRange(preference.At("min_endpoints"), upstream.zone_preference().min_endpoints(), 1,
                 kMaxEndpoints);
    }
  }
}

}  // namespace sluice::validate
