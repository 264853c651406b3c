// The control plane, as the commands see it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/resource/source.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/endpoints.pb.h"
#include "sluice/v1/fleet.pb.h"
#include "tools/sluicectl/connection.h"

namespace sluice::sluicectl {

class CallResult;  // In client.cc.

// One control plane over gRPC: v1::Admin, v1::Fleet and v1::Endpoints as blocking calls. gRPC
// itself stays in client.cc.
//
// Errors: those of the services (api/sluice/v1/admin.proto), the problems of a refusal attached
//   (failure.h); UNAVAILABLE says which address cannot be reached.
class Client {
 public:
  // Nothing is connected before the first call.
  //   INVALID_ARGUMENT  a file of `connection` cannot be read
  static absl::StatusOr<std::unique_ptr<Client>> Make(Connection connection);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Streams the resources in parts, so that there may be any number of them.
  absl::StatusOr<v1::ApplyResponse> Apply(v1::ApplyRequest::Options options,
                                          std::vector<resource::SourcedResource> resources);
  absl::StatusOr<v1::ApplyResponse> Delete(const v1::DeleteRequest& request);
  absl::StatusOr<v1::ApplyResponse> Rollback(const v1::RollbackRequest& request);

  // Gets the messages of a stream in their order, until it returns false: then the call is
  // cancelled, and OK.
  template <typename Message>
  using OnMessage = absl::FunctionRef<bool(const Message&)>;

  absl::Status List(const v1::ListRequest& request, OnMessage<v1::ListResponse> on_part);
  absl::StatusOr<v1::GetResponse> Get(const v1::GetRequest& request);
  absl::Status Diff(const v1::DiffRequest& request, OnMessage<v1::Change> on_change);
  absl::Status History(const v1::HistoryRequest& request, OnMessage<v1::Commit> on_commit);
  absl::Status Watch(const v1::WatchRequest& request, OnMessage<v1::Event> on_event);
  absl::StatusOr<v1::GetVersionResponse> GetVersion();

  absl::Status ListProxies(const v1::ListProxiesRequest& request,
                           OnMessage<v1::ProxyStatus> on_proxy);
  absl::Status WaitForGeneration(const v1::WaitForGenerationRequest& request,
                                 OnMessage<v1::WaitForGenerationResponse> on_progress);
  absl::Status Forget(const std::string& node);
  absl::Status AdminPage(const v1::AdminPageRequest& request,
                         OnMessage<v1::AdminPageResponse> on_part);

  absl::Status ListEndpoints(const v1::ListEndpointsRequest& request,
                             OnMessage<v1::ListedEndpoint> on_endpoint);

 private:
  struct Stubs;

  Client(Connection connection, std::unique_ptr<Stubs> stubs);
  absl::Status ToStatus(const CallResult& result) const;

  const Connection connection_;
  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace sluice::sluicectl
