#include "api/validate/index.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/testing/parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using resource::Kind;
using resource::ParseResources;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A configuration under test, and what changes of it are said to break.
class IndexTest : public ::testing::Test {
 protected:
  void Load(absl::string_view yaml) {
    const std::vector<v1::Resource> resources = ParseResources(yaml);
    index_.Apply(ChangeOf(resources, {}));
  }

  std::vector<std::string> Check(absl::string_view yaml, std::vector<Key> deletions = {}) const {
    const std::vector<v1::Resource> resources = ParseResources(yaml);
    std::vector<Problem> problems = index_.Check(ChangeOf(resources, std::move(deletions)));
    resource::Sort(problems);
    std::vector<std::string> lines;
    for (const Problem& problem : problems) lines.push_back(ToString(problem));
    return lines;
  }

  static ChangeSet ChangeOf(const std::vector<v1::Resource>& resources,
                            std::vector<Key> deletions) {
    ChangeSet change;
    for (const v1::Resource& resource : resources) change.upserts.push_back(&resource);
    change.deletions = std::move(deletions);
    return change;
  }

  Index index_;
};

constexpr absl::string_view kOrders = R"(kind: Upstream
name: orders
---
kind: Listener
name: public
address: 0.0.0.0:80
---
kind: Route
name: orders
listeners: [public]
hosts: [a.example]
paths: ["/u/{id}"]
upstream: orders
)";

const Key kOrdersUpstream{Kind::kUpstream, "", "orders"};

// --- References

TEST_F(IndexTest, AWholeConfigurationHasNoProblem) { EXPECT_THAT(Check(kOrders), IsEmpty()); }

TEST_F(IndexTest, WhatIsReferredToMustExist) {
  Load(kOrders);
  EXPECT_THAT(Check("kind: Route\nname: r\nupstream: order\nlisteners: [internal]\n"),
              ElementsAre("Route \"r\": listeners[0]: there is no Listener \"internal\"; want the "
                          "name of a Listener that exists",
                          "Route \"r\": upstream: there is no Upstream \"order\", did you mean "
                          "\"orders\"?"));
}

TEST_F(IndexTest, EveryUpstreamOfASplitAndEveryMirrorIsReferredTo) {
  Load(
      "kind: Upstream\nname: a\n---\nkind: Upstream\nname: b\n---\nkind: Upstream\nname: c\n---\n"
      "kind: Route\nname: r\nupstreams: [{upstream: a}, {upstream: b, weight: 0}]\n"
      "mirrors: [{upstream: c}]\n");
  EXPECT_THAT(Check("kind: Service\nname: s\nupstreams: [{upstream: a}, {upstream: missing}]\n"),
              ElementsAre("Service \"s\": upstreams[1].upstream: there is no Upstream \"missing\"; "
                          "want the name of an Upstream that exists"));
  for (const char* upstream : {"a", "b", "c"}) {
    EXPECT_THAT(Check("", {{Kind::kUpstream, "", upstream}}),
                ElementsAre(absl::StrCat("Upstream \"", upstream,
                                         "\": cannot be deleted: it is referred to by Route "
                                         "\"r\"; want references to it removed, or deleted too, in "
                                         "the same change")));
  }
}

TEST_F(IndexTest, PluginsReferToo) {
  EXPECT_THAT(Check("kind: PluginSet\nname: s\nplugins: {consumer_restriction: {deny: "
                    "{consumers: [mallory]}}}\n"),
              ElementsAre("PluginSet \"s\": plugins.consumer_restriction.deny.consumers[0]: there "
                          "is no Consumer \"mallory\"; want the name of a Consumer that exists"));
}

TEST_F(IndexTest, WhatIsReferredToCannotBeDeleted) {
  Load(kOrders);
  EXPECT_THAT(
      Check("", {kOrdersUpstream}),
      ElementsAre("Upstream \"orders\": cannot be deleted: it is referred to by Route \"orders\"; "
                  "want references to it removed, or deleted too, in the same change"));
}

