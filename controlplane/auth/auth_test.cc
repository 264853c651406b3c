// Who may do what: every identity against every call there is.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/auth/access.h"
#include "controlplane/auth/caller.h"
#include "controlplane/auth/identity.h"
#include "controlplane/web/operations.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/config_stream.pb.h"
#include "sluice/v1/endpoints.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Caller With(const std::string& uri) { return Caller::WithUris({uri}); }

TEST(IdentityTest, EveryFormIsRead) {
  const absl::StatusOr<Identity> proxy = ParseIdentity("sluice://proxy/edge,eu/edge-1.example");
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  EXPECT_EQ(proxy->role, Identity::Role::kProxy);
  EXPECT_EQ(proxy->name, "edge-1.example");
  EXPECT_THAT(proxy->groups, ElementsAre("edge", "eu"));
  EXPECT_THAT(ParseIdentity("sluice://proxy/-/lone")->groups, IsEmpty());
  EXPECT_EQ(ParseIdentity("sluice://endpoints/orders")->role, Identity::Role::kEndpoints);
  EXPECT_EQ(ParseIdentity("sluice://viewer/bob")->role, Identity::Role::kViewer);
  EXPECT_EQ(ParseIdentity("sluice://admin/alice")->role, Identity::Role::kAdmin);
}

TEST(IdentityTest, WhatIsNotExactlyAFormIsNobody) {
  for (const char* uri :
       {"sluice://", "sluice://admin", "sluice://admin/", "sluice://admin/a/b", "sluice://Admin/a",
        "sluice://boss/a", "http://admin/a", "sluice://proxy/edge", "sluice://proxy//n",
        "sluice://proxy/a,/n", "sluice://proxy/a,,b/n", "sluice://proxy/a/",
        "sluice://proxy/-,a b/n", "sluice://admin/a%2fb", "sluice://admin/a?b", " sluice://admin/a",
        "sluice://viewer/*"}) {
    EXPECT_FALSE(ParseIdentity(uri).ok()) << uri;
  }
}

// Every method and route of the control plane.
std::set<std::string> AllCalls() {
  std::set<std::string> calls = {
      "/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/Watch",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "GET /healthz",
      "GET /readyz",
      "GET /metrics",
  };
  for (const google::protobuf::FileDescriptor* file :
       {v1::ApplyRequest::descriptor()->file(), v1::ProxyMessage::descriptor()->file(),
        v1::RegisterRequest::descriptor()->file(), v1::ForgetRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        calls.insert(absl::StrCat("/", file->service(i)->full_name(), "/",
                                  file->service(i)->method(j)->name()));
      }
    }
  }
  for (const web::Operation& operation : web::Operations()) {
    calls.insert(absl::StrCat(operation.method, " ", operation.path));
  }
  return calls;
}

TEST(AccessTest, EveryCallHasARuleAndEveryRuleACall) {
  std::set<std::string> ruled;
  for (const Rule& rule : Rules()) {
    EXPECT_TRUE(ruled.insert(std::string(rule.call)).second) << "twice: " << rule.call;
  }
  EXPECT_EQ(ruled, AllCalls());
}

TEST(AccessTest, ACallWithoutARuleTakesAnAdministrator) {
  EXPECT_TRUE(With("sluice://admin/a").CheckCall("/sluice.v1.Admin/New").ok());
  for (const char* uri : {"sluice://viewer/v", "sluice://proxy/-/n", "sluice://endpoints/u"}) {
    EXPECT_EQ(With(uri).CheckCall("/sluice.v1.Admin/New").code(),
              absl::StatusCode::kPermissionDenied);
  }
}

// What of all calls `caller` may begin, or may not, whichever are fewer to write down.
std::set<std::string> Allowed(const Caller& caller) {
  std::set<std::string> allowed;
  for (const std::string& call : AllCalls()) {
    if (caller.CheckCall(call).ok()) allowed.insert(call);
  }
  return allowed;
}

TEST(CallerTest, AnAdministratorMayEverything) {
  EXPECT_EQ(Allowed(With("sluice://admin/alice")), AllCalls());
}

TEST(CallerTest, WhereNobodyIsAskedEverybodyMayEverything) {
  EXPECT_EQ(Allowed(Caller::Anybody()), AllCalls());
  EXPECT_EQ(Caller::Anybody().name(), "");
}

TEST(CallerTest, AViewerMayAllButSyncRegisterAndForget) {
  std::set<std::string> wanted = AllCalls();
  for (const char* call : {"/sluice.v1.ConfigStream/Sync", "/sluice.v1.Endpoints/Register",
                           "/sluice.v1.Fleet/Forget"}) {
    EXPECT_EQ(wanted.erase(call), 1u);
  }
  EXPECT_EQ(Allowed(With("sluice://viewer/bob")), wanted);
}

const std::set<std::string>& OpenToAllIdentities() {
  static const auto& calls = *new std::set<std::string>{
      "/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/Watch",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "/sluice.v1.Admin/GetVersion",
      "GET /healthz",
      "GET /readyz",
      "GET /v1/openapi.json",
  };
  return calls;
}

