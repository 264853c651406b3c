// The whole control plane in one process, over its real interfaces.
#include "controlplane/main/program.h"

#include <gmock/gmock.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "controlplane/fleet/testing/scripted_proxy.h"
#include "controlplane/store/testing/temp_dir.h"
#include "sluice/plugins/v1/key_auth.pb.h"
#include "sluice/v1/admin.grpc.pb.h"
#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::main {
namespace {

using ::testing::HasSubstr;

std::vector<v1::Resource> RouteAndUpstream(const std::string& description) {
  v1::Resource upstream;
  upstream.set_name("u");
  upstream.mutable_upstream()->add_endpoints()->set_address("10.0.0.1:80");
  v1::Resource route;
  route.set_name("r");
  route.set_description(description);
  route.mutable_route()->set_upstream("u");
  return {upstream, route};
}

class ProgramTest : public ::testing::Test {
 protected:
  void Start() {
    absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(OptionsFor(dir_.path()));
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
    const auto channel = grpc::CreateChannel(program_->grpc_address().ToString(),
                                             grpc::InsecureChannelCredentials());
    admin_ = v1::Admin::NewStub(channel);
    fleet_ = v1::Fleet::NewStub(channel);
  }

  Options OptionsFor(const std::string& data_dir) {
    Options options;
    options.data_dir = data_dir;
    options.grpc_listen = *ParseListenAddress("127.0.0.1:0");
    options.http_listen = *ParseListenAddress("127.0.0.1:0");
    return options;
  }

  // The status; `generation_` gets the answer.
  grpc::Status Apply(const std::vector<v1::Resource>& resources, bool allow_skew = false) {
    grpc::ClientContext context;
    v1::ApplyResponse response;
    const auto writer = admin_->Apply(&context, &response);
    v1::ApplyRequest request;
    request.mutable_options()->set_allow_skew(allow_skew);
    for (const v1::Resource& resource : resources) {
      *request.add_items()->mutable_resource() = resource;
    }
    request.set_last(true);
    writer->Write(request);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    generation_ = response.generation();
    return status;
  }

  store::TempDir dir_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<v1::Fleet::Stub> fleet_;
  uint64_t generation_ = 0;
};

TEST_F(ProgramTest, WhatIsAppliedReachesAProxyAndIsWaitedFor) {
  Start();
  fleet::ScriptedProxy proxy(program_->grpc_address().ToString(), {});
  proxy.Settle();
  ASSERT_TRUE(Apply(RouteAndUpstream("1")).ok());
  proxy.TakeUpdate();
  proxy.Say(v1::Status::ACTIVE);
  grpc::ClientContext context;
  v1::WaitForGenerationRequest request;
  request.set_generation(generation_);
  const auto reader = fleet_->WaitForGeneration(&context, request);
  v1::WaitForGenerationResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_TRUE(response.done());
  EXPECT_EQ(response.total(), 1u);
  EXPECT_EQ(response.active(), 1u);
}

TEST_F(ProgramTest, WhatWasAppliedIsThereAfterARestart) {
  Start();
  ASSERT_TRUE(Apply(RouteAndUpstream("1")).ok());
  program_.reset();
  Start();
  fleet::ScriptedProxy proxy(program_->grpc_address().ToString(), {});
  proxy.Settle();
  EXPECT_EQ(proxy.replica().resources().size(), 2u);
}

TEST_F(ProgramTest, AMissingSealKeyIsSaidAtTheStart) {
  Start();
  program_.reset();
  Options options = OptionsFor(dir_.path());
  options.seal_key_file = dir_.path() + "/elsewhere";
  const absl::Status status = Program::Start(options).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("put its file back, or say with --seal-key-file"));
}

TEST_F(ProgramTest, WhatAConnectedProxyCannotReadIsRefusedUnlessAllowed) {
  Start();
  fleet::ScriptedProxy proxy(program_->grpc_address().ToString(),
                             {.node = "old", .plugins = {"request_id"}});
  proxy.Settle();
  std::vector<v1::Resource> resources = RouteAndUpstream("1");
  (*resources[1].mutable_route()->mutable_plugins())["key_auth"].PackFrom(plugins::v1::KeyAuth());
  const grpc::Status refused = Apply(resources);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("old"));
  EXPECT_THAT(refused.error_message(), HasSubstr("key_auth"));
  EXPECT_TRUE(Apply(resources, true).ok());
}

TEST_F(ProgramTest, ProxyEventsReachWatchers) {
  Start();
  ASSERT_TRUE(Apply(RouteAndUpstream("1")).ok());
  ASSERT_TRUE(Apply(RouteAndUpstream("2")).ok());
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_after(1);
  const auto reader = admin_->Watch(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));  // The second commit: the watch has begun.
  fleet::ScriptedProxy proxy(program_->grpc_address().ToString(), {.node = "edge-1"});
  proxy.Settle();
  while (!event.has_proxy()) ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.proxy().node(), "edge-1");
  context.TryCancel();
}

// One message there and one back, without generated code. Empty if the call fails.
std::string CallRaw(const Program& program, const std::string& method, const std::string& request) {
  grpc::GenericStub stub(
      grpc::CreateChannel(program.grpc_address().ToString(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  const grpc::Slice slice(request);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  queue.Next(&tag, &ok);
  call->WritesDone(nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  grpc::Slice flat;
  if (!answer.DumpToSingleSlice(&flat).ok()) return "";
  return std::string(flat.begin(), flat.end());
}

TEST_F(ProgramTest, TheStandardHealthServiceSaysServing) {
  Start();
  const std::string serving = {0x08, 0x01};
  EXPECT_EQ(CallRaw(*program_, "/grpc.health.v1.Health/Check", ""), serving);
}

TEST_F(ProgramTest, ReflectionNamesTheServices) {
  Start();
  const std::string list_services = {0x3a, 0x01, '*'};
  const std::string answer = CallRaw(
      *program_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", list_services);
  for (const char* service : {"Admin", "ConfigStream", "Endpoints", "Fleet"}) {
    EXPECT_THAT(answer, HasSubstr(std::string("sluice.v1.") + service));
  }
}

TEST_F(ProgramTest, ADataDirectoryIsUsedByOneProcess) {
  Start();
  const auto second = Program::Start(OptionsFor(dir_.path()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use by pid"));
}

TEST_F(ProgramTest, APortThatIsTakenIsNamed) {
  Start();
  store::TempDir other;
  Options options = OptionsFor(other.path());
  options.grpc_listen = program_->grpc_address();
  EXPECT_THAT(std::string(Program::Start(options).status().message()),
              HasSubstr("cannot listen on " + program_->grpc_address().ToString()));
  options = OptionsFor(other.path());
  options.http_listen = program_->http_address();
  EXPECT_THAT(std::string(Program::Start(options).status().message()),
              HasSubstr("cannot listen on " + program_->http_address().ToString()));
}

TEST_F(ProgramTest, ProxiesAreSentAwayWhenItEnds) {
  Start();
  fleet::ScriptedProxy proxy(program_->grpc_address().ToString(), {});
  proxy.Settle();
  program_.reset();
  proxy.TakeBackoff();
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace sluice::main
