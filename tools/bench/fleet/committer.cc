#include "tools/bench/fleet/committer.h"

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice::fleet_sim {
namespace {

constexpr uint64_t kItemsInAMessage = 500;

v1::Resource RouteNumber(uint64_t number, int timeout_seconds) {
  v1::Resource resource;
  resource.set_name(absl::StrCat("bench-", number));
  v1::Route& route = *resource.mutable_route();
  route.add_hosts("api.bench.example");
  route.add_paths(absl::StrCat("/service-", number, "/{id}/items"));
  route.add_methods("GET");
  route.set_upstream("bench");
  route.mutable_timeout()->set_seconds(timeout_seconds);
  return resource;
}

v1::Resource TheUpstream() {
  v1::Resource resource;
  resource.set_name("bench");
  resource.mutable_upstream()->add_endpoints()->set_address("127.0.0.1:9");
  return resource;
}

}  // namespace

struct Committer::Connection {
  explicit Connection(const std::string& target) : stub(v1::Admin::NewStub(Channel(target))) {}

  static std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    grpc::ChannelArguments arguments;
    // The answer to the first call lists every route.
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }

  const std::unique_ptr<v1::Admin::Stub> stub;
};

// One Apply.
class Committer::Call {
 public:
  explicit Call(Connection& connection) : stream_(connection.stub->Apply(&context_, &response_)) {}

  void Add(v1::Resource resource) {
    *message_.add_items()->mutable_resource() = std::move(resource);
    if (static_cast<uint64_t>(message_.items_size()) == kItemsInAMessage) Send();
  }

  absl::StatusOr<uint64_t> Commit() {
    message_.set_last(true);
    Send();
    stream_->WritesDone();
    const grpc::Status status = stream_->Finish();
    if (!status.ok()) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          absl::StrCat("apply: ", status.error_message()));
    }
    return response_.generation();
  }

 private:
  void Send() {
    if (is_first_) message_.mutable_options()->set_message("tools/bench");
    is_first_ = false;
    stream_->Write(message_);
    message_.Clear();
  }

  grpc::ClientContext context_;
  v1::ApplyResponse response_;
  const std::unique_ptr<grpc::ClientWriter<v1::ApplyRequest>> stream_;
  v1::ApplyRequest message_;
  bool is_first_ = true;
};

Committer::Committer(const std::string& control_plane)
    : connection_(std::make_unique<Connection>(control_plane)) {}

Committer::~Committer() = default;

absl::StatusOr<uint64_t> Committer::Load(uint64_t routes) {
  routes_ = routes;
  Call call(*connection_);
  call.Add(TheUpstream());
  for (uint64_t number = 0; number < routes; ++number) call.Add(RouteNumber(number, 15));
  return call.Commit();
}

absl::StatusOr<uint64_t> Committer::ChangeOne(uint64_t number) {
  Call call(*connection_);
  // Another timeout each time round, so that no change is an empty one.
  call.Add(RouteNumber(number % routes_, 20 + static_cast<int>(number / routes_ % 1000)));
  return call.Commit();
}

}  // namespace sluice::fleet_sim
