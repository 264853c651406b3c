// What the Endpoints service does, over real connections; time stands still until it is moved.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "controlplane/endpoints/endpoints_service.h"
#include "controlplane/endpoints/registrar.h"
#include "controlplane/store/ledger.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"
#include "sluice/v1/endpoints.grpc.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::endpoints {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Stream = std::unique_ptr<grpc::ClientReaderWriter<v1::RegisterRequest, v1::RegisterResponse>>;

v1::RegisterRequest Upsert(const std::vector<std::string>& addresses) {
  v1::RegisterRequest request;
  for (const std::string& address : addresses) request.add_upsert()->set_address(address);
  return request;
}

// One caller's stream.
class Caller {
 public:
  Caller(v1::Endpoints::Stub& stub, std::string owner, std::string upstream = "orders")
      : stream_(stub.Register(&context_)),
        owner_(std::move(owner)),
        upstream_(std::move(upstream)) {}

  v1::RegisterResponse Say(v1::RegisterRequest request) {
    if (is_first_) {
      request.set_owner(owner_);
      request.set_upstream(upstream_);
      is_first_ = false;
    }
    return SayAsIs(request);
  }
  v1::RegisterResponse SayAsIs(const v1::RegisterRequest& request) {
    EXPECT_TRUE(stream_->Write(request));
    v1::RegisterResponse response;
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }
  grpc::Status Leave() {
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  Stream stream_;
  const std::string owner_;
  const std::string upstream_;
  bool is_first_ = true;
};

class EndpointsTest : public ::testing::Test {
 protected:
  EndpointsTest() {
    Start();
    v1::Resource upstream;
    upstream.set_name("orders");
    upstream.mutable_upstream()->add_endpoints()->set_address("10.9.9.9:80");
    const resource::Key key = resource::KeyOf(upstream);
    EXPECT_TRUE(ledger_->Commit({{key, resource::Serialise(upstream)}}, {}, 0).ok());
  }
  ~EndpointsTest() override { Stop(); }

  void Start() {
    store_ = *store::SqliteStore::Open(dir_.path(), {});
    ledger_ = *store::Ledger::Open(*store_, clock_);
    registrar_ =
        std::make_unique<Registrar>(*ledger_, clock_, [this](uint32_t) { return old_proxies_; });
    service_ = MakeEndpointsService(*registrar_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::Endpoints::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }

  void Stop() {
    server_->Shutdown(std::chrono::system_clock::now());
    registrar_.reset();
    ledger_.reset();
    store_.reset();
  }

  // Moves the clock; leases that have ended are withdrawn when it returns.
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    for (int i = 0; i < 3; ++i) registrar_->loop().PostAndWait([] {});
  }

  // "OWNER ADDRESS WEIGHT" of what is registered.
  std::vector<std::string> Registered() {
    std::vector<std::string> all;
    for (const auto& e : ledger_->state()->endpoints) {
      all.push_back(absl::StrCat(e->owner, " ", e->address, " ", e->traits.weight));
    }
    return all;
  }

  uint64_t Generation() { return ledger_->state()->head.generation.number; }

  store::TempDir dir_;
  ManualClock clock_;
  std::string old_proxies_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<Registrar> registrar_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Endpoints::Stub> stub_;
};

TEST_F(EndpointsTest, WhatIsRegisteredIsInTheNextGeneration) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest request = Upsert({"10.0.0.1:80", "orders.internal:80"});
  request.mutable_upsert(1)->set_weight(3);
  const v1::RegisterResponse response = caller.Say(request);
  EXPECT_THAT(response.problems(), IsEmpty());
  EXPECT_EQ(response.generation(), Generation());
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1", "k8s orders.internal:80 3"));
}

TEST_F(EndpointsTest, AnEndpointHasPriorityZoneAndLabelsOfItsOwn) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest request = Upsert({"10.0.0.1:80"});
  request.mutable_upsert(0)->set_priority(1);
  request.mutable_upsert(0)->set_zone("eu-1");
  (*request.mutable_upsert(0)->mutable_labels())["version"] = "v2";
  EXPECT_THAT(caller.Say(request).problems(), IsEmpty());
  const resource::EndpointTraits expected{1, 1, "eu-1", {{"version", "v2"}}};
  EXPECT_EQ((*ledger_->state()->endpoints.begin())->traits, expected);
  Stop();
  Start();
  EXPECT_EQ((*ledger_->state()->endpoints.begin())->traits, expected);
}