TEST(CallerTest, AProxyMayOnlySync) {
  std::set<std::string> wanted = OpenToAllIdentities();
  wanted.insert("/sluice.v1.ConfigStream/Sync");
  EXPECT_EQ(Allowed(With("sluice://proxy/edge/edge-1")), wanted);
}

TEST(CallerTest, AnOwnerOfEndpointsMayOnlyRegisterAndListThem) {
  std::set<std::string> wanted = OpenToAllIdentities();
  wanted.insert("/sluice.v1.Endpoints/Register");
  wanted.insert("/sluice.v1.Endpoints/ListEndpoints");
  EXPECT_EQ(Allowed(With("sluice://endpoints/orders")), wanted);
}

TEST(CallerTest, ACertificateOfNobodyIsGoodForNothing) {
  const std::set<std::string> open = {"GET /healthz", "GET /readyz"};
  EXPECT_EQ(Allowed(Caller::WithUris({})), open);
  EXPECT_EQ(Allowed(With("spiffe://example/admin")), open);
  EXPECT_EQ(Allowed(With("sluice://admin/a/b")), open);
  EXPECT_EQ(Allowed(Caller::Unknown("no certificate was shown")), open);
}

TEST(CallerTest, ARefusalSaysWhoCallsAndWhatItTakes) {
  const absl::Status refused = With("sluice://viewer/bob").CheckChange(false);
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is of sluice://viewer/bob"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("sluice://admin/NAME"));
  const absl::Status unknown =
      Caller::Unknown("no certificate was shown").CheckCall("GET /metrics");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no certificate was shown"));
}

TEST(CallerTest, AViewerTriesChangesOutAndMakesNone) {
  EXPECT_TRUE(With("sluice://viewer/bob").CheckChange(true).ok());
  EXPECT_FALSE(With("sluice://viewer/bob").CheckChange(false).ok());
  EXPECT_TRUE(With("sluice://admin/alice").CheckChange(false).ok());
  EXPECT_FALSE(With("sluice://proxy/edge/edge-1").CheckChange(true).ok());
  EXPECT_FALSE(With("sluice://endpoints/orders").CheckChange(true).ok());
}

TEST(CallerTest, AProxyIsItselfInItsGroupsOrFewer) {
  const Caller caller = With("sluice://proxy/edge,eu/edge-1");
  EXPECT_TRUE(caller.CheckProxy("edge-1", {"edge", "eu"}).ok());
  EXPECT_TRUE(caller.CheckProxy("edge-1", {"eu"}).ok());
  EXPECT_TRUE(caller.CheckProxy("edge-1", {}).ok());
  EXPECT_THAT(std::string(caller.CheckProxy("edge-1", {"eu", "us"}).message()),
              HasSubstr("sluice://proxy/eu,us/edge-1"));
  EXPECT_FALSE(caller.CheckProxy("edge-2", {"edge"}).ok());
  EXPECT_FALSE(With("sluice://viewer/bob").CheckProxy("edge-1", {}).ok());
}

// Two URIs of proxies are two proxies, not one with the groups of both.
TEST(CallerTest, GroupsOfTwoIdentitiesDoNotAddUp) {
  const Caller caller =
      Caller::WithUris({"sluice://proxy/edge/edge-1", "sluice://proxy/eu/edge-1"});
  EXPECT_TRUE(caller.CheckProxy("edge-1", {"eu"}).ok());
  EXPECT_FALSE(caller.CheckProxy("edge-1", {"edge", "eu"}).ok());
}

TEST(CallerTest, OwnersOfEndpointsReachTheirUpstreamsOnly) {
  const Caller caller = Caller::WithUris({"sluice://endpoints/orders", "sluice://endpoints/users"});
  EXPECT_TRUE(caller.CheckUpstream("orders").ok());
  EXPECT_TRUE(caller.CheckUpstream("users").ok());
  EXPECT_FALSE(caller.CheckUpstream("payments").ok());
  EXPECT_TRUE(caller.CheckUpstreamReadable("orders").ok());
  EXPECT_FALSE(caller.CheckUpstreamReadable("payments").ok());
  EXPECT_FALSE(caller.CheckUpstreamReadable("").ok());
  EXPECT_TRUE(With("sluice://viewer/bob").CheckUpstreamReadable("").ok());
  EXPECT_TRUE(With("sluice://admin/alice").CheckUpstreamReadable("").ok());
  EXPECT_FALSE(With("sluice://viewer/bob").CheckUpstream("orders").ok());
}

TEST(CallerTest, TheHistoryKnowsTheAdministratorByName) {
  EXPECT_EQ(Caller::WithUris({"sluice://viewer/v", "sluice://admin/alice"}).name(), "alice");
  EXPECT_EQ(With("sluice://endpoints/orders").name(), "orders");
}

}  // namespace
}  // namespace sluice::auth
