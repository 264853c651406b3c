#include "controlplane/fleet/view/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/view/needs.h"
#include "controlplane/tickets/keyring.h"

namespace sluice::fleet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

using resource::Kind;

using Names = std::vector<std::string>;

std::string NameOf(const store::StoredEndpoint& endpoint) {
  return "endpoint/" + endpoint.upstream + "/" + endpoint.owner + "/" + endpoint.address;
}

Names NamesIn(const View& view) {
  Names names;
  const ViewDelta all = view.Everything();
  for (const store::ResourceChange& change : all.resources) {
    names.push_back(change.key().ToString());
  }
  for (const store::EndpointChange& change : all.endpoints) names.push_back(NameOf(*change.after));
  return names;
}

v1::Resource TlsListener(absl::string_view name, std::vector<std::string> groups = {}) {
  v1::Resource listener = Listener(name, std::move(groups));
  listener.mutable_listener()->mutable_tls()->add_certificates("c");
  return listener;
}

// Listeners whose ticket keys changed, with "+" or "-".
Names TicketsIn(const ViewDelta& delta) {
  Names names;
  for (const TicketsChange& change : delta.tickets) {
    names.push_back((change.after.empty() ? "-" : "+") + change.listener);
  }
  return names;
}

// A catalog with what the test put, and views that follow it.
class Fixture : public ::testing::Test {
 protected:
  View& ViewOf(Names groups) {
    views_.push_back(std::make_unique<View>(catalog_, std::move(groups)));
    return *views_.back();
  }

  void Commit(std::vector<store::ResourceChange> resources,
              std::vector<store::EndpointChange> endpoints = {},
              std::shared_ptr<const store::StoredTickets> tickets = nullptr) {
    const Catalog::Touched touched = catalog_.Apply(resources, endpoints, tickets);
    deltas_.clear();
    for (const auto& view : views_) deltas_.push_back(view->Apply(touched));
    catalog_.Sweep(touched);
  }

  // Of each call others.
  void RotateTickets() {
    keyring_ = keyring_.Rotated(absl::UnixEpoch(), {});
    Commit(
        {}, {},
        std::make_shared<const store::StoredTickets>(store::StoredTickets{keyring_.Encode(), 1}));
  }

  Desired desired_;
  Catalog catalog_;
  tickets::Keyring keyring_;
  std::vector<std::unique_ptr<View>> views_;
  std::vector<ViewDelta> deltas_;  // Of the last commit, by view.
};

using ViewTest = Fixture;

TEST_F(ViewTest, ListenersGoWhereOneOfTheirGroupsIs) {
  View& edge = ViewOf({"edge", "eu"});
  View& none = ViewOf({});
  Commit({desired_.Put(Listener("all")), desired_.Put(Listener("edge", {"edge", "us"})),
          desired_.Put(Listener("us", {"us"}))});
  EXPECT_THAT(NamesIn(edge), UnorderedElementsAre("Listener/all", "Listener/edge"));
  EXPECT_THAT(NamesIn(none), UnorderedElementsAre("Listener/all"));
}

TEST_F(ViewTest, ARouteBringsWhatItRefersToAndTakesItAway) {
  View& view = ViewOf({});
  v1::Resource route = RouteTo("", "r");
  route.mutable_route()->set_service("s");
  route.mutable_route()->add_plugin_sets("p");
  Commit({desired_.Put(Upstream("u")), desired_.Put(Service("s", "u")),
          desired_.Put(PluginSet("p")), desired_.Put(Upstream("unused")), desired_.Put(route)},
         {desired_.Register("u", "k8s", "10.0.0.1:80"), desired_.Register("unused", "k8s", "x:1")});
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("Upstream/u", "Service/s", "PluginSet/p",
                                                  "Route/r", "endpoint/u/k8s/10.0.0.1:80"));
  Commit({desired_.Delete(KeyOf(Kind::kRoute, "r"))});
  EXPECT_THAT(NamesIn(view), IsEmpty());
}