TEST_F(IndexTest, ReferrersBeyondAFewAreCounted) {
  std::string routes(kOrders);
  for (int i = 0; i < 7; ++i) {
    absl::StrAppend(&routes, "---\nkind: Route\nname: r", i, "\npaths: [/", i,
                    "]\nupstream: orders\n");
  }
  Load(routes);
  EXPECT_THAT(
      Check("", {kOrdersUpstream}),
      ElementsAre("Upstream \"orders\": cannot be deleted: it is referred to by Route \"orders\", "
                  "Route \"r0\", Route \"r1\", Route \"r2\", Route \"r3\" and 3 others; "
                  "want references to it removed, or deleted too, in the same change"));
}

TEST_F(IndexTest, DeletingReferrerAndTargetTogetherIsFine) {
  Load(kOrders);
  EXPECT_THAT(Check("", {kOrdersUpstream, {Kind::kRoute, "", "orders"}}), IsEmpty());
}

TEST_F(IndexTest, MovingTheReferenceAndDeletingItsTargetTogetherIsFine) {
  Load(kOrders);
  EXPECT_THAT(Check("kind: Upstream\nname: new\n---\nkind: Route\nname: orders\nupstream: new\n",
                    {kOrdersUpstream}),
              IsEmpty());
}

TEST_F(IndexTest, AReferenceThatWasMissingBeforeIsAWarning) {
  Load("kind: Route\nname: r\nupstream: gone\n");
  EXPECT_THAT(Check("kind: Route\nname: r\nupstream: gone\npriority: 1\nservice: lost\n"),
              ElementsAre("Route \"r\": service: there is no Service \"lost\"; want the name of a "
                          "Service that exists",
                          "warning: Route \"r\": upstream: there is no Upstream \"gone\"; want the "
                          "name of an Upstream that exists"));
}

TEST_F(IndexTest, DeletingWhatIsNotThereIsNoProblem) {
  EXPECT_THAT(Check("", {kOrdersUpstream}), IsEmpty());
}

TEST_F(IndexTest, OneResourceCannotBeBothGivenAndDeleted) {
  EXPECT_THAT(Check("kind: Upstream\nname: orders\n", {kOrdersUpstream}),
              ElementsAre("Upstream \"orders\": is both given and deleted; want one of the two"));
}

TEST_F(IndexTest, OneResourceCannotBeGivenTwice) {
  EXPECT_THAT(Check("kind: Upstream\nname: a\n---\nkind: Upstream\nname: a\n"),
              ElementsAre("Upstream \"a\": is given twice; want each resource once"));
}

TEST_F(IndexTest, KnowsWhoRefersToWhat) {
  Load(kOrders);
  EXPECT_THAT(index_.ReferrersOf(kOrdersUpstream), ElementsAre(Key{Kind::kRoute, "", "orders"}));
  index_.Apply({{}, {{Kind::kRoute, "", "orders"}}});
  EXPECT_THAT(index_.ReferrersOf(kOrdersUpstream), IsEmpty());
  EXPECT_TRUE(index_.Contains(kOrdersUpstream));
  EXPECT_EQ(index_.size(), 2u);
}

// --- Ambiguous routes

std::string RouteYaml(absl::string_view name, absl::string_view fields) {
  return absl::StrCat("kind: Route\nname: ", name, "\nplugins: {respond: {}}\n", fields, "\n");
}

TEST_F(IndexTest, TwoRoutesForTheSameRequestsAreRefused) {
  Load(kOrders);
  EXPECT_THAT(Check(RouteYaml("other", "hosts: [A.Example]\npaths: ['/u/{user}']")),
              ElementsAre("Route \"other\": matches the same requests as Route \"orders\" "
                          "(host=a.example path=\"/u/{}\" priority=0); want another host, path, "
                          "priority or predicate, or no listener or group in common"));
}

TEST_F(IndexTest, AnyDifferenceInWhatTheyMatchTellsRoutesApart) {
  Load(kOrders);
  for (const char* fields :
       {"hosts: [b.example]\npaths: ['/u/{id}']", "hosts: [a.example]\npaths: ['/u/{id}/x']",
        "hosts: [a.example]\npaths: ['/u/{id}']\npriority: 1",
        "hosts: [a.example]\npaths: ['/u/{id}']\nmethods: [GET]",
        "hosts: [a.example]\npaths: ['/u/{id}']\nheaders: {x: '*'}", "paths: ['/u/{id}']"}) {
    EXPECT_THAT(Check(RouteYaml("other", fields)), IsEmpty()) << fields;
  }
}