TEST_F(EndpointsTest, AFieldThatAConnectedProxyCannotReadIsRefusedUnlessItIsThereAlready) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest request = Upsert({"10.0.0.1:80", "10.0.0.2:80"});
  request.mutable_upsert(0)->set_zone("eu-1");
  EXPECT_THAT(caller.Say(request).problems(), IsEmpty());
  old_proxies_ = "edge-1 (0.0.9, schema 1)";
  request.mutable_upsert(1)->set_zone("eu-1");
  const v1::RegisterResponse response = caller.Say(request);
  ASSERT_EQ(response.problems_size(), 1);
  EXPECT_EQ(response.problems(0).field(), "upsert[1].zone");
  EXPECT_THAT(response.problems(0).problem(), HasSubstr("edge-1"));
}

TEST_F(EndpointsTest, ReplaceAllCoversOnlyThisOwners) {
  Caller nomad(*stub_, "nomad");
  nomad.Say(Upsert({"10.0.1.1:80"}));
  Caller k8s(*stub_, "k8s");
  k8s.Say(Upsert({"10.0.0.1:80", "10.0.0.2:80"}));
  v1::RegisterRequest all = Upsert({"10.0.0.3:80"});
  all.set_replace_all(true);
  k8s.Say(all);
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.3:80 1", "nomad 10.0.1.1:80 1"));
}

TEST_F(EndpointsTest, WhatIsWithdrawnIsGoneAndWhatWasNotThereIsNoProblem) {
  Caller caller(*stub_, "k8s");
  caller.Say(Upsert({"10.0.0.1:80", "10.0.0.2:80"}));
  v1::RegisterRequest withdraw;
  withdraw.add_withdraw("10.0.0.1:80");
  withdraw.add_withdraw("10.0.0.9:80");
  EXPECT_THAT(caller.Say(withdraw).problems(), IsEmpty());
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.2:80 1"));
}

TEST_F(EndpointsTest, RenewingCommitsNothing) {
  Caller caller(*stub_, "k8s");
  const uint64_t generation = caller.Say(Upsert({"10.0.0.1:80"})).generation();
  for (int i = 0; i < 5; ++i) {
    Advance(absl::Seconds(20));
    EXPECT_EQ(caller.Say({}).generation(), generation);
  }
  EXPECT_EQ(caller.Say(Upsert({"10.0.0.1:80"})).generation(), generation);
  EXPECT_EQ(Generation(), generation);
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1"));
}

TEST_F(EndpointsTest, WhatIsNotRenewedIsWithdrawnByACommit) {
  Caller caller(*stub_, "k8s");
  const uint64_t generation = caller.Say(Upsert({"10.0.0.1:80"})).generation();
  Advance(absl::Seconds(29));
  EXPECT_EQ(Generation(), generation);
  Advance(absl::Seconds(2));
  EXPECT_EQ(Generation(), generation + 1);
  EXPECT_THAT(Registered(), IsEmpty());
}

// Messages without a time-to-live keep the one that the stream gave before.
TEST_F(EndpointsTest, TheTimeToLiveIsTheCallers) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest request = Upsert({"10.0.0.1:80"});
  request.mutable_ttl()->set_seconds(300);
  caller.Say(request);
  Advance(absl::Seconds(200));
  caller.Say({});
  Advance(absl::Seconds(200));
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1"));
}

TEST_F(EndpointsTest, AClosedStreamWithdrawsNothing) {
  Caller caller(*stub_, "k8s");
  caller.Say(Upsert({"10.0.0.1:80"}));
  EXPECT_TRUE(caller.Leave().ok());
  Advance(absl::Seconds(29));
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1"));
}

TEST_F(EndpointsTest, AControlPlaneThatStartsGrantsOneFullTimeToLive) {
  {
    Caller caller(*stub_, "k8s");
    caller.Say(Upsert({"10.0.0.1:80"}));
  }
  Advance(absl::Seconds(20));
  Stop();
  clock_.Advance(absl::Hours(1));
  Start();
  Advance(absl::Seconds(29));
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1"));
  Advance(absl::Seconds(2));
  EXPECT_THAT(Registered(), IsEmpty());
}

TEST_F(EndpointsTest, AnUnknownUpstreamIsRefused) {
  Caller caller(*stub_, "k8s", "nowhere");
  const v1::RegisterResponse response = caller.Say(Upsert({"10.0.0.1:80"}));
  ASSERT_EQ(response.problems_size(), 1);
  EXPECT_EQ(response.problems(0).field(), "upstream");
  EXPECT_THAT(response.problems(0).problem(), HasSubstr("nowhere"));
  EXPECT_THAT(Registered(), IsEmpty());
}

