#include "controlplane/main/program.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "controlplane/endpoints/endpoints_service.h"
#include "controlplane/fleet/config_stream_service.h"
#include "controlplane/fleet/fleet_service.h"
#include "controlplane/main/skew.h"
#include "controlplane/tls/grpc_credentials.h"

namespace sluice::main {
namespace {

// How long calls may take to end by themselves.
constexpr std::chrono::seconds kShutdownPatience{3};

absl::Status WithPlace(const std::string& place, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const Options& options) {
  std::unique_ptr<Program> program(new Program());
  RETURN_IF_ERROR(program->OpenTls(options.tls));
  RETURN_IF_ERROR(program->OpenStore(options));
  RETURN_IF_ERROR(program->ServeGrpc(options.grpc_listen));
  RETURN_IF_ERROR(program->ServeHttp(options));
  program->site_->SetReady(true);
  return program;
}

absl::Status Program::OpenTls(const tls::ServerPaths& paths) {
  if (paths.certificate.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(tls_, tls::ServerFiles::Open(paths, clock_));
  return absl::OkStatus();
}

absl::Status Program::OpenStore(const Options& options) {
  const std::string place = absl::StrCat("data directory ", options.data_dir);
  store::SqliteStore::Options store_options;
  store_options.history_keep = options.history_keep;
  store_options.seal_key_file = options.seal_key_file;
  auto store = store::SqliteStore::Open(options.data_dir, store_options);
  if (!store.ok()) return store.status();  // It names the directory or the file itself.
  store_ = *std::move(store);
  auto ledger = store::Ledger::Open(*store_, clock_);
  if (!ledger.ok()) return WithPlace(place, ledger.status());
  ledger_ = *std::move(ledger);

  fleet_ = std::make_unique<fleet::Fleet>(*ledger_, loop_, fleet::Fleet::Options());
  if (absl::Status status = fleet_->Start(); !status.ok()) return WithPlace(place, status);
  auto admin = admin::AdminService::Open(
      *ledger_, clock_, [fleet = fleet_.get()](absl::Span<const admin::PlannedChange> changes) {
        return FindSkew(*fleet, changes);
      });
  if (!admin.ok()) return WithPlace(place, admin.status());
  admin_ = *std::move(admin);
  fleet_events_ = fleet_->Subscribe([admin = admin_.get()](const v1::ProxyEvent& event) {
    admin->watches().OnProxyEvent(event);
  });
  registrar_ = std::make_unique<endpoints::Registrar>(
      *ledger_, clock_,
      [fleet = fleet_.get()](uint32_t schema) { return DescribeUnreadable(*fleet, schema); });
  ticket_keys_ = std::make_unique<tickets::Rotator>(*ledger_, clock_, options.ticket_keys);
  return absl::OkStatus();
}

absl::Status Program::ServeGrpc(const ListenAddress& address) {
  // gRPC would not say why it cannot listen: so we try first.
  grpc_address_ = address;
  ASSIGN_OR_RETURN(const int probe, Listen(&grpc_address_));
  close(probe);

  admin_rpc_ = std::make_unique<admin::AdminRpc>(*admin_, clock_);
  config_stream_service_ = fleet::MakeConfigStreamService(*fleet_);
  fleet_service_ = fleet::MakeFleetService(*fleet_);
  endpoints_service_ = endpoints::MakeEndpointsService(*registrar_);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  grpc_credentials_ =
      tls_ == nullptr ? grpc::InsecureServerCredentials() : tls::MakeGrpcCredentials(*tls_);
  builder.AddListeningPort(grpc_address_.ToString(), grpc_credentials_, &port);
  // With it two control planes would share a port, each with half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  fleet::ConfigureConnections(builder);
  for (grpc::Service* service :
       {static_cast<grpc::Service*>(admin_rpc_.get()), config_stream_service_.get(),
        fleet_service_.get(), endpoints_service_.get()}) {
    builder.RegisterService(service);
  }
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", grpc_address_.ToString()));
  }
  return absl::OkStatus();
}

absl::Status Program::ServeHttp(const Options& options) {
  http_address_ = options.http_listen;
  ASSIGN_OR_RETURN(const int listener, Listen(&http_address_));
  site_ = std::make_unique<web::Site>(*admin_, *fleet_, clock_,
                                      web::Gate(http_address_.host, options.allowed_hosts));
  web::HttpServer::Options http_options;
  http_options.tls = tls_.get();
  ASSIGN_OR_RETURN(
      http_server_,
      web::HttpServer::Start(listener, http_options,
                             [site = site_.get()](web::Request request, web::Respond respond) {
                               site->Handle(std::move(request), std::move(respond));
                             }));
  return absl::OkStatus();
}

Program::~Program() {
  if (site_ != nullptr) site_->SetReady(false);
  if (grpc_server_ != nullptr) {
    grpc_server_->GetHealthCheckService()->SetServingStatus(false);
    loop_.PostAndWait([this] { fleet_->Shutdown(); });
    grpc_server_->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
  }
  http_server_.reset();
  // Nobody posts to the loop any more; what it still has to do refers to the fleet.
  loop_.Stop();
}

}  // namespace sluice::main