TEST_F(IndexTest, RoutesThatNeverMeetMayMatchTheSame) {
  Load(
      absl::StrCat("kind: Listener\nname: a\naddress: 0.0.0.0:1\n---\nkind: Listener\nname: "
                   "b\naddress: 0.0.0.0:2\n---\n",
                   RouteYaml("r", "listeners: [a]\ngroups: [x, y]")));
  EXPECT_THAT(Check(RouteYaml("other", "listeners: [b]")), IsEmpty());
  EXPECT_THAT(Check(RouteYaml("other", "listeners: [b, a]\ngroups: [z]")), IsEmpty());
  EXPECT_EQ(Check(RouteYaml("other", "listeners: [b, a]\ngroups: [z, y]")).size(), 1u);
  EXPECT_EQ(Check(RouteYaml("other", "")).size(), 1u);
}

TEST_F(IndexTest, TwoRoutesOfOneChangeAreNamedOnce) {
  const std::vector<std::string> problems = Check(
      absl::StrCat(RouteYaml("b", "paths: [/x, /y]"), "---\n", RouteYaml("a", "paths: [/y, /x]")));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].substr(0, 54),
            "Route \"b\": matches the same requests as Route \"a\" (hos");
}

TEST_F(IndexTest, ARouteMayTakeThePlaceOfOneThatTheSameChangeMovesOrDeletes) {
  Load(RouteYaml("old", "paths: [/x]"));
  EXPECT_THAT(Check(RouteYaml("new", "paths: [/x]"), {{Kind::kRoute, "", "old"}}), IsEmpty());
  EXPECT_THAT(Check(absl::StrCat(RouteYaml("new", "paths: [/x]"), "---\n",
                                 RouteYaml("old", "paths: [/y]"))),
              IsEmpty());
}

TEST_F(IndexTest, AnOldAmbiguityIsAWarning) {
  Load(absl::StrCat(RouteYaml("a", "paths: [/x]"), "---\n", RouteYaml("b", "paths: [/x]")));
  const std::vector<std::string> problems = Check(RouteYaml("b", "paths: [/x, /y]"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].substr(0, 18), "warning: Route \"b\"");
  EXPECT_EQ(Check(RouteYaml("c", "paths: [/x]")).size(), 2u);
}

// --- Listeners

std::string ListenerYaml(absl::string_view name, absl::string_view address,
                         absl::string_view groups) {
  return absl::StrCat("kind: Listener\nname: ", name, "\naddress: '", address, "'\ngroups: [",
                      groups, "]\n");
}

TEST_F(IndexTest, ListenersClashWhereGroupsAndAddressesOverlap) {
  Load(ListenerYaml("a", "10.0.0.1:80", "x, y"));
  EXPECT_THAT(Check(ListenerYaml("b", "10.0.0.1:80", "y")),
              ElementsAre("Listener \"b\": address: clashes with Listener \"a\" at 10.0.0.1:80; "
                          "want another address or port, or groups without proxies in common"));
  EXPECT_EQ(Check(ListenerYaml("b", "0.0.0.0:80", "")).size(), 1u);
  EXPECT_THAT(Check(ListenerYaml("b", "10.0.0.1:80", "z")), IsEmpty());
  EXPECT_THAT(Check(ListenerYaml("b", "10.0.0.1:81", "")), IsEmpty());
  EXPECT_THAT(Check(ListenerYaml("b", "10.0.0.2:80", "")), IsEmpty());
  EXPECT_THAT(Check(ListenerYaml("b", "[::]:80", "")), IsEmpty());
}

// --- Listeners and what names them

constexpr absl::string_view kStreams = R"(kind: Upstream
name: db
---
kind: Listener
name: db
address: 0.0.0.0:5432
protocol: tcp
---
kind: Listener
name: through
address: 0.0.0.0:443
protocol: tls_passthrough
---
kind: Listener
name: web
address: 0.0.0.0:80
---
kind: StreamRoute
name: db
listeners: [db]
upstream: db
)";

