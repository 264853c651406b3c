#include "tools/sluicectl/client.h"

#include <grpcpp/grpcpp.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "sluice/v1/admin.grpc.pb.h"
#include "sluice/v1/endpoints.grpc.pb.h"
#include "sluice/v1/fleet.grpc.pb.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {
namespace {

// Of resources in one message: far below what a gRPC server takes by default (4 MiB).
constexpr size_t kPartBytes = size_t{512} << 10;

// Thousands of problems. The limit of the client has to be twice as high (see admin.proto).
constexpr uint32_t kProblemBytes = 512 << 10;
constexpr int kMetadataBytes = 2 << 20;

// A server that is gone without a word is noticed within 15 s, whatever the call.
constexpr int kPingAfterMs = 10'000;
constexpr int kPingTimeoutMs = 5'000;

absl::StatusOr<std::string> ReadPem(absl::string_view flag, const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (!file) return absl::InvalidArgumentError(absl::StrCat(flag, ": cannot read ", path));
  if (!absl::StrContains(content.str(), "-----BEGIN ")) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", path, " is not PEM"));
  }
  return content.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const Connection& connection) {
  if (connection.ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("--ca", connection.ca));
  ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem("--cert", connection.cert));
  ASSIGN_OR_RETURN(options.pem_private_key, ReadPem("--key", connection.key));
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const Connection& connection, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  if (!connection.server_name.empty()) {
    arguments.SetSslTargetNameOverride(connection.server_name);
  }
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingAfterMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A proxy for the web is no way to a control plane, and would get 127.0.0.1 wrong.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(connection.server, credentials, arguments);
}

// gRPC's message names each layer of the failure; the last says it.
std::string Shortened(const std::string& message) {
  const size_t last = message.rfind(": ");
  if (!absl::StartsWith(message, "failed to connect") || last == std::string::npos) return message;
  return message.substr(last + 2);
}

// What gRPC's words for a failure of TLS mean for who wrote the flags.
std::string Explained(const std::string& message, const Connection& connection) {
  const std::string lower = absl::AsciiStrToLower(message);
  const auto says = [&](absl::string_view words) { return absl::StrContains(lower, words); };
  const std::string reason = Shortened(message);
  for (const char* words : {"connection refused", "failed to connect to remote host",
                            "dns resolution failed", "timed out", "timeout occurred"}) {
    if (says(words)) return reason;
  }
  if (connection.ca.empty()) {
    return absl::StrCat(reason, "; if it speaks TLS, give --ca (and --cert with --key)");
  }
  if (says("wrong version number") || says("wrong_version_number")) {
    return "it does not speak TLS; leave out --ca, --cert and --key";
  }
  if (says("certificate verify failed") || says("certificate_verify_failed")) {
    return absl::StrCat("its certificate is not of the authorities in --ca ", connection.ca,
                        ", or has expired");
  }
  if (says("peer name") || says("hostname verification")) {
    return absl::StrCat("its certificate is not of the name ",
                        connection.server_name.empty() ? connection.server : connection.server_name,
                        "; --server-name tells another one");
  }
  if (connection.cert.empty()) {
    return absl::StrCat(reason, "; if it asks for a certificate, give --cert and --key");
  }
  return absl::StrCat(reason, "; perhaps it refused the certificate in --cert ", connection.cert,
                      ": one of another authority, or one that has expired");
}

void ReadProblems(const grpc::Status& from, absl::Status& status) {
  v1::StatusDetails details;
  if (from.error_details().empty() || !details.ParseFromString(from.error_details())) return;
  for (const google::protobuf::Any& detail : details.details()) {
    v1::Problems message;
    if (!detail.UnpackTo(&message)) continue;
    std::vector<resource::Problem> problems;
    for (const v1::Problem& problem : message.problems()) {
      problems.push_back(resource::FromProto(problem));
    }
    AttachProblems(problems, message.omitted(), status);
  }
}

v1::ApplyItem ItemOf(resource::SourcedResource source) {
  v1::ApplyItem item;
  *item.mutable_resource() = std::move(source.resource);
  item.set_file(std::move(source.location.file));
  item.set_line(source.location.line);
  for (resource::Location::FieldLine& line : source.location.field_lines) {
    (*item.mutable_field_lines())[std::move(line.field)] = line.line;
  }
  return item;
}

}  // namespace

struct Client::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : admin(channel), fleet(channel), endpoints(channel) {}

  v1::Admin::Stub admin;
  v1::Fleet::Stub fleet;
  v1::Endpoints::Stub endpoints;
};

// Keeps gRPC out of the header.
class CallResult {
 public:
  explicit CallResult(grpc::Status status) : status_(std::move(status)) {}
  const grpc::Status& status() const { return status_; }

 private:
  const grpc::Status status_;
};

