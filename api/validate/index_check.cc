// Index::Check(): the configuration as it would be is looked at through a ChangeCheck, which knows
// the facts of what the change brings and asks the index for all else. Nothing is copied or
// changed.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/problem.h"
#include "api/validate/conflict.h"
#include "api/validate/index.h"
#include "api/validate/subset_check.h"
#include "base/nearest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {

using resource::Kind;
using resource::KindName;
using resource::Quoted;

namespace {

// Names that a problem lists; the others are counted.
constexpr size_t kMostNamed = 5;

// References to missing resources for which a name that is near is looked for: that reads the names
// of all resources of a kind.
constexpr int kMostSuggestions = 10;

std::string Named(const Key& key) {
  return absl::StrCat(KindName(key.kind), " ", Quoted(key.name));
}

bool Contains(const std::vector<Key>& sorted, const Key& key) {
  return std::binary_search(sorted.begin(), sorted.end(), key);
}

template <typename Id>
bool HasId(const std::vector<Id>& ids, const Id& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

class ChangeCheck {
 public:
  ChangeCheck(const Index& index, const ChangeSet& change) : index_(index) {
    for (const Key& key : change.deletions) deleted_.insert(key);
    for (const v1::Resource* resource : change.upserts) {
      Key key = resource::KeyOf(*resource);
      const auto [entry, is_new] = upserted_.emplace(std::move(key), DetailedFacts());
      if (is_new) {
        entry->second = FactsOf(*resource);
      } else {
        Refuse(entry->first, "", "is given twice", "each resource once");
      }
    }
    for (const auto& [key, detailed] : upserted_) {
      IndexUpsert(key, detailed.facts);
      order_.push_back(&key);
    }
    // What is suggested must not depend on hashing.
    std::sort(order_.begin(), order_.end(), [](const Key* a, const Key* b) { return *a < *b; });
  }

  std::vector<Problem> Run() {
    for (const Key* ordered : order_) {
      const Key& key = *ordered;
      const DetailedFacts& detailed = upserted_.at(key);
      if (deleted_.contains(key)) {
        Refuse(key, "", "is both given and deleted", "one of the two");
      }
      CheckReferences(key, detailed);
      CheckListenersOf(key, detailed);
      CheckSubsetsOf(key, detailed);
      CheckCredentials(key, detailed);
      if (detailed.facts.listener != nullptr) {
        CheckListener(key, *detailed.facts.listener);
        CheckUsersOfListener(key);
      }
      if (detailed.facts.route != nullptr) CheckRoute(key, detailed);
      if (key.kind == Kind::kPluginSet) CheckRoutesOfPluginSet(key);
      if (key.kind == Kind::kUpstream) CheckUsersOfUpstream(key);
      if (key.kind == Kind::kService) CheckUsersOfService(key);
    }
    for (const Key& key : deleted_) CheckDeletion(key);
    return std::move(problems_);
  }

 private:
  void IndexUpsert(const Key& key, const Facts& facts) {
    for (const std::string& credential : facts.credentials) {
      consumers_by_credential_[credential].push_back(&key);
    }
    if (facts.listener != nullptr) {
      listeners_by_port_[facts.listener->address.port].push_back(&key);
    }
    if (facts.route == nullptr) return;
    for (const MatchId& id : facts.route->match_ids) routes_by_match_[id].push_back(&key);
  }

  void Refuse(const Key& key, std::string field, std::string problem, std::string want,
              bool is_warning = false) {
    Problem& added = problems_.emplace_back();
    added.kind = std::string(KindName(key.kind));
    added.name = key.name;
    added.field = std::move(field);
    added.problem = std::move(problem);
    added.want = std::move(want);
    added.is_warning = is_warning;
  }

  // Of the configuration before the change; null if the resource was not there.
  const Facts* Before(const Key& key) const {
    const auto found = index_.entries_.find(key);
    return found == index_.entries_.end() ? nullptr : &found->second;
  }

  // Of the configuration after the change; null if the resource is not there.
  const Facts* After(const Key& key) const {
    const auto found = upserted_.find(key);
    if (found != upserted_.end()) return &found->second.facts;
    return deleted_.contains(key) ? nullptr : Before(key);
  }

  // What of `before` the change leaves as it is.
  bool IsUntouched(const Key& key) const {
    return !upserted_.contains(key) && !deleted_.contains(key);
  }

  // Calls `use` for every other resource that stands under `id` after the change. Of two that the
  // change brings only the later one sees the other, so that a pair gives one problem.
  template <typename Stored, typename Brought, typename Id, typename Use>
  void ForOthers(const Stored& stored, const Brought& brought, const Id& id, const Key& key,
                 Use use) {
    if (const auto found = stored.find(id); found != stored.end()) {
      for (const Key* other : found->second) {
        if (IsUntouched(*other)) use(*other);
      }
    }
    if (const auto found = brought.find(id); found != brought.end()) {
      for (const Key* other : found->second) {
        if (*other < key) use(*other);
      }
    }
  }

  void CheckReferences(const Key& key, const DetailedFacts& detailed) {
    for (const resource::Reference& reference : detailed.references) {
      if (After(reference.target) != nullptr) continue;
      const Facts* before = Before(key);
      const bool was_missing = before != nullptr && Contains(before->targets, reference.target) &&
                               Before(reference.target) == nullptr;
      std::string problem = absl::StrCat("there is no ", Named(reference.target));
      const std::string nearest = was_missing ? "" : NearestName(reference.target);
      if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean ", Quoted(nearest), "?");
      Refuse(key, reference.field, std::move(problem),
             nearest.empty()
                 ? absl::StrCat("the name of ", Article(reference.target.kind), " that exists")
                 : nearest,
             was_missing);
    }
  }

  static std::string Article(Kind kind) {
    return absl::StrCat(kind == Kind::kUpstream ? "an " : "a ", KindName(kind));
  }

  std::string NearestName(const Key& missing) {
    if (suggestions_++ >= kMostSuggestions) return "";
    std::vector<absl::string_view> names;
    for (const auto& [key, facts] : index_.entries_) {
      if (key.kind == missing.kind && After(key) != nullptr) names.push_back(key.name);
    }
    for (const auto& [key, detailed] : upserted_) {
      if (key.kind == missing.kind) names.push_back(key.name);
    }
    std::sort(names.begin(), names.end());
    return std::string(Nearest(missing.name, names));
  }

  void CheckCredentials(const Key& key, const DetailedFacts& detailed) {
    const std::vector<std::string>& credentials = detailed.facts.credentials;
    for (size_t i = 0; i < credentials.size(); ++i) {
      ForOthers(index_.consumers_by_credential_, consumers_by_credential_, credentials[i], key,
                [&](const Key& other) {
                  const Facts* before = Before(key);
                  const Facts* other_before = Before(other);
                  const bool was_shared = before != nullptr && other_before != nullptr &&
                                          HasId(before->credentials, credentials[i]) &&
                                          HasId(other_before->credentials, credentials[i]);
                  Refuse(key, detailed.credential_fields[i],
                         absl::StrCat("is the credential of ", Named(other), " too"),
                         "a credential of its own", was_shared);
                });
    }
  }

  void CheckListener(const Key& key, const ListenerFacts& facts) {
    ForOthers(index_.listeners_by_port_, listeners_by_port_, facts.address.port, key,
              [&](const Key& other) {
                if (!ListenersClash(facts, *After(other)->listener)) return;
                const Facts* before = Before(key);
                const Facts* other_before = Before(other);
                const bool did_clash = before != nullptr && before->listener != nullptr &&
                                       other_before != nullptr &&
                                       other_before->listener != nullptr &&
                                       ListenersClash(*before->listener, *other_before->listener);
                Refuse(key, "address",
                       absl::StrCat("clashes with ", Named(other), " at ",
                                    After(other)->listener->address.ToString()),
                       "another address or port, or groups without proxies in common", did_clash);
              });
  }

  // Listeners that a route or global rule names and that cannot serve it.
  void CheckListenersOf(const Key& key, const DetailedFacts& detailed) {
    for (const resource::Reference& reference : detailed.references) {
      const Facts* listener = After(reference.target);
      if (listener == nullptr || listener->listener == nullptr) continue;
      const auto misfit = MisfitOf(key, detailed.facts, reference.target, *listener->listener);
      if (!misfit.has_value()) continue;
      Refuse(key, reference.field, misfit->problem, misfit->want, DidNotFit(key, reference.target));
    }
  }

  bool DidNotFit(const Key& key, const Key& listener_key) const {
    const Facts* before = Before(key);
    const Facts* listener = Before(listener_key);
    return before != nullptr && listener != nullptr && listener->listener != nullptr &&
           Contains(before->targets, listener_key) &&
           MisfitOf(key, *before, listener_key, *listener->listener).has_value();
  }

  // What the change leaves alone may name the listener as it was.
  void CheckUsersOfListener(const Key& key) {
    const auto found = index_.referrers_.find(key);
    if (found == index_.referrers_.end()) return;
    std::vector<Key> lost;
    for (const Key* user : found->second) {
      if (!IsUntouched(*user) || DidNotFit(*user, key)) continue;
      if (MisfitOf(*user, *Before(*user), key, *After(key)->listener)) lost.push_back(*user);
    }
    if (lost.empty()) return;
    Refuse(key, "protocol", absl::StrCat("does not fit ", Listed(std::move(lost))),
           "what names this listener changed in the same change");
  }

  const Facts* At(Time time, const Key& key) const {
    return time == Time::kBefore ? Before(key) : After(key);
  }

  // Subsets that are asked for and that are of no selector.
  void CheckSubsetsOf(const Key& key, const DetailedFacts& detailed) {
    if (detailed.facts.subsets == nullptr) return;
    const auto facts = [this](Time time, const Key& k) { return At(time, k); };
    for (const SubsetUse& use : detailed.facts.subsets->uses) {
      for (const Key& upstream : UpstreamsWithout(use, key, Time::kAfter, facts)) {
        Refuse(key, use.field,
               absl::StrCat(Named(upstream), " has no selector of these labels: ", use.labels),
               WantedOf(*After(upstream)), DidLack(key, use.labels, upstream, facts));
      }
    }
  }

  // Those that name `key` and that the change leaves alone, but for which it takes a subset away.
  std::vector<Key> UsersThatLose(const Key& key) const {
    std::vector<Key> lost;
    const auto found = index_.referrers_.find(key);
    if (found == index_.referrers_.end()) return lost;
    for (const Key* user : found->second) {
      const auto facts = [this](Time time, const Key& k) { return At(time, k); };
      if (IsUntouched(*user) && Loses(*user, facts)) lost.push_back(*user);
    }
    return lost;
  }

  // Of an Upstream whose selectors changed: routes that name it, by themselves or by services.
  void CheckUsersOfUpstream(const Key& key) {
    const Facts* before = Before(key);
    if (before == nullptr || before->subsets == nullptr) return;
    const Facts& after = *After(key);
    const std::vector<std::string>& selectors = before->subsets->selectors;
    const bool has_all = std::all_of(selectors.begin(), selectors.end(), [&](const auto& labels) {
      return after.subsets != nullptr && after.subsets->HasSelector(labels);
    });
    if (has_all) return;
    std::vector<Key> lost = UsersThatLose(key);
    for (const Key& user : index_.ReferrersOf(key)) {
      if (user.kind != Kind::kService || !IsUntouched(user)) continue;
      for (Key& route : UsersThatLose(user)) {
        if (!HasId(lost, route)) lost.push_back(std::move(route));
      }
    }
    if (lost.empty()) return;
    Refuse(key, "subsets.selectors",
           absl::StrCat("has no longer the labels for ", Listed(std::move(lost))),
           "the selector that they ask for, or what names it changed in the same change");
  }

  // Routes that name a Service have the subsets of its upstreams.
  void CheckUsersOfService(const Key& key) {
    std::vector<Key> lost = UsersThatLose(key);
    if (lost.empty()) return;
    Refuse(key, "upstream",
           absl::StrCat("has no selector of the labels for ", Listed(std::move(lost))),
           "an Upstream with the subsets that they ask for");
  }

  void CheckRoute(const Key& key, const DetailedFacts& detailed) {
    const RouteFacts& route = *detailed.facts.route;
    CheckAnswers(key, route);
    // Routes with several hosts and paths meet in several of them; one is enough to know.
    std::map<Key, std::pair<std::string, bool>> others;
    for (size_t i = 0; i < route.match_ids.size(); ++i) {
      const MatchId& id = route.match_ids[i];
      ForOthers(index_.routes_by_match_, routes_by_match_, id, key, [&](const Key& other) {
        if (!RoutesMeet(route, *After(other)->route)) return;
        const bool did_meet = DidMeet(key, other, id);
        const auto [entry, is_new] = others.emplace(other, std::pair(detailed.match_keys[i], true));
        if (!did_meet && entry->second.second) entry->second = {detailed.match_keys[i], false};
      });
    }
    for (const auto& [other, meeting] : others) {
      Refuse(key, "",
             absl::StrCat(route.is_stream ? "takes the same connections as "
                                          : "matches the same requests as ",
                          Named(other), " (", meeting.first, ")"),
             route.is_stream
                 ? "other server_names or client_ips, or no listener or group in common"
                 : "another host, path, priority or predicate, or no listener or group in common",
             meeting.second);
    }
  }

  // Whether both routes matched the same before the change.
  bool DidMeet(const Key& key, const Key& other, const MatchId& id) const {
    const Facts* before = Before(key);
    const Facts* other_before = Before(other);
    return before != nullptr && before->route != nullptr && other_before != nullptr &&
           other_before->route != nullptr && HasId(before->route->match_ids, id) &&
           HasId(other_before->route->match_ids, id) &&
           RoutesMeet(*before->route, *other_before->route);
  }

  // Whether a plugin of the route answers every request.
  bool Answers(const Key& key, const RouteFacts& route, Time time) const {
    uint32_t given = route.answering.given;
    uint32_t open = ~(route.answering.given | route.answering.removed);
    for (auto name = route.plugin_sets.rbegin(); name != route.plugin_sets.rend(); ++name) {
      const Key set{Kind::kPluginSet, key.ns, *name};
      const Facts* facts = At(time, set);
      if (facts == nullptr) continue;
      given |= facts->answering.given & open;
      open &= ~(facts->answering.given | facts->answering.removed);
    }
    return given != 0;
  }

  void CheckAnswers(const Key& key, const RouteFacts& route) {
    if (route.has_target || Answers(key, route, Time::kAfter)) return;
    const Facts* before = Before(key);
    const bool was_lost = before != nullptr && before->route != nullptr &&
                          !before->route->has_target &&
                          !Answers(key, *before->route, Time::kBefore);
    Refuse(key, "upstream", "neither an upstream nor a service is given, and no plugin answers",
           "one of upstream, upstreams and service, or the plugin redirect or respond", was_lost);
  }

  // Routes that the change leaves alone may have answered only by the plugin set as it was.
  void CheckRoutesOfPluginSet(const Key& key) {
    std::vector<Key> lost;
    for (const Key* route_key : index_.routes_without_target_) {
      const RouteFacts& route = *Before(*route_key)->route;
      const bool uses_it =
          route_key->ns == key.ns && HasId(route.plugin_sets, key.name) && IsUntouched(*route_key);
      if (uses_it && Answers(*route_key, route, Time::kBefore) &&
          !Answers(*route_key, route, Time::kAfter)) {
        lost.push_back(*route_key);
      }
    }
    if (lost.empty()) return;
    Refuse(key, "plugins", absl::StrCat("no longer answers for ", Listed(std::move(lost))),
           "the plugin that answered, or an upstream or service for what lost it");
  }

  void CheckDeletion(const Key& key) {
    const auto found = index_.referrers_.find(key);
    if (found == index_.referrers_.end() || Before(key) == nullptr) return;
    std::vector<Key> left;  // An upsert that refers to it has its own problem.
    for (const Key* referrer : found->second) {
      if (IsUntouched(*referrer)) left.push_back(*referrer);
    }
    if (left.empty()) return;
    Refuse(key, "",
           absl::StrCat("cannot be deleted: it is referred to by ", Listed(std::move(left))),
           "references to it removed, or deleted too, in the same change");
  }

  // "Route "a", Route "b" and 3 others".
  static std::string Listed(std::vector<Key> keys) {
    const size_t named = std::min(keys.size(), kMostNamed);
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(named), keys.end());
    const size_t others = keys.size() - named;
    keys.resize(named);
    std::string text = absl::StrJoin(
        keys, ", ", [](std::string* out, const Key& key) { out->append(Named(key)); });
    if (others > 0) absl::StrAppend(&text, " and ", others, others == 1 ? " other" : " others");
    return text;
  }

  const Index& index_;
  absl::flat_hash_set<Key> deleted_;
  absl::node_hash_map<Key, DetailedFacts> upserted_;
  std::vector<const Key*> order_;  // Of upserted_.
  std::vector<Problem> problems_;
  int suggestions_ = 0;

  // Of the upserts.
  absl::flat_hash_map<MatchId, Index::KeyPointers> routes_by_match_;
  absl::flat_hash_map<uint16_t, Index::KeyPointers> listeners_by_port_;
  absl::flat_hash_map<std::string, Index::KeyPointers> consumers_by_credential_;
};

std::vector<Problem> Index::Check(const ChangeSet& change) const {
  return ChangeCheck(*this, change).Run();
}

}  // namespace sluice::validate
