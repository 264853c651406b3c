// The whole control plane in one process: the only place that knows everything.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controlplane/admin/admin_rpc.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/endpoints/registrar.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/loop/loop.h"
#include "controlplane/main/options.h"
#include "controlplane/store/ledger.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/tickets/rotator.h"
#include "controlplane/tls/server_files.h"
#include "controlplane/web/http_server.h"
#include "controlplane/web/site.h"

namespace sluice::main {

// Serves from Start() until it is destroyed.
//
// Thread: any one.
class Program {
 public:
  // Opens the store, loads it, and listens. The message of an error is for the operator.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const Options& options);

  // Sends proxies away for a moment, lets calls end, and closes the store.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // With the ports that were got.
  const ListenAddress& grpc_address() const { return grpc_address_; }
  const ListenAddress& http_address() const { return http_address_; }

 private:
  Program() : loop_(clock_) {}

  absl::Status OpenTls(const tls::ServerPaths& paths);
  absl::Status OpenStore(const Options& options);
  absl::Status ServeGrpc(const ListenAddress& address);
  absl::Status ServeHttp(const Options& options);

  // Each outlives those after it.
  SystemClock clock_;
  std::unique_ptr<tls::ServerFiles> tls_;  // Null: cleartext.
  ListenAddress grpc_address_;
  ListenAddress http_address_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::Ledger> ledger_;
  loop::Loop loop_;
  std::unique_ptr<fleet::Fleet> fleet_;
  std::unique_ptr<admin::AdminService> admin_;
  std::unique_ptr<fleet::Subscription> fleet_events_;
  std::unique_ptr<endpoints::Registrar> registrar_;
  std::unique_ptr<tickets::Rotator> ticket_keys_;

  std::unique_ptr<admin::AdminRpc> admin_rpc_;
  std::unique_ptr<grpc::Service> config_stream_service_;
  std::unique_ptr<grpc::Service> fleet_service_;
  std::unique_ptr<grpc::Service> endpoints_service_;
  std::shared_ptr<grpc::ServerCredentials> grpc_credentials_;  // Asked at each handshake.
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<web::Site> site_;
  std::unique_ptr<web::HttpServer> http_server_;
};

}  // namespace sluice::main