namespace {

// Reads a stream to its end, or until `on_message` has enough.
template <typename Message>
CallResult ReadAll(grpc::ClientContext& context,
                   std::unique_ptr<grpc::ClientReader<Message>> reader,
                   absl::FunctionRef<bool(const Message&)> on_message) {
  Message message;
  while (reader->Read(&message)) {
    if (on_message(message)) continue;
    context.TryCancel();
    while (reader->Read(&message)) {
    }
    reader->Finish();
    return CallResult(grpc::Status::OK);
  }
  return CallResult(reader->Finish());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Make(Connection connection) {
  ASSIGN_OR_RETURN(const auto credentials, MakeCredentials(connection));
  auto stubs = std::make_unique<Stubs>(MakeChannel(connection, credentials));
  return std::unique_ptr<Client>(new Client(std::move(connection), std::move(stubs)));
}

Client::Client(Connection connection, std::unique_ptr<Stubs> stubs)
    : connection_(std::move(connection)), stubs_(std::move(stubs)) {}

Client::~Client() = default;

absl::Status Client::ToStatus(const CallResult& result) const {
  const grpc::Status& from = result.status();
  if (from.ok()) return absl::OkStatus();
  // The numbers of both are those of google.rpc.Code.
  const auto code = static_cast<absl::StatusCode>(from.error_code());
  std::string message = from.error_message();
  if (code == absl::StatusCode::kUnavailable) {
    message =
        absl::StrCat("control plane ", connection_.server, ": ", Explained(message, connection_));
  } else if (code == absl::StatusCode::kUnimplemented) {
    message = absl::StrCat("control plane ", connection_.server,
                           " does not know this call: is it older?");
  }
  absl::Status status(code, message);
  ReadProblems(from, status);
  return status;
}

absl::StatusOr<v1::ApplyResponse> Client::Apply(v1::ApplyRequest::Options options,
                                                std::vector<resource::SourcedResource> resources) {
  options.set_max_problem_bytes(kProblemBytes);
  grpc::ClientContext context;
  v1::ApplyResponse response;
  const auto writer = stubs_->admin.Apply(&context, &response);
  v1::ApplyRequest part;
  *part.mutable_options() = std::move(options);
  size_t bytes = 0;
  bool is_open = true;
  for (resource::SourcedResource& source : resources) {
    v1::ApplyItem& item = *part.add_items();
    item = ItemOf(std::move(source));
    bytes += item.ByteSizeLong();
    if (bytes < kPartBytes) continue;
    // The server ends a call that it has seen enough of; Finish() says why.
    is_open = writer->Write(part);
    if (!is_open) break;
    part.Clear();
    bytes = 0;
  }
  part.set_last(true);
  if (is_open && writer->Write(part)) writer->WritesDone();
  const absl::Status status = ToStatus(CallResult(writer->Finish()));
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ApplyResponse> Client::Delete(const v1::DeleteRequest& request) {
  grpc::ClientContext context;
  v1::ApplyResponse response;
  const absl::Status status =
      ToStatus(CallResult(stubs_->admin.Delete(&context, request, &response)));
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ApplyResponse> Client::Rollback(const v1::RollbackRequest& request) {
  grpc::ClientContext context;
  v1::ApplyResponse response;
  const absl::Status status =
      ToStatus(CallResult(stubs_->admin.Rollback(&context, request, &response)));
  if (!status.ok()) return status;
  return response;
}

absl::Status Client::List(const v1::ListRequest& request, OnMessage<v1::ListResponse> on_part) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->admin.List(&context, request), on_part));
}

absl::StatusOr<v1::GetResponse> Client::Get(const v1::GetRequest& request) {
  grpc::ClientContext context;
  v1::GetResponse response;
  const absl::Status status = ToStatus(CallResult(stubs_->admin.Get(&context, request, &response)));
  if (!status.ok()) return status;
  return response;
}

absl::Status Client::Diff(const v1::DiffRequest& request, OnMessage<v1::Change> on_change) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->admin.Diff(&context, request), on_change));
}

absl::Status Client::History(const v1::HistoryRequest& request, OnMessage<v1::Commit> on_commit) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->admin.History(&context, request), on_commit));
}

absl::Status Client::Watch(const v1::WatchRequest& request, OnMessage<v1::Event> on_event) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->admin.Watch(&context, request), on_event));
}

absl::StatusOr<v1::GetVersionResponse> Client::GetVersion() {
  grpc::ClientContext context;
  v1::GetVersionResponse response;
  const absl::Status status =
      ToStatus(CallResult(stubs_->admin.GetVersion(&context, {}, &response)));
  if (!status.ok()) return status;
  return response;
}

absl::Status Client::ListProxies(const v1::ListProxiesRequest& request,
                                 OnMessage<v1::ProxyStatus> on_proxy) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->fleet.ListProxies(&context, request), on_proxy));
}

absl::Status Client::WaitForGeneration(const v1::WaitForGenerationRequest& request,
                                       OnMessage<v1::WaitForGenerationResponse> on_progress) {
  grpc::ClientContext context;
  return ToStatus(
      ReadAll(context, stubs_->fleet.WaitForGeneration(&context, request), on_progress));
}

absl::Status Client::Forget(const std::string& node) {
  grpc::ClientContext context;
  v1::ForgetRequest request;
  request.set_node(node);
  v1::ForgetResponse response;
  return ToStatus(CallResult(stubs_->fleet.Forget(&context, request, &response)));
}

absl::Status Client::AdminPage(const v1::AdminPageRequest& request,
                               OnMessage<v1::AdminPageResponse> on_part) {
  grpc::ClientContext context;
  return ToStatus(ReadAll(context, stubs_->fleet.AdminPage(&context, request), on_part));
}

absl::Status Client::ListEndpoints(const v1::ListEndpointsRequest& request,
                                   OnMessage<v1::ListedEndpoint> on_endpoint) {
  grpc::ClientContext context;
  return ToStatus(
      ReadAll(context, stubs_->endpoints.ListEndpoints(&context, request), on_endpoint));
}

}  // namespace sluice::sluicectl
