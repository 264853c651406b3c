// The gate of the gRPC port, over real connections: what the table of controlplane/auth/access.h
// says is what happens.
#include <gmock/gmock.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controlplane/auth/access.h"
#include "controlplane/auth/caller.h"
#include "controlplane/main/program.h"
#include "controlplane/store/testing/temp_dir.h"
#include "sluice/v1/endpoints.grpc.pb.h"

namespace sluice::main {
namespace {

using ::testing::HasSubstr;

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    Certs("server 127.0.0.1");
    Options options;
    options.data_dir = absl::StrCat(dir_.path(), "/data");
    options.grpc_listen = *ParseListenAddress("127.0.0.1:0");
    options.http_listen = *ParseListenAddress("127.0.0.1:0");
    options.tls = {File("server.crt"), File("server.key"), File("ca.crt")};
    absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(options);
    if (!program.ok()) ADD_FAILURE() << program.status();
    program_ = *std::move(program);
  }

  std::string File(const std::string& name) const { return absl::StrCat(dir_.path(), "/", name); }

  void Certs(const std::string& arguments) {
    const std::string command =
        absl::StrCat("tools/certs ", dir_.path(), " ", arguments, " > /dev/null");
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  // Of who has the certificate `name`, made with `arguments` of tools/certs.
  std::shared_ptr<grpc::Channel> ChannelOf(const std::string& arguments, const std::string& name) {
    Certs(arguments);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read(File("ca.crt"));
    options.pem_cert_chain = Read(File(name + ".crt"));
    options.pem_private_key = Read(File(name + ".key"));
    return grpc::CreateChannel(program_->grpc_address().ToString(), grpc::SslCredentials(options));
  }

  store::TempDir dir_;
  std::unique_ptr<Program> program_;
};

// What a call that carries an empty message comes to within a second.
struct GenericCall {
  std::string path;
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
};

// All calls of the table at once: some last until their deadline.
std::vector<std::unique_ptr<GenericCall>> CallAll(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  std::vector<std::unique_ptr<GenericCall>> calls;
  for (const auth::Rule& rule : auth::Rules()) {
    if (!absl::StartsWith(rule.call, "/")) continue;
    auto call = std::make_unique<GenericCall>();
    call->path = std::string(rule.call);
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
    call->reader = stub.PrepareUnaryCall(&call->context, call->path, request, &queue);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call.get());
    calls.push_back(std::move(call));
  }
  void* tag = nullptr;
  bool ok = false;
  for (size_t i = 0; i < calls.size(); ++i) queue.Next(&tag, &ok);
  queue.Shutdown();
  return calls;
}

TEST_F(GateTest, EveryCallOfEveryIdentityIsWhatTheTableSays) {
  const struct {
    const char* arguments;
    const char* name;
    std::string uri;
  } kRows[] = {{"admin alice", "admin-alice", "sluice://admin/alice"},
               {"viewer bob", "viewer-bob", "sluice://viewer/bob"},
               {"proxy edge edge-1", "proxy-edge-1", "sluice://proxy/edge/edge-1"},
               {"endpoints orders", "endpoints-orders", "sluice://endpoints/orders"}};
  for (const auto& row : kRows) {
    const auth::Caller caller = auth::Caller::WithUris({row.uri});
    for (const auto& call : CallAll(ChannelOf(row.arguments, row.name))) {
      // The gate's refusal begins with the call; those of handlers do not.
      const bool is_refused = absl::StartsWith(call->status.error_message(), call->path);
      EXPECT_EQ(!is_refused, caller.CheckCall(call->path).ok())
          << row.uri << ": " << call->path << ": " << call->status.error_message();
      EXPECT_EQ(is_refused,
                is_refused && call->status.error_code() == grpc::StatusCode::PERMISSION_DENIED);
      EXPECT_NE(call->status.error_code(), grpc::StatusCode::UNAVAILABLE)
          << call->status.error_message();
    }
  }
}

TEST_F(GateTest, AnOwnerOfEndpointsRegistersThoseOfItsUpstreamOnly) {
  const auto stub = v1::Endpoints::NewStub(ChannelOf("endpoints orders", "endpoints-orders"));
  for (const bool is_own : {true, false}) {
    grpc::ClientContext context;
    const auto stream = stub->Register(&context);
    v1::RegisterRequest request;
    request.set_owner("pod-1");
    request.set_upstream(is_own ? "orders" : "payments");
    stream->Write(request);
    stream->WritesDone();
    v1::RegisterResponse response;
    const bool is_answered = stream->Read(&response);
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(is_answered, is_own);
    EXPECT_EQ(status.ok(), is_own) << status.error_message();
    if (!is_own) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
      EXPECT_THAT(status.error_message(), HasSubstr("sluice://endpoints/payments"));
    }
  }
}

}  // namespace
}  // namespace sluice::main
