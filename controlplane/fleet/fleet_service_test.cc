// What the Fleet service answers, over real connections.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/fleet/testing/control_plane.h"
#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/testing/scripted_proxy.h"
#include "controlplane/store/testing/temp_dir.h"
#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::fleet {
namespace {

using ::testing::ElementsAre;
using State = v1::ProxyStatus;

v1::Resource Described(const std::string& name, const std::string& description,
                       std::vector<std::string> groups = {}) {
  v1::Resource route = RouteTo("u", name, std::move(groups));
  route.set_description(description);
  return route;
}

ScriptedProxy::Options Named(const std::string& node, std::vector<std::string> groups = {}) {
  return {.node = node, .groups = std::move(groups)};
}

auto IsIn(State::State state) {
  return [state](const v1::ProxyStatus& status) { return status.state() == state; };
}

template <typename List>
std::vector<std::string> Nodes(const List& list) {
  std::vector<std::string> nodes;
  for (const v1::ProxyStatus& status : list) nodes.push_back(status.node());
  return nodes;
}

class FleetServiceTest : public ::testing::Test {
 protected:
  using WaitReader = std::unique_ptr<grpc::ClientReader<v1::WaitForGenerationResponse>>;

  FleetServiceTest() {
    control_plane_.Put(
        {Upstream("u"), Described("r", "1", {"edge"}), Described("c", "1", {"core"})});
  }

  WaitReader Wait(uint64_t generation, std::vector<std::string> groups = {}) {
    v1::WaitForGenerationRequest request;
    request.set_generation(generation);
    request.mutable_groups()->Add(groups.begin(), groups.end());
    wait_context_ = std::make_unique<grpc::ClientContext>();
    return stub_->WaitForGeneration(wait_context_.get(), request);
  }

  // The message that says `done`.
  v1::WaitForGenerationResponse Last(const WaitReader& reader) {
    v1::WaitForGenerationResponse response;
    while (reader->Read(&response) && !response.done()) {
    }
    EXPECT_TRUE(response.done());
    EXPECT_TRUE(reader->Finish().ok());
    return response;
  }

  // The first message: the wait has begun.
  void AwaitBegin(const WaitReader& reader) {
    v1::WaitForGenerationResponse response;
    EXPECT_TRUE(reader->Read(&response));
    EXPECT_FALSE(response.done());
  }