TEST_F(ViewTest, WhatTwoRoutesShareStaysUntilTheLastGoes) {
  View& view = ViewOf({});
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a")),
          desired_.Put(RouteTo("u", "b"))});
  Commit({desired_.Delete(KeyOf(Kind::kRoute, "a"))});
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("Upstream/u", "Route/b"));
  Commit({desired_.Delete(KeyOf(Kind::kRoute, "b"))});
  EXPECT_THAT(NamesIn(view), IsEmpty());
}

TEST_F(ViewTest, ARouteThatNamesListenersIsSeenOnlyWithOneOfThem) {
  View& view = ViewOf({"edge"});
  v1::Resource route = RouteTo("u", "r");
  route.mutable_route()->add_listeners("internal");
  route.mutable_route()->add_listeners("public");
  Commit({desired_.Put(Upstream("u")), desired_.Put(Listener("internal", {"core"})),
          desired_.Put(Listener("public", {"core"})), desired_.Put(route)});
  EXPECT_THAT(NamesIn(view), IsEmpty());
  Commit({desired_.Put(Listener("public", {"edge"}))});
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("Listener/public", "Route/r", "Upstream/u"));
  Commit({desired_.Put(Listener("public", {"core"}))});
  EXPECT_THAT(NamesIn(view), IsEmpty());
}

TEST_F(ViewTest, ARouteIsInTheGroupsItNamesEvenIfItsListenerIsInMore) {
  View& view = ViewOf({"edge"});
  Commit({desired_.Put(Upstream("u")), desired_.Put(Listener("all")),
          desired_.Put(RouteTo("u", "core-only", {"core"}))});
  EXPECT_THAT(NamesIn(view), ElementsAre("Listener/all"));
}

TEST_F(ViewTest, ConsumersAndTheirGroupsGoWhereSomethingAuthenticates) {
  View& edge = ViewOf({"edge"});
  View& core = ViewOf({"core"});
  v1::Resource guarded = PluginSet("guarded");
  AddKeyAuth(&guarded);
  v1::Resource route = RouteTo("u", "r", {"edge"});
  route.mutable_route()->add_plugin_sets("guarded");
  Commit({desired_.Put(Upstream("u")), desired_.Put(guarded), desired_.Put(route),
          desired_.Put(RouteTo("u", "open", {"core"})), desired_.Put(Consumer("alice", "gold")),
          desired_.Put(ConsumerGroup("gold")), desired_.Put(ConsumerGroup("unused"))});
  EXPECT_THAT(NamesIn(edge), UnorderedElementsAre("Upstream/u", "PluginSet/guarded", "Route/r",
                                                  "Consumer/alice", "ConsumerGroup/gold"));
  EXPECT_THAT(NamesIn(core), UnorderedElementsAre("Upstream/u", "Route/open"));
  Commit({desired_.Put(RouteTo("u", "r", {"edge"}))});
  EXPECT_THAT(NamesIn(edge), UnorderedElementsAre("Upstream/u", "Route/r"));
}

TEST_F(ViewTest, AConsumerThatComesLaterGoesWhereSomethingAuthenticates) {
  View& view = ViewOf({});
  v1::Resource rule = GlobalRule("auth");
  AddKeyAuth(&rule);
  Commit({desired_.Put(rule)});
  Commit({desired_.Put(Consumer("bob"))});
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("GlobalRule/auth", "Consumer/bob"));
}

TEST_F(ViewTest, NamingAConsumerInAPluginDoesNotSendItsCredentials) {
  View& view = ViewOf({});
  v1::Resource route = RouteTo("u", "r");
  AddRestriction(&route, "alice");
  Commit({desired_.Put(Upstream("u")), desired_.Put(Consumer("alice")), desired_.Put(route)});
  EXPECT_THAT(NamesIn(view), Not(Contains("Consumer/alice")));
}

