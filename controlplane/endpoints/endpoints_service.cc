#include "controlplane/endpoints/endpoints_service.h"

#include <grpcpp/support/server_callback.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/validate/syntax.h"
#include "controlplane/endpoints/registrar.h"
#include "controlplane/rpc/caller.h"
#include "controlplane/rpc/peer.h"
#include "controlplane/rpc/status.h"
#include "controlplane/rpc/write_stream.h"
#include "sluice/v1/endpoints.grpc.pb.h"

namespace sluice::endpoints {
namespace {

constexpr absl::Duration kDefaultTtl = absl::Seconds(30);
constexpr absl::Duration kMinTtl = absl::Seconds(1);
constexpr absl::Duration kMaxTtl = absl::Hours(24);
constexpr size_t kMaxNameBytes = 253;

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// Reads, hands over, answers, reads on: one message of a caller at a time.
//
// Thread: gRPC's and the registrar's, but only one at a time.
// Ownership: its own; destroyed when the call is over.
class RegisterCall final
    : public grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse> {
 public:
  RegisterCall(Registrar& registrar, const grpc::CallbackServerContext& context)
      : registrar_(registrar),
        caller_(rpc::CallerOf(context)),
        from_(rpc::PeerAddress(context.peer())) {
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    // Closing withdraws nothing: the leases end by themselves.
    if (!ok) return Finish(grpc::Status::OK);
    response_.Clear();
    const absl::Duration ttl = request_.has_ttl() ? ToDuration(request_.ttl()) : ttl_;
    Fix("owner", request_.owner(), &owner_);
    Fix("upstream", request_.upstream(), &upstream_);
    if (ttl < kMinTtl || ttl > kMaxTtl) {
      Refuse("ttl", absl::StrCat("out of range, got ", absl::FormatDuration(ttl)), "1s to 24h");
    } else {
      ttl_ = ttl;
    }
    if (!upstream_.empty()) {
      const absl::Status allowed = caller_.CheckUpstream(upstream_);
      if (!allowed.ok()) return Finish(rpc::ToGrpc(allowed));
    }
    if (response_.problems_size() > 0) return Answer();
    Registrar::Call call{owner_, upstream_, ttl_, std::move(request_), from_};
    registrar_.Register(std::move(call), [this](absl::StatusOr<v1::RegisterResponse> response) {
      if (!response.ok()) return Finish(rpc::ToGrpc(response.status()));
      response_ = *std::move(response);
      StartWrite(&response_);
    });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    request_.Clear();
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

  // The first value given stands for the whole stream.
  void Fix(const std::string& field, const std::string& given, std::string* fixed) {
    if (given.empty()) {
      if (fixed->empty()) Refuse(field, "required in the first message", "");
      return;
    }
    if (given.size() > kMaxNameBytes) return Refuse(field, "too long", "at most 253 bytes");
    const std::optional<validate::Flaw> flaw = validate::CheckPrintable(given);
    if (flaw.has_value()) return Refuse(field, flaw->problem, flaw->want);
    if (fixed->empty()) *fixed = given;
    if (given != *fixed) {
      Refuse(field, absl::StrCat("differs from the first message, got ", given), *fixed);
    }
  }

  void Refuse(const std::string& field, const std::string& problem, const std::string& want) {
    v1::Problem& p = *response_.add_problems();
    p.set_field(field);
    p.set_problem(problem);
    p.set_want(want);
  }

  // With problems that need no look at what is stored. The lease, if there is one, is renewed.
  void Answer() {
    response_.set_generation(registrar_.Renew(upstream_, owner_, ttl_));
    StartWrite(&response_);
  }

  Registrar& registrar_;
  const auth::Caller caller_;
  const std::string from_;
  std::string owner_;
  std::string upstream_;
  absl::Duration ttl_ = kDefaultTtl;
  v1::RegisterRequest request_;
  v1::RegisterResponse response_;
};

class ListCall final : public rpc::WriteStream<v1::ListedEndpoint> {
 public:
  ListCall(Registrar& registrar, auth::Caller caller, std::string upstream)
      : WriteStream(registrar.loop()),
        registrar_(registrar),
        caller_(std::move(caller)),
        upstream_(std::move(upstream)) {}

 private:
  void Begin() override {
    absl::Status allowed = caller_.CheckUpstreamReadable(upstream_);
    if (!allowed.ok()) return Finish(std::move(allowed));
    absl::StatusOr<std::vector<v1::ListedEndpoint>> listed = registrar_.List(upstream_);
    if (!listed.ok()) return Finish(listed.status());
    for (v1::ListedEndpoint& endpoint : *listed) Write(std::move(endpoint));
    Finish(absl::OkStatus());
  }

  Registrar& registrar_;
  const auth::Caller caller_;
  const std::string upstream_;
};

class Service final : public v1::Endpoints::CallbackService {
 public:
  explicit Service(Registrar& registrar) : registrar_(registrar) {}

  grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>* Register(
      grpc::CallbackServerContext* context) override {
    return new RegisterCall(registrar_, *context);
  }

  grpc::ServerWriteReactor<v1::ListedEndpoint>* ListEndpoints(
      grpc::CallbackServerContext* context, const v1::ListEndpointsRequest* request) override {
    return ListCall::Start(
        std::make_unique<ListCall>(registrar_, rpc::CallerOf(*context), request->upstream()));
  }

 private:
  Registrar& registrar_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEndpointsService(Registrar& registrar) {
  return std::make_unique<Service>(registrar);
}

}  // namespace sluice::endpoints