  store::TempDir dir_;
  ControlPlane control_plane_{dir_.path()};
  std::unique_ptr<v1::Fleet::Stub> stub_ = v1::Fleet::NewStub(
      grpc::CreateChannel(control_plane_.address(), grpc::InsecureChannelCredentials()));
  std::unique_ptr<grpc::ClientContext> wait_context_;
};

TEST_F(FleetServiceTest, ProxiesAreListedByNodeAndGroup) {
  ScriptedProxy b(control_plane_.address(), Named("b", {"edge"}));
  b.Settle();
  ScriptedProxy a(control_plane_.address(), Named("a", {"core"}));
  a.Settle();
  const auto list = [this](std::vector<std::string> groups) {
    grpc::ClientContext context;
    v1::ListProxiesRequest request;
    request.mutable_groups()->Add(groups.begin(), groups.end());
    const auto reader = stub_->ListProxies(&context, request);
    std::vector<v1::ProxyStatus> all;
    v1::ProxyStatus status;
    while (reader->Read(&status)) all.push_back(status);
    EXPECT_TRUE(reader->Finish().ok());
    return Nodes(all);
  };
  EXPECT_THAT(list({}), ElementsAre("a", "b"));
  EXPECT_THAT(list({"edge", "other"}), ElementsAre("b"));
}

TEST_F(FleetServiceTest, AWatchSeesTheListAndThenChanges) {
  ScriptedProxy proxy(control_plane_.address(), Named("a", {"edge"}));
  proxy.Settle();
  control_plane_.WaitUntil("a", IsIn(State::ACTIVE));
  grpc::ClientContext context;
  const auto reader = stub_->WatchProxies(&context, {});
  v1::ProxyStatus status;
  ASSERT_TRUE(reader->Read(&status));
  EXPECT_EQ(status.state(), State::ACTIVE);
  const uint64_t number = control_plane_.Put({Described("r", "2", {"edge"})});
  proxy.TakeUpdate();
  proxy.Say(v1::Status::ACTIVE);
  while (status.active().number() != number) ASSERT_TRUE(reader->Read(&status));
  proxy.Leave();
  while (status.state() != State::DISCONNECTED) ASSERT_TRUE(reader->Read(&status));
  context.TryCancel();
}

TEST_F(FleetServiceTest, WaitingEndsWhenAllWhoseViewChangedHaveIt) {
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  ScriptedProxy core(control_plane_.address(), Named("core", {"core"}));
  edge.Settle();
  core.Settle();
  const uint64_t number = control_plane_.Put({Described("r", "2", {"edge"})});
  const WaitReader reader = Wait(number);
  AwaitBegin(reader);
  edge.TakeUpdate();
  edge.Say(v1::Status::ACTIVE);
  const v1::WaitForGenerationResponse last = Last(reader);
  EXPECT_EQ(last.generation(), number);
  EXPECT_EQ(last.total(), 1u);
  EXPECT_EQ(last.active(), 1u);
}

TEST_F(FleetServiceTest, ALaterGenerationWillDo) {
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  edge.Settle();
  control_plane_.WaitUntil("edge", IsIn(State::ACTIVE));
  const uint64_t number = control_plane_.Put({Described("r", "2", {"edge"})});
  control_plane_.Put({Described("r", "3", {"edge"})});
  edge.TakeUpdate();
  edge.Say(v1::Status::ACTIVE);
  edge.TakeUpdate();
  edge.Say(v1::Status::ACTIVE);
  EXPECT_EQ(Last(Wait(number)).active(), 1u);
}

TEST_F(FleetServiceTest, WithNobodyToWaitForItEndsAtOnce) {
  const v1::WaitForGenerationResponse last =
      Last(Wait(control_plane_.Put({Described("r", "2", {"edge"})})));
  EXPECT_EQ(last.total(), 0u);
}

TEST_F(FleetServiceTest, OnlyProxiesOfTheGroupsAskedForAreWaitedFor) {
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  ScriptedProxy core(control_plane_.address(), Named("core", {"core"}));
  edge.Settle();
  core.Settle();
  const uint64_t number =
      control_plane_.Put({Described("r", "2", {"edge"}), Described("c", "2", {"core"})});
  const WaitReader reader = Wait(number, {"core"});
  AwaitBegin(reader);
  core.TakeUpdate();
  core.Say(v1::Status::ACTIVE);
  EXPECT_EQ(Last(reader).total(), 1u);
}

TEST_F(FleetServiceTest, WhatBecameOfEachProxyIsToldApart) {
  const auto connect = [this](const std::string& node, std::vector<std::string> plugins) {
    ScriptedProxy::Options options = Named(node, {"edge"});
    options.plugins = std::move(plugins);
    auto proxy = std::make_unique<ScriptedProxy>(control_plane_.address(), std::move(options));
    proxy->Settle();
    control_plane_.WaitUntil(node, IsIn(State::ACTIVE));
    return proxy;
  };
  const auto degraded = connect("degraded", {"key_auth"});
  const auto rejected = connect("rejected", {"key_auth"});
  const auto gone = connect("gone", {"key_auth"});
  const auto held = connect("held", {});
  const auto late = connect("late", {"key_auth"});
  v1::Resource route = Described("r", "2", {"edge"});
  AddKeyAuth(&route);
  const uint64_t number = control_plane_.Put({route});
  const WaitReader reader = Wait(number);
  AwaitBegin(reader);
  degraded->TakeUpdate();
  degraded->Say(v1::Status::DEGRADED, "port 80 is taken");
  rejected->TakeUpdate();
  rejected->Reject("no such thing");
  gone->Leave();
  control_plane_.WaitUntil("degraded", IsIn(State::DEGRADED));
  control_plane_.WaitUntil("rejected", IsIn(State::REJECTED));
  control_plane_.WaitUntil("gone", IsIn(State::DISCONNECTED));
  control_plane_.Advance(absl::Seconds(31));

  const v1::WaitForGenerationResponse last = Last(reader);
  EXPECT_EQ(last.total(), 5u);
  EXPECT_EQ(last.active(), 1u);
  EXPECT_THAT(Nodes(last.degraded()), ElementsAre("degraded"));
  EXPECT_THAT(Nodes(last.rejected()), ElementsAre("rejected"));
  EXPECT_EQ(last.rejected(0).problems(0).problem(), "no such thing");
  EXPECT_THAT(Nodes(last.held()), ElementsAre("held"));
  EXPECT_THAT(Nodes(last.disconnected()), ElementsAre("gone"));
  EXPECT_THAT(Nodes(last.late()), ElementsAre("late"));
}

TEST_F(FleetServiceTest, WhoRefusedTheGenerationBeforeIsStillWaitedFor) {
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  edge.Settle();
  control_plane_.Put({Described("r", "bad", {"edge"})});
  edge.TakeUpdate();
  edge.Reject("no such thing");
  control_plane_.WaitUntil("edge", IsIn(State::REJECTED));
  const WaitReader reader = Wait(control_plane_.Put({Described("r", "good", {"edge"})}));
  AwaitBegin(reader);
  edge.TakeUpdate();
  edge.Say(v1::Status::ACTIVE);
  EXPECT_EQ(Last(reader).active(), 1u);
}

// A proxy that connects after the commit gets it as part of what it loads.
TEST_F(FleetServiceTest, WhoConnectsAfterTheCommitIsNotWaitedFor) {
  const uint64_t number = control_plane_.Put({Described("r", "2", {"edge"})});
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  edge.TakeWelcome();
  edge.TakeUpdate();
  EXPECT_EQ(Last(Wait(number)).total(), 0u);
}

TEST_F(FleetServiceTest, AGenerationToComeIsWaitedFor) {
  ScriptedProxy edge(control_plane_.address(), Named("edge", {"edge"}));
  edge.Settle();
  control_plane_.WaitUntil("edge", IsIn(State::ACTIVE));
  const uint64_t next = control_plane_.ledger().state()->head.generation.number + 1;
  const WaitReader reader = Wait(next);
  control_plane_.Put({Described("r", "2", {"edge"})});
  edge.TakeUpdate();
  edge.Say(v1::Status::ACTIVE);
  EXPECT_EQ(Last(reader).total(), 1u);
}

TEST_F(FleetServiceTest, WaitingWithoutAGenerationIsRefused) {
  v1::WaitForGenerationResponse response;
  const WaitReader reader = Wait(0);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FleetServiceTest, OnlyAProxyThatIsGoneIsForgotten) {
  const auto forget = [this](const std::string& node) {
    grpc::ClientContext context;
    v1::ForgetRequest request;
    request.set_node(node);
    v1::ForgetResponse response;
    return stub_->Forget(&context, request, &response).error_code();
  };
  ScriptedProxy proxy(control_plane_.address(), Named("a"));
  proxy.Settle();
  EXPECT_EQ(forget("a"), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(forget("b"), grpc::StatusCode::NOT_FOUND);
  proxy.Leave();
  control_plane_.WaitUntil("a", IsIn(State::DISCONNECTED));
  EXPECT_EQ(forget("a"), grpc::StatusCode::OK);
  EXPECT_EQ(forget("a"), grpc::StatusCode::NOT_FOUND);
}

// A control plane that is killed right after it answered does not list it again.
TEST_F(FleetServiceTest, WhenForgettingIsAnsweredTheStoreKnows) {
  {
    ScriptedProxy proxy(control_plane_.address(), Named("a"));
    proxy.Settle();
  }
  control_plane_.WaitUntil("a", IsIn(State::DISCONNECTED));
  grpc::ClientContext context;
  v1::ForgetRequest request;
  request.set_node("a");
  v1::ForgetResponse response;
  ASSERT_TRUE(stub_->Forget(&context, request, &response).ok());
  EXPECT_TRUE(control_plane_.ledger().ProxyNotes().value().empty());
}

class AdminPageTest : public FleetServiceTest {
 protected:
  AdminPageTest() { proxy_.Settle(); }

  std::unique_ptr<grpc::ClientReader<v1::AdminPageResponse>> Fetch(const std::string& node,
                                                                   const std::string& path) {
    v1::AdminPageRequest request;
    request.set_node(node);
    request.set_path(path);
    return stub_->AdminPage(&context_, request);
  }

  void Answer(uint64_t id, uint32_t status, const std::string& body, bool is_last) {
    v1::ProxyMessage message;
    message.mutable_answer()->set_id(id);
    message.mutable_answer()->set_status(status);
    message.mutable_answer()->set_body(body);
    message.mutable_answer()->set_last(is_last);
    proxy_.Send(message);
  }

  ScriptedProxy proxy_{control_plane_.address(), Named("a")};
  grpc::ClientContext context_;
};

TEST_F(AdminPageTest, PartsAreRelayedInOrder) {
  const auto reader = Fetch("a", "/clusters?x=1");
  const v1::Query query = proxy_.TakeQuery();
  EXPECT_EQ(query.path(), "/clusters?x=1");
  Answer(query.id(), 200, "one ", false);
  Answer(query.id(), 200, "two", true);
  std::string body;
  v1::AdminPageResponse part;
  ASSERT_TRUE(reader->Read(&part));
  EXPECT_EQ(part.status(), 200u);
  EXPECT_EQ(part.content_type(), "text/plain");
  body = part.body();
  while (reader->Read(&part)) body += part.body();
  EXPECT_EQ(body, "one two");
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(AdminPageTest, AProxyThatDoesNotAnswerTimesOut) {
  const auto reader = Fetch("a", "/ready");
  proxy_.TakeQuery();
  control_plane_.Advance(absl::Seconds(11));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(AdminPageTest, AProxyThatLeavesEndsThePage) {
  const auto reader = Fetch("a", "/ready");
  proxy_.TakeQuery();
  proxy_.Leave();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(AdminPageTest, WhoIsNotListedIsNotFound) {
  EXPECT_EQ(Fetch("b", "/ready")->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminPageTest, APathStartsWithASlash) {
  EXPECT_EQ(Fetch("a", "ready")->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminPageTest, WhoAsksMayGiveUp) {
  const auto reader = Fetch("a", "/ready");
  const v1::Query query = proxy_.TakeQuery();
  context_.TryCancel();
  reader->Finish();
  Answer(query.id(), 200, "late", true);
  proxy_.Report(*proxy_.replica().generation());
  control_plane_.WaitUntil("a", IsIn(State::ACTIVE));
}

}  // namespace
}  // namespace sluice::fleet