TEST_F(EndpointsTest, EveryProblemIsToldAndNothingIsDoneButTheRenewal) {
  Caller caller(*stub_, "k8s");
  caller.Say(Upsert({"10.0.0.1:80"}));
  Advance(absl::Seconds(20));
  v1::RegisterRequest request = Upsert({"10.0.0.2:80", "no port", "10.0.0.2:80"});
  request.mutable_upsert(0)->set_weight(65536);
  request.mutable_upsert(0)->set_priority(128);
  request.mutable_upsert(0)->set_zone("no zone");
  (*request.mutable_upsert(0)->mutable_labels())["a"] = "";
  request.add_withdraw("10.0.0.1");
  const v1::RegisterResponse response = caller.Say(request);
  std::vector<std::string> fields;
  for (const v1::Problem& problem : response.problems()) fields.push_back(problem.field());
  EXPECT_THAT(fields, ElementsAre("upsert[0].weight", "upsert[0].priority", "upsert[0].labels.a",
                                  "upsert[0].zone", "upsert[1].address", "upsert[2].address",
                                  "withdraw[0]"));
  Advance(absl::Seconds(20));
  EXPECT_THAT(Registered(), ElementsAre("k8s 10.0.0.1:80 1"));
}

TEST_F(EndpointsTest, OwnerAndUpstreamAreFixedByTheFirstMessage) {
  Caller caller(*stub_, "k8s");
  EXPECT_EQ(caller.SayAsIs(Upsert({"10.0.0.1:80"})).problems_size(), 2);
  caller.Say(Upsert({"10.0.0.1:80"}));
  v1::RegisterRequest other;
  other.set_owner("nomad");
  const v1::RegisterResponse response = caller.SayAsIs(other);
  ASSERT_EQ(response.problems_size(), 1);
  EXPECT_EQ(response.problems(0).field(), "owner");
}

TEST_F(EndpointsTest, ATimeToLiveOutOfRangeIsRefused) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest request = Upsert({"10.0.0.1:80"});
  request.mutable_ttl()->set_nanos(999'999'999);
  EXPECT_EQ(caller.Say(request).problems(0).field(), "ttl");
  EXPECT_THAT(Registered(), IsEmpty());
}

TEST_F(EndpointsTest, ABurstMakesFewGenerations) {
  const uint64_t before = Generation();
  constexpr int kCallers = 100;
  // All that comes while the registrar's thread is busy goes into one commit.
  Mutex mu;
  CondVar changed;
  bool may_go_on = false;
  registrar_->loop().Post([&] {
    MutexLock lock(mu);
    while (!may_go_on) changed.Wait(mu);
  });
  int done = 0;
  for (int i = 0; i < kCallers; ++i) {
    Registrar::Call call{absl::StrCat("owner", i), "orders", absl::Seconds(30),
                         Upsert({absl::StrCat("10.0.0.", i, ":80")}), "test"};
    registrar_->Register(std::move(call), [&](absl::StatusOr<v1::RegisterResponse> response) {
      EXPECT_TRUE(response.ok());
      MutexLock lock(mu);
      ++done;
      changed.Signal();
    });
  }
  MutexLock lock(mu);
  may_go_on = true;
  changed.Signal();
  while (done < kCallers) changed.Wait(mu);
  EXPECT_EQ(Generation(), before + 1);
  EXPECT_EQ(Registered().size(), size_t{kCallers});
}

TEST_F(EndpointsTest, AListTellsWhereEachEndpointIsFrom) {
  Caller caller(*stub_, "k8s");
  v1::RegisterRequest registration = Upsert({"10.0.0.1:80"});
  registration.mutable_upsert(0)->set_zone("eu-1");
  caller.Say(registration);
  v1::ListEndpointsRequest request;
  request.set_upstream("orders");
  grpc::ClientContext context;
  const auto reader = stub_->ListEndpoints(&context, request);
  v1::ListedEndpoint first;
  v1::ListedEndpoint second;
  ASSERT_TRUE(reader->Read(&first));
  ASSERT_TRUE(reader->Read(&second));
  EXPECT_EQ(first.address(), "10.9.9.9:80");
  EXPECT_EQ(first.owner(), "");
  EXPECT_FALSE(first.has_expires_at());
  EXPECT_EQ(second.owner(), "k8s");
  EXPECT_EQ(second.weight(), 1u);
  EXPECT_EQ(second.zone(), "eu-1");
  EXPECT_EQ(second.expires_at().seconds(), absl::ToUnixSeconds(clock_.Now()) + 30);
}

TEST_F(EndpointsTest, ListingAnUnknownUpstreamIsNotFound) {
  v1::ListEndpointsRequest request;
  request.set_upstream("nowhere");
  grpc::ClientContext context;
  EXPECT_EQ(stub_->ListEndpoints(&context, request)->Finish().error_code(),
            grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace sluice::endpoints
