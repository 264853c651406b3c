#include "proxy/runtime/cluster_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ClusterBookTest : public ::testing::Test {
 protected:
  // Of one upstream; its routes' hold on it.
  void Configure(const std::vector<v1::Endpoint>& endpoints, const std::string& name = "up") {
    v1::Resource resource;
    resource.set_name(name);
    for (const v1::Endpoint& endpoint : endpoints) {
      *resource.mutable_upstream()->add_endpoints() = endpoint;
    }
    book_.Upsert(resource, nullptr);
  }
  static v1::Endpoint At(const std::string& address, uint32_t weight = 1) {
    v1::Endpoint endpoint;
    endpoint.set_address(address);
    endpoint.set_weight(weight);
    return endpoint;
  }
  static v1::RegisteredEndpoint Registered(const std::string& owner, const std::string& address,
                                           uint32_t weight = 1) {
    v1::RegisteredEndpoint endpoint;
    endpoint.set_upstream("up");
    endpoint.set_owner(owner);
    endpoint.set_address(address);
    endpoint.set_weight(weight);
    return endpoint;
  }
  static std::vector<net::IpAddress> Ips(const std::vector<std::string>& texts) {
    std::vector<net::IpAddress> ips;
    for (const std::string& text : texts) ips.push_back(*net::IpAddress::Parse(text));
    return ips;
  }

  // "ADDRESS WEIGHT" of the endpoints of the last step.
  std::vector<std::string> Take() {
    steps_ = book_.TakeSteps();
    std::vector<std::string> endpoints;
    for (const auto& endpoint : set().endpoints) {
      endpoints.push_back(absl::StrCat(endpoint->address.ToString(), " ", endpoint->weight));
    }
    return endpoints;
  }
  const upstream::EndpointSet& set() const { return *steps_.back().endpoints; }

  ManualClock clock_;
  observe::MetricRegistry metrics_;
  ClusterBook book_{clock_, metrics_, ""};
  std::vector<ClusterStep> steps_;
};

TEST_F(ClusterBookTest, RegisteredEndpointsAreBesideThoseOfTheFile) {
  Configure({At("10.0.0.1:80")});
  book_.UpsertEndpoint(Registered("k8s", "10.0.0.2:80", 3));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 1", "10.0.0.2:80 3"));
  book_.RemoveEndpoint(Registered("k8s", "10.0.0.2:80"));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 1"));
}

TEST_F(ClusterBookTest, ARegisteredEndpointHasPriorityZoneAndLabels) {
  Configure({});
  v1::RegisteredEndpoint registered = Registered("k8s", "10.0.0.1:80");
  registered.set_priority(2);
  registered.set_zone("eu-1");
  (*registered.mutable_labels())["version"] = "v2";
  book_.UpsertEndpoint(registered);
  Take();
  const upstream::Endpoint& endpoint = *set().endpoints.at(0);
  EXPECT_EQ(endpoint.priority, 2u);
  EXPECT_EQ(endpoint.zone, "eu-1");
  EXPECT_EQ(endpoint.labels, (upstream::Labels{{"version", "v2"}}));
}

TEST_F(ClusterBookTest, OfOneAddressTheFileCounts) {
  Configure({At("10.0.0.1:80", 5)});
  book_.UpsertEndpoint(Registered("k8s", "10.0.0.1:80", 3));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 5"));
}

// A registration by address came before a name of the file, because digits do.
TEST_F(ClusterBookTest, OfOneAddressTheFileCountsThoughItHasItByName) {
  Configure({At("up.example:80", 5)});
  book_.UpsertEndpoint(Registered("k8s", "10.0.0.1:80", 3));
  Take();
  book_.SetResolved("up.example", Ips({"10.0.0.1"}));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 5"));
}

// Whoever came last counted, so that proxies differed.
TEST_F(ClusterBookTest, OfTwoOwnersTheSmallerNameCountsWhateverTheOrder) {
  Configure({});
  book_.UpsertEndpoint(Registered("a", "10.0.0.1:80", 2));
  book_.UpsertEndpoint(Registered("b", "10.0.0.1:80", 3));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 2"));
  book_.RemoveEndpoint(Registered("a", "10.0.0.1:80"));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 3"));
  book_.RemoveEndpoint(Registered("b", "10.0.0.1:80"));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ClusterBookTest, ANameIsWantedWhileAnEndpointHasIt) {
  Configure({At("a.example:80")});
  book_.UpsertEndpoint(Registered("k8s", "b.example:80"));
  Take();
  EXPECT_THAT(book_.WantedNames(), ElementsAre("a.example", "b.example"));
  Configure({});
  Take();
  EXPECT_THAT(book_.WantedNames(), ElementsAre("b.example"));
  book_.Remove("up");
  EXPECT_THAT(book_.WantedNames(), IsEmpty());
}

// What DNS had ever said was kept for good.
TEST_F(ClusterBookTest, ANameThatNobodyWantsIsForgotten) {
  Configure({At("a.example:80")});
  Take();
  book_.SetResolved("a.example", Ips({"10.0.0.1"}));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.1:80 1"));
  Configure({});
  Take();
  book_.SetResolved("a.example", Ips({"10.0.0.2"}));
  EXPECT_FALSE(book_.has_steps());
  Configure({At("a.example:80")});
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(set().is_unresolved);
}

TEST_F(ClusterBookTest, AnAnswerChangesThoseWhoHaveTheName) {
  Configure({At("a.example:80")}, "a");
  Configure({At("b.example:80")}, "b");
  Take();
  book_.SetResolved("b.example", Ips({"10.0.0.2"}));
  EXPECT_THAT(Take(), ElementsAre("10.0.0.2:80 1"));
  EXPECT_EQ(steps_.size(), 1u);
  EXPECT_EQ(steps_[0].settings->name, "b");
  book_.SetResolved("b.example", Ips({"10.0.0.2"}));
  EXPECT_FALSE(book_.has_steps());
}

TEST_F(ClusterBookTest, AnEndpointThatStaysKeepsItsHealth) {
  Configure({At("10.0.0.1:80"), At("10.0.0.2:80")});
  Take();
  const auto health = set().endpoints.at(1)->health;
  Configure({At("10.0.0.2:80", 7)});
  Take();
  EXPECT_EQ(set().endpoints.at(0)->health, health);
  Configure({});
  Take();
  Configure({At("10.0.0.2:80")});
  Take();
  EXPECT_NE(set().endpoints.at(0)->health, health) << "it went, and is another one";
}

}  // namespace
}  // namespace sluice::runtime