TEST_F(ViewTest, EndpointsFollowTheirUpstreamAndTheirChanges) {
  View& view = ViewOf({});
  Commit({desired_.Put(Upstream("u"))}, {desired_.Register("u", "k8s", "a:1")});
  EXPECT_THAT(NamesIn(view), IsEmpty());
  Commit({desired_.Put(RouteTo("u", "r"))}, {desired_.Register("u", "k8s", "b:1")});
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("Upstream/u", "Route/r", "endpoint/u/k8s/a:1",
                                                  "endpoint/u/k8s/b:1"));
  Commit({}, {desired_.Withdraw({"u", "k8s", "a:1"})});
  ASSERT_EQ(deltas_[0].endpoints.size(), 1u);
  EXPECT_EQ(deltas_[0].endpoints[0].after, nullptr);
  EXPECT_THAT(NamesIn(view), UnorderedElementsAre("Upstream/u", "Route/r", "endpoint/u/k8s/b:1"));
}

TEST_F(ViewTest, TicketKeysFollowTheirListenerWhereItSpeaksTls) {
  View& edge = ViewOf({"edge"});
  ViewOf({"inner"});
  RotateTickets();
  Commit({desired_.Put(TlsListener("web", {"edge"})), desired_.Put(Listener("plain"))});
  EXPECT_THAT(TicketsIn(deltas_[0]), ElementsAre("+web"));
  EXPECT_THAT(TicketsIn(deltas_[1]), IsEmpty());
  EXPECT_EQ(deltas_[0].tickets[0].after, keyring_.KeysOf("web"));
  EXPECT_THAT(TicketsIn(edge.Everything()), ElementsAre("+web"));
  Commit({desired_.Put(TlsListener("web", {"inner"}))});
  EXPECT_THAT(TicketsIn(deltas_[0]), ElementsAre("-web"));
  EXPECT_THAT(TicketsIn(deltas_[1]), ElementsAre("+web"));
  Commit({desired_.Put(Listener("web", {"inner"}))});
  EXPECT_THAT(TicketsIn(deltas_[1]), ElementsAre("-web"));
}

TEST_F(ViewTest, ARotationChangesTheKeysOfListenersThatAreSeen) {
  View& view = ViewOf({"edge"});
  Commit({desired_.Put(TlsListener("web", {"edge"})), desired_.Put(TlsListener("other", {"us"}))});
  EXPECT_THAT(TicketsIn(deltas_[0]), IsEmpty());
  const std::string without = view.hash();
  RotateTickets();
  EXPECT_THAT(TicketsIn(deltas_[0]), ElementsAre("+web"));
  EXPECT_NE(view.hash(), without);
  const std::string before = deltas_[0].tickets[0].after;
  RotateTickets();
  ASSERT_THAT(TicketsIn(deltas_[0]), ElementsAre("+web"));
  EXPECT_EQ(deltas_[0].tickets[0].before, before);
  EXPECT_EQ(ViewOf({"edge"}).hash(), view.hash());
}

TEST_F(ViewTest, ACommitElsewhereChangesNothingHere) {
  View& view = ViewOf({"edge"});
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "r", {"edge"}))});
  const std::string hash = view.hash();
  Commit({desired_.Put(RouteTo("u", "other", {"core"}))});
  EXPECT_TRUE(deltas_[0].empty());
  EXPECT_EQ(view.hash(), hash);
}

TEST_F(ViewTest, AChangeOfOneRouteIsADeltaOfOne) {
  ViewOf({});
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a")),
          desired_.Put(RouteTo("u", "b"))});
  v1::Resource changed = RouteTo("u", "a");
  changed.set_description("other");
  Commit({desired_.Put(changed)});
  ASSERT_EQ(deltas_[0].resources.size(), 1u);
  EXPECT_EQ(deltas_[0].resources[0].key().name, "a");
}

TEST_F(ViewTest, PluginsThatAProxyLacksAreNamed) {
  View& view = ViewOf({});
  v1::Resource route = RouteTo("u", "r");
  AddKeyAuth(&route);
  AddRequestId(&route);
  Commit({desired_.Put(Upstream("u")), desired_.Put(route)});
  EXPECT_THAT(view.PluginsBeyond({"request_id"}), ElementsAre("key_auth"));
  EXPECT_THAT(view.PluginsBeyond({"request_id", "key_auth"}), IsEmpty());
}

