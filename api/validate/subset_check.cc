#include "api/validate/subset_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::validate {

using resource::Key;
using resource::Kind;

namespace {

bool HasSelector(const Facts& upstream, const std::string& labels) {
  return upstream.subsets != nullptr && upstream.subsets->HasSelector(labels);
}

bool Contains(const std::vector<Key>& keys, const Key& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

std::vector<Key> UpstreamsWithout(const SubsetUse& use, const Key& user, Time time, FactsAt facts) {
  std::vector<std::string> names = use.upstreams;
  if (!use.service.empty()) {
    const Facts* service = facts(time, {Kind::kService, user.ns, use.service});
    if (service != nullptr && service->subsets != nullptr) names = service->subsets->upstreams;
  }
  std::vector<Key> without;
  for (std::string& name : names) {
    Key upstream{Kind::kUpstream, user.ns, std::move(name)};
    const Facts* found = facts(time, upstream);
    if (found != nullptr && !HasSelector(*found, use.labels))
      without.push_back(std::move(upstream));
  }
  return without;
}

bool DidLack(const Key& user, const std::string& labels, const Key& upstream, FactsAt facts) {
  const Facts* before = facts(Time::kBefore, user);
  if (before == nullptr || before->subsets == nullptr) return false;
  const std::vector<SubsetUse>& uses = before->subsets->uses;
  return std::any_of(uses.begin(), uses.end(), [&](const SubsetUse& use) {
    return use.labels == labels &&
           Contains(UpstreamsWithout(use, user, Time::kBefore, facts), upstream);
  });
}

bool Loses(const Key& user, FactsAt facts) {
  const Facts* present = facts(Time::kBefore, user);
  if (present->subsets == nullptr) return false;
  for (const SubsetUse& use : present->subsets->uses) {
    const std::vector<Key> before = UpstreamsWithout(use, user, Time::kBefore, facts);
    for (const Key& upstream : UpstreamsWithout(use, user, Time::kAfter, facts)) {
      if (!Contains(before, upstream)) return true;
    }
  }
  return false;
}

std::string WantedOf(const Facts& upstream) {
  if (upstream.subsets == nullptr) return "subsets.selectors of the Upstream, or no subset";
  return absl::StrCat("the labels of one of its selectors: ",
                      absl::StrJoin(upstream.subsets->selectors, "; "));
}

}  // namespace sluice::validate