TEST_F(IndexTest, RoutesAreForListenersThatSpeakHttpAndStreamRoutesForTheOthers) {
  Load(kStreams);
  EXPECT_THAT(Check("kind: Route\nname: r\nlisteners: [web, db]\nupstream: db\n"),
              ElementsAre("Route \"r\": listeners[1]: Listener \"db\" does not speak HTTP; want a "
                          "listener with protocol: http, or a StreamRoute"));
  EXPECT_THAT(
      Check("kind: GlobalRule\nname: r\nlisteners: [through]\n"),
      ElementsAre("GlobalRule \"r\": listeners[0]: Listener \"through\" does not speak HTTP; "
                  "want a listener with protocol: http, or a StreamRoute"));
  EXPECT_THAT(Check("kind: StreamRoute\nname: s\nlisteners: [web]\nupstream: db\n"),
              ElementsAre("StreamRoute \"s\": listeners[0]: Listener \"web\" speaks HTTP; want a "
                          "listener with protocol: tcp or tls_passthrough, or a Route"));
  const std::string named = "kind: StreamRoute\nname: s\nserver_names: [a]\nupstream: db\n";
  EXPECT_THAT(Check(named + "listeners: [through]\n"), IsEmpty());
  EXPECT_THAT(Check(named), IsEmpty());
  EXPECT_THAT(
      Check(named + "listeners: [db]\n"),
      ElementsAre("StreamRoute \"s\": listeners[0]: clients of Listener \"db\" ask for no "
                  "server; want no server_names, or tls or protocol: tls_passthrough on the "
                  "listener"));
}

TEST_F(IndexTest, AListenerThatIsNamedKeepsWhatItSpeaks) {
  Load(kStreams);
  const std::string now_http = "kind: Listener\nname: db\naddress: 0.0.0.0:5432\n";
  EXPECT_THAT(Check(now_http),
              ElementsAre("Listener \"db\": protocol: does not fit StreamRoute \"db\"; want what "
                          "names this listener changed in the same change"));
  EXPECT_THAT(Check(now_http + "---\nkind: StreamRoute\nname: db\nupstream: db\n"), IsEmpty());
  EXPECT_THAT(Check(now_http + "protocol: tls_passthrough\n"), IsEmpty());
}

TEST_F(IndexTest, StreamRoutesThatTakeTheSameConnectionsAreRefused) {
  Load(kStreams);
  EXPECT_THAT(
      Check("kind: StreamRoute\nname: other\nupstream: db\n"),
      ElementsAre("StreamRoute \"other\": takes the same connections as StreamRoute \"db\" "
                  "(server_name=*); want other server_names or client_ips, or no listener or "
                  "group in common"));
  EXPECT_THAT(Check("kind: StreamRoute\nname: other\nupstream: db\nlisteners: [through]\n"),
              IsEmpty());
  EXPECT_THAT(Check("kind: StreamRoute\nname: other\nupstream: db\nclient_ips: [10.0.0.0/8]\n"),
              IsEmpty());
  // A route for every host and path is another matter.
  EXPECT_THAT(Check("kind: Route\nname: r\nupstream: db\n"), IsEmpty());
}

TEST_F(IndexTest, AListenerMayMoveToAnAddressThatIsFreedInTheSameChange) {
  Load(ListenerYaml("a", "10.0.0.1:80", ""));
  EXPECT_THAT(Check(absl::StrCat(ListenerYaml("a", "10.0.0.1:81", ""), "---\n",
                                 ListenerYaml("b", "10.0.0.1:80", ""))),
              IsEmpty());
}

// --- Subsets

constexpr absl::string_view kSubsets = R"(kind: Upstream
name: orders
subsets: {selectors: [{labels: [version]}, {labels: [version, stage]}]}
---
kind: Upstream
name: plain
---
kind: Service
name: svc
upstream: orders
)";
constexpr absl::string_view kNoStage =
    "subset: Upstream \"orders\" has no selector of these labels: stage; want the labels of one of "
    "its selectors: version; stage, version";
constexpr absl::string_view kNone =
    "subset: Upstream \"plain\" has no selector of these labels: version; want subsets.selectors "
    "of "
    "the Upstream, or no subset";

