#include "controlplane/admin/admin_rpc.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/admin/errors.h"
#include "controlplane/admin/refusal.h"
#include "controlplane/admin/testing/admin_fixture.h"

namespace sluice::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AdminRpcTest : public AdminFixture {
 protected:
  AdminRpcTest() {
    rpc_ = std::make_unique<AdminRpc>(*admin_, clock_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(rpc_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::Admin::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~AdminRpcTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  // One message for each request.
  grpc::Status Send(const std::vector<v1::ApplyRequest>& requests, v1::ApplyResponse& response) {
    grpc::ClientContext context;
    auto writer = stub_->Apply(&context, &response);
    for (const v1::ApplyRequest& request : requests) writer->Write(request);
    writer->WritesDone();
    return writer->Finish();
  }

  static v1::ApplyRequest Upstreams(const std::vector<std::string>& names) {
    v1::ApplyRequest request;
    for (const std::string& name : names) {
      request.add_items()->mutable_resource()->set_name(name);
      request.mutable_items()->rbegin()->mutable_resource()->mutable_upstream();
    }
    return request;
  }

  std::unique_ptr<AdminRpc> rpc_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminRpcTest, ACallOfSeveralMessagesIsOneGeneration) {
  v1::ApplyRequest first = Upstreams({"a"});
  first.mutable_options()->set_message("why");
  v1::ApplyRequest last = Upstreams({"c"});
  last.set_last(true);
  v1::ApplyResponse response;
  const grpc::Status status = Send({first, Upstreams({"b"}), last}, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.generation(), 1u);
  EXPECT_EQ(response.changes_size(), 3);
  EXPECT_THAT(admin_->History({})->front().from(), HasSubstr("127.0.0.1:"));
}

TEST_F(AdminRpcTest, AStreamThatEndsEarlyChangesNothing) {
  v1::ApplyRequest first = Upstreams({"a"});
  first.mutable_options();
  v1::ApplyResponse response;
  EXPECT_EQ(Send({first}, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(AdminRpcTest, AMessageThatIsRefusedEndsTheCall) {
  v1::ApplyResponse response;
  EXPECT_EQ(Send({Upstreams({"a"}), Upstreams({"b"})}, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminRpcTest, RefusalsCarryTheirProblems) {
  v1::ApplyRequest request = Upstreams({"A", "B"});
  request.mutable_options();
  request.set_last(true);
  v1::ApplyResponse response;
  const grpc::Status status = Send({request}, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::StatusDetails details;
  v1::Problems problems;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&problems));
  ASSERT_EQ(problems.problems_size(), 2);
  EXPECT_EQ(problems.problems(0).field(), "name");
}

TEST_F(AdminRpcTest, MoreProblemsThanAClientCanTakeAreCountedInstead) {
  v1::ApplyRequest request;
  for (int i = 0; i < 500; ++i) request.MergeFrom(Upstreams({absl::StrCat("BAD", i)}));
  request.mutable_options();
  request.set_last(true);
  v1::ApplyResponse response;
  const grpc::Status status = Send({request}, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
  v1::StatusDetails details;
  v1::Problems problems;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&problems));
  EXPECT_GT(problems.problems_size(), 10);
  EXPECT_EQ(static_cast<uint32_t>(problems.problems_size()) + problems.omitted(), 500u);
}

TEST_F(AdminRpcTest, ListingsAndChangesAreStreamed) {
  v1::ApplyRequest request = Upstreams({"a", "b"});
  request.mutable_options();
  request.set_last(true);
  v1::ApplyResponse response;
  ASSERT_TRUE(Send({request}, response).ok());

  grpc::ClientContext list_context;
  auto list = stub_->List(&list_context, v1::ListRequest());
  v1::ListResponse part;
  ASSERT_TRUE(list->Read(&part));
  EXPECT_EQ(part.resources_size(), 2);
  EXPECT_FALSE(list->Read(&part));
  EXPECT_TRUE(list->Finish().ok());

  grpc::ClientContext diff_context;
  auto diff = stub_->Diff(&diff_context, v1::DiffRequest());
  v1::Change change;
  EXPECT_TRUE(diff->Read(&change));
  EXPECT_TRUE(diff->Read(&change));
  EXPECT_FALSE(diff->Read(&change));
  EXPECT_TRUE(diff->Finish().ok());

  grpc::ClientContext history_context;
  auto history = stub_->History(&history_context, v1::HistoryRequest());
  v1::Commit commit;
  EXPECT_TRUE(history->Read(&commit));
  EXPECT_FALSE(history->Read(&commit));
  EXPECT_TRUE(history->Finish().ok());
}

TEST_F(AdminRpcTest, UnaryCallsAnswer) {
  v1::ApplyRequest request = Upstreams({"a"});
  request.mutable_options();
  request.set_last(true);
  v1::ApplyResponse response;
  ASSERT_TRUE(Send({request}, response).ok());

  v1::GetRequest get;
  get.mutable_key()->set_kind("Upstream");
  get.mutable_key()->set_name("a");
  v1::GetResponse got;
  grpc::ClientContext get_context;
  EXPECT_TRUE(stub_->Get(&get_context, get, &got).ok());
  EXPECT_EQ(got.resource().name(), "a");

  v1::DeleteRequest removal;
  *removal.add_keys() = get.key();
  grpc::ClientContext delete_context;
  EXPECT_TRUE(stub_->Delete(&delete_context, removal, &response).ok());

  v1::RollbackRequest rollback;
  rollback.set_generation(1);
  grpc::ClientContext rollback_context;
  EXPECT_TRUE(stub_->Rollback(&rollback_context, rollback, &response).ok());

  v1::GetVersionResponse version;
  grpc::ClientContext version_context;
  EXPECT_TRUE(stub_->GetVersion(&version_context, v1::GetVersionRequest(), &version).ok());
  EXPECT_EQ(version.generation(), 3u);
}

TEST_F(AdminRpcTest, AWatchGoesOnUntilItIsCancelled) {
  grpc::ClientContext context;
  v1::WatchRequest watch;
  watch.set_after(0);
  auto events = stub_->Watch(&context, watch);
  // The watch is open once an event comes through.
  std::atomic<bool> is_open{false};
  std::thread announcer([&] {
    v1::ProxyEvent event;
    event.set_node("edge-7");
    while (!is_open) admin_->watches().OnProxyEvent(event);
  });
  v1::Event event;
  EXPECT_TRUE(events->Read(&event));
  EXPECT_EQ(event.proxy().node(), "edge-7");
  is_open = true;
  announcer.join();

  context.TryCancel();
  while (events->Read(&event)) {
  }
  EXPECT_EQ(events->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(ToGrpcTest, CodesAreKept) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpc(absl::AbortedError("x")).error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ToGrpc(absl::UnavailableError("x")).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ToGrpc(absl::DataLossError("x")).error_code(), grpc::StatusCode::DATA_LOSS);
}

}  // namespace
}  // namespace sluice::admin