TEST_F(ViewTest, AnEndpointWithAZoneNeedsAProxyThatReadsIt) {
  View& view = ViewOf({});
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "r"))},
         {desired_.Register("u", "o", "a:1")});
  EXPECT_EQ(view.schema(), 1u);
  Commit({}, {desired_.Register("u", "o", "a:1", {.zone = "eu-1"})});
  EXPECT_EQ(deltas_[0].endpoints.size(), 1u);
  EXPECT_EQ(view.schema(), 2u);
  Commit({}, {desired_.Withdraw({"u", "o", "a:1"})});
  EXPECT_EQ(view.schema(), 1u);
}

TEST_F(ViewTest, AViewMadeLaterEqualsOneThatFollowed) {
  View& followed = ViewOf({"edge"});
  v1::Resource route = RouteTo("u", "r", {"edge"});
  AddKeyAuth(&route);
  Commit({desired_.Put(Upstream("u")), desired_.Put(route), desired_.Put(Consumer("c"))},
         {desired_.Register("u", "o", "a:1")});
  EXPECT_EQ(ViewOf({"edge"}).hash(), followed.hash());
}

// What a view is, recomputed from its definition until nothing is added.
std::set<std::string> ByDefinition(const Desired& desired, const Names& groups) {
  const auto in_groups = [&groups](const Needs& needs) {
    return needs.groups.empty() ||
           std::any_of(needs.groups.begin(), needs.groups.end(), [&groups](const auto& group) {
             return std::count(groups.begin(), groups.end(), group) > 0;
           });
  };
  std::set<resource::Key> seen;
  bool authenticates = false;
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    for (const auto& [key, stored] : desired.resources) {
      const Needs needs = NeedsOf(key, stored->bytes);
      const auto names_seen = [&seen](const auto& l) { return seen.count(l) > 0; };
      const bool is_root =
          key.kind == Kind::kListener || key.kind == Kind::kRoute || key.kind == Kind::kGlobalRule;
      bool is_seen = false;
      if (is_root) {
        is_seen = in_groups(needs) &&
                  (needs.listeners.empty() ||
                   std::any_of(needs.listeners.begin(), needs.listeners.end(), names_seen));
      } else if (key.kind == Kind::kConsumer) {
        is_seen = authenticates;
      } else {
        for (const resource::Key& other : seen) {
          const auto it = desired.resources.find(other);
          const Needs theirs = NeedsOf(other, it->second->bytes);
          if (std::count(theirs.refs.begin(), theirs.refs.end(), key) > 0) is_seen = true;
        }
      }
      if (!is_seen || !seen.insert(key).second) continue;
      has_grown = true;
      authenticates |= needs.authenticates;
    }
  }
  std::set<std::string> names;
  for (const resource::Key& key : seen) names.insert(key.ToString());
  for (const auto& [key, endpoint] : desired.endpoints) {
    if (seen.count(KeyOf(Kind::kUpstream, endpoint->upstream)) > 0) names.insert(NameOf(*endpoint));
  }
  return names;
}

// Random changes of a small world, in which everything meets everything.
class RandomWorld {
 public:
  explicit RandomWorld(uint32_t seed) : random_(seed) {}

  void Change(Desired* desired, std::vector<store::ResourceChange>* resources,
              std::vector<store::EndpointChange>* endpoints) {
    std::set<resource::Key> touched;
    for (size_t n = Below(6) + 1; n > 0; --n) {
      const v1::Resource resource = Any();
      const resource::Key key = resource::KeyOf(resource);
      if (!touched.insert(key).second) continue;
      const bool exists = desired->resources.count(key) > 0;
      if (exists && Below(3) == 0) {
        resources->push_back(desired->Delete(key));
      } else {
        resources->push_back(desired->Put(resource));
      }
    }
    if (Below(3) > 0) return;
    const Desired::EndpointKey key{Name(), "owner", Name() + ":80"};
    if (desired->endpoints.count(key) > 0 && Below(2) == 0) {
      endpoints->push_back(desired->Withdraw(key));
    } else {
      endpoints->push_back(
          desired->Register(std::get<0>(key), std::get<1>(key), std::get<2>(key),
                            {.weight = Below(3) + 1, .zone = Below(2) == 0 ? "" : "eu-1"}));
    }
  }

