#include "controlplane/tls/grpc_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>
#include <vector>

#include "base/mutex.h"
#include "controlplane/auth/caller.h"
#include "controlplane/tls/server_files.h"

namespace sluice::tls {
namespace {

auth::Caller CallerOf(const grpc_auth_context* context) {
  std::vector<std::string> uris;
  grpc_auth_property_iterator properties =
      grpc_auth_context_find_properties_by_name(context, GRPC_PEER_URI_PROPERTY_NAME);
  while (const grpc_auth_property* property = grpc_auth_property_iterator_next(&properties)) {
    uris.emplace_back(property->value, property->value_length);
  }
  return auth::Caller::WithUris(uris);
}

std::string PathOf(const grpc_metadata* metadata, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (grpc_slice_str_cmp(metadata[i].key, ":path") != 0) continue;
    return std::string(reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(metadata[i].value)),
                       GRPC_SLICE_LENGTH(metadata[i].value));
  }
  return "";
}

// As gRPC has it: told of each call before its handler is.
void CheckCall(void*, grpc_auth_context* context, const grpc_metadata* metadata, size_t count,
               grpc_process_auth_metadata_done_cb done, void* call) {
  const absl::Status status = CallerOf(context).CheckCall(PathOf(metadata, count));
  done(call, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
       std::string(status.message()).c_str());
}

class Credentials final : public grpc::ServerCredentials {
 public:
  explicit Credentials(ServerFiles& files) : files_(files) {
    const bool asks_clients = files.Current()->asks_clients();
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            asks_clients ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            &Credentials::OnHandshake, this));
    if (!asks_clients) return;
    grpc_server_credentials_set_auth_metadata_processor(credentials_,
                                                        {&CheckCall, [](void*) {}, nullptr});
  }
  ~Credentials() override { grpc_server_credentials_release(credentials_); }

  // The gate is the only one there is.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Told before each handshake.
  static grpc_ssl_certificate_config_reload_status OnHandshake(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<Credentials*>(self)->Renew(config);
  }

  grpc_ssl_certificate_config_reload_status Renew(grpc_ssl_server_certificate_config** config) {
    const std::shared_ptr<const ServerMaterial> current = files_.Current();
    MutexLock lock(mu_);
    if (current == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    given_ = current;
    const grpc_ssl_pem_key_cert_pair pair = {current->key().c_str(),
                                             current->certificate().c_str()};
    // gRPC wants authorities even where it asks nobody; then any will do.
    const std::string& authorities =
        current->asks_clients() ? current->client_ca() : current->certificate();
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  ServerFiles& files_;
  grpc_server_credentials* credentials_;

  Mutex mu_;
  std::shared_ptr<const ServerMaterial> given_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeGrpcCredentials(ServerFiles& files) {
  return std::make_shared<Credentials>(files);
}

}  // namespace sluice::tls