TEST_F(IndexTest, ASubsetIsOneOfASelector) {
  Load(kSubsets);
  const std::string route = "kind: Route\nname: r\npaths: [/r]\nupstream: orders\nsubset: ";
  EXPECT_THAT(Check(route + "{version: v1}\n"), IsEmpty());
  EXPECT_THAT(Check(route + "{version: v1, stage: 'header:x-stage'}\n"), IsEmpty());
  EXPECT_THAT(Check(route + "{stage: test}\n"),
              ElementsAre(absl::StrCat("Route \"r\": ", kNoStage)));
}

TEST_F(IndexTest, ASubsetIsOneOfEachUpstreamThatMayServe) {
  Load(kSubsets);
  const std::string route = "kind: Route\nname: r\npaths: [/r]\n";
  EXPECT_THAT(Check(route + "upstreams: [{upstream: orders}, {upstream: plain}]\n"
                            "subset: {version: v1}\n"),
              ElementsAre(absl::StrCat("Route \"r\": ", kNone)));
  EXPECT_THAT(Check(route + "service: svc\nsubset: {version: v1}\n"), IsEmpty());
  EXPECT_THAT(Check(route + "service: svc\nsubset: {stage: test}\n"),
              ElementsAre(absl::StrCat("Route \"r\": ", kNoStage)));
  EXPECT_THAT(Check(route + "upstream: orders\nmirrors: [{upstream: plain, "
                            "subset: {version: v1}}]\n"),
              ElementsAre(absl::StrCat("Route \"r\": mirrors[0].", kNone)));
  EXPECT_THAT(Check("kind: StreamRoute\nname: s\nupstream: orders\nsubset: {stage: test}\n"),
              ElementsAre(absl::StrCat("StreamRoute \"s\": ", kNoStage)));
}

TEST_F(IndexTest, ASelectorThatIsAskedForStays) {
  Load(kSubsets);
  Load(
      "kind: Route\nname: r\npaths: [/r]\nupstream: orders\nsubset: {version: v1}\n---\n"
      "kind: Route\nname: by-service\npaths: [/s]\nservice: svc\nsubset: {version: v1}\n");
  EXPECT_THAT(Check("kind: Upstream\nname: orders\n"
                    "subsets: {selectors: [{labels: [version]}]}\n"),
              IsEmpty());
  EXPECT_THAT(
      Check("kind: Upstream\nname: orders\n"),
      ElementsAre("Upstream \"orders\": subsets.selectors: has no longer the labels for Route "
                  "\"by-service\", Route \"r\"; want the selector that they ask for, or what "
                  "names it changed in the same change"));
  EXPECT_THAT(Check("kind: Service\nname: svc\nupstream: plain\n"),
              ElementsAre("Service \"svc\": upstream: has no selector of the labels for Route "
                          "\"by-service\"; want an Upstream with the subsets that they ask for"));
  EXPECT_THAT(Check("kind: Upstream\nname: orders\n---\n"
                    "kind: Route\nname: r\npaths: [/r]\nupstream: orders\n",
                    {{Kind::kRoute, "", "by-service"}}),
              IsEmpty());
}

TEST_F(IndexTest, ASubsetThatWasOfNoSelectorIsAWarning) {
  Load(kSubsets);
  const std::string route =
      "kind: Route\nname: r\npaths: [/r]\nupstream: orders\nsubset: {stage: test}\n";
  Load(route);
  EXPECT_THAT(Check(route + "description: other\n"),
              ElementsAre(absl::StrCat("warning: Route \"r\": ", kNoStage)));
  EXPECT_THAT(Check("kind: Upstream\nname: orders\n"
                    "subsets: {selectors: [{labels: [version]}]}\n"),
              IsEmpty());
}

// --- Consumers

TEST_F(IndexTest, ACredentialBelongsToOneConsumer) {
  Load("kind: Consumer\nname: a\ncredentials: {key_auth: [{key: s3cret}]}\n");
  EXPECT_THAT(
      Check("kind: Consumer\nname: b\ncredentials: {key_auth: [{key: x}, {key: "
            "'sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0'}]}\n"),
      ElementsAre("Consumer \"b\": credentials.key_auth[1].key: is the credential of Consumer "
                  "\"a\" too; want a credential of its own"));
  EXPECT_THAT(Check("kind: Consumer\nname: b\ncredentials: {key_auth: [{key: s3cret}]}\n",
                    {{Kind::kConsumer, "", "a"}}),
              IsEmpty());
}