 private:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  std::string Name() { return std::string(1, static_cast<char>('a' + Below(4))); }
  Names Groups() {
    static const Names kGroups[] = {{}, {"x"}, {"y"}, {"x", "y"}};
    return kGroups[Below(4)];
  }

  v1::Resource Any() {
    v1::Resource resource;
    switch (Below(8)) {
      case 0:
        resource = Listener(Name(), Groups());
        break;
      case 1:
        resource = Upstream(Name());
        break;
      case 2:
        resource = Service(Name(), Name());
        break;
      case 3:
        resource = PluginSet(Name());
        break;
      case 4:
        resource = Consumer(Name(), Below(2) == 0 ? Name() : "");
        break;
      case 5:
        resource = ConsumerGroup(Name());
        break;
      case 6:
        resource = GlobalRule(Name(), Groups());
        if (Below(2) == 0) resource.mutable_global_rule()->add_listeners(Name());
        break;
      default:
        resource = RouteTo(Name(), Name(), Groups());
        if (Below(2) == 0) resource.mutable_route()->add_listeners(Name());
        if (Below(3) == 0) resource.mutable_route()->add_plugin_sets(Name());
        if (Below(3) == 0) resource.mutable_route()->set_service(Name());
    }
    const bool has_plugins = !resource.has_listener() && !resource.has_upstream();
    if (has_plugins && Below(6) == 0) AddKeyAuth(&resource);
    resource.set_description(std::string(Below(3), 'd'));
    return resource;
  }

  std::mt19937 random_;
};

class RandomViewTest : public Fixture, public ::testing::WithParamInterface<uint32_t> {};

// After each of many commits: what is seen is what the definition says, and the deltas lead there.
TEST_P(RandomViewTest, FollowingEqualsComputingAnew) {
  const std::vector<Names> group_sets = {{}, {"x"}, {"x", "y"}, {"z"}};
  std::vector<std::set<std::string>> followed(group_sets.size());
  for (const Names& groups : group_sets) ViewOf(groups);
  RandomWorld world(GetParam());
  for (int i = 0; i < 60; ++i) {
    std::vector<store::ResourceChange> resources;
    std::vector<store::EndpointChange> endpoints;
    world.Change(&desired_, &resources, &endpoints);
    Commit(resources, endpoints);
    for (size_t v = 0; v < group_sets.size(); ++v) {
      for (const auto& change : deltas_[v].resources) {
        if (change.after == nullptr) {
          EXPECT_EQ(followed[v].erase(change.key().ToString()), 1u);
        } else {
          EXPECT_EQ(followed[v].insert(change.key().ToString()).second, change.before == nullptr);
        }
      }
      for (const auto& change : deltas_[v].endpoints) {
        if (change.after == nullptr) {
          EXPECT_EQ(followed[v].erase(NameOf(change.any())), 1u);
        } else {
          EXPECT_EQ(followed[v].insert(NameOf(change.any())).second, change.before == nullptr);
        }
      }
      const std::set<std::string> expected = ByDefinition(desired_, group_sets[v]);
      ASSERT_EQ(followed[v], expected) << "commit " << i << ", view " << v;
      const Names names = NamesIn(*views_[v]);
      ASSERT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
      Catalog fresh;
      std::vector<store::ResourceChange> all;
      std::vector<store::EndpointChange> all_endpoints;
      for (const auto& [key, stored] : desired_.resources) all.push_back({nullptr, stored});
      for (const auto& [key, stored] : desired_.endpoints)
        all_endpoints.push_back({nullptr, stored});
      fresh.Apply(all, all_endpoints);
      const View made(fresh, group_sets[v]);
      ASSERT_EQ(made.hash(), views_[v]->hash());
      ASSERT_EQ(made.schema(), views_[v]->schema());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomViewTest, ::testing::Range(1u, 6u));

}  // namespace
}  // namespace sluice::fleet