// --- Who answers

constexpr absl::string_view kNoAnswer =
    ": upstream: neither an upstream nor a service is given, and no plugin answers; want one of "
    "upstream, upstreams and service, or the plugin redirect or respond";

TEST_F(IndexTest, ARouteWithoutTargetNeedsAPluginThatAnswers) {
  EXPECT_THAT(Check("kind: Route\nname: r\n"), ElementsAre(absl::StrCat("Route \"r\"", kNoAnswer)));
  EXPECT_THAT(Check("kind: Route\nname: r\nplugins: {redirect: {scheme: https}}\n"), IsEmpty());
  EXPECT_THAT(Check("kind: Route\nname: r\nplugins: {key_auth: {}}\n"),
              ElementsAre(absl::StrCat("Route \"r\"", kNoAnswer)));
}

TEST_F(IndexTest, PluginSetsAnswerUnlessSomethingMoreSpecificRemovesIt) {
  Load(
      "kind: PluginSet\nname: answers\nplugins: {respond: {}}\n---\n"
      "kind: PluginSet\nname: silent\nplugins: {respond: {disabled: true}}\n");
  EXPECT_THAT(Check("kind: Route\nname: r\nplugin_sets: [silent, answers]\n"), IsEmpty());
  EXPECT_THAT(Check("kind: Route\nname: r\nplugin_sets: [answers, silent]\n"),
              ElementsAre(absl::StrCat("Route \"r\"", kNoAnswer)));
  EXPECT_THAT(Check("kind: Route\nname: r\nplugin_sets: [answers]\nplugins: {respond: {disabled: "
                    "true}}\n"),
              ElementsAre(absl::StrCat("Route \"r\"", kNoAnswer)));
}

TEST_F(IndexTest, APluginSetCannotStopAnsweringForItsRoutes) {
  Load(
      "kind: PluginSet\nname: s\nplugins: {respond: {}}\n---\n"
      "kind: Route\nname: r\nplugin_sets: [s]\n---\n"
      "kind: Route\nname: other\npaths: [/o]\nplugins: {respond: {}}\nplugin_sets: [s]\n");
  EXPECT_THAT(Check("kind: PluginSet\nname: s\n"),
              ElementsAre("PluginSet \"s\": plugins: no longer answers for Route \"r\"; want the "
                          "plugin that answered, or an upstream or service for what lost it"));
  EXPECT_THAT(Check("kind: PluginSet\nname: s\nplugins: {redirect: {scheme: https}}\n"), IsEmpty());
  EXPECT_THAT(Check("kind: PluginSet\nname: s\n", {{Kind::kRoute, "", "r"}}), IsEmpty());
}

// --- The index keeps up

TEST_F(IndexTest, ForgetsWhatAReplacedResourceWas) {
  Load(RouteYaml("r", "paths: [/x]"));
  Load("kind: Consumer\nname: c\ncredentials: {key_auth: [{key: a}]}\n");
  Load(ListenerYaml("l", "0.0.0.0:80", ""));
  Load(RouteYaml("r", "paths: [/y]"));
  Load("kind: Consumer\nname: c\ncredentials: {key_auth: [{key: b}]}\n");
  Load(ListenerYaml("l", "0.0.0.0:81", ""));
  EXPECT_THAT(Check(RouteYaml("s", "paths: [/x]")), IsEmpty());
  EXPECT_THAT(Check("kind: Consumer\nname: d\ncredentials: {key_auth: [{key: a}]}\n"), IsEmpty());
  EXPECT_THAT(Check(ListenerYaml("m", "0.0.0.0:80", "")), IsEmpty());
  EXPECT_EQ(index_.size(), 3u);
}

TEST_F(IndexTest, AResourceDoesNotClashWithItself) {
  const std::string all =
      absl::StrCat(kOrders, "---\nkind: Consumer\nname: c\ncredentials: {key_auth: [{key: a}]}\n");
  Load(all);
  EXPECT_THAT(Check(all), IsEmpty());
}

}  // namespace
}  // namespace sluice::validate
