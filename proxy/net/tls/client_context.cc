#include "proxy/net/tls/client_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proxy/net/tls/ciphers.h"
#include "proxy/net/tls/session.h"

namespace sluice::net::tls {
namespace {

std::string IdentityOf(const ClientSettings& settings) {
  std::string identity =
      absl::StrCat(settings.protocol, "|", static_cast<int>(settings.min_version), "|",
                   static_cast<int>(settings.max_version), "|",
                   settings.trust != nullptr ? settings.trust->digest() : "", "|",
                   settings.certificate != nullptr ? settings.certificate->digest() : "");
  for (const std::string& name : settings.subject_alt_names) {
    absl::StrAppend(&identity, "|", name.size(), ":", name);
  }
  return identity;
}

bool IsIpAddress(const std::string& host) {
  char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

void SessionSlot::Keep(bssl::UniquePtr<SSL_SESSION> session) {
  if (sessions_.size() == kMax) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

bssl::UniquePtr<SSL_SESSION> SessionSlot::Take() {
  if (sessions_.empty()) return nullptr;
  bssl::UniquePtr<SSL_SESSION> session = std::move(sessions_.back());
  sessions_.pop_back();
  // Up to TLS 1.2 a session is as good the next time.
  if (!SSL_SESSION_should_be_single_use(session.get())) sessions_.push_back(bssl::UpRef(session));
  return session;
}

ClientContext::ClientContext(ClientSettings settings)
    : settings_(std::move(settings)), identity_(IdentityOf(settings_)) {}

absl::StatusOr<std::shared_ptr<const ClientContext>> ClientContext::Make(ClientSettings settings) {
  std::shared_ptr<ClientContext> context(new ClientContext(std::move(settings)));
  RETURN_IF_ERROR(context->Build());
  return std::shared_ptr<const ClientContext>(std::move(context));
}

absl::Status ClientContext::Build() {
  context_.reset(SSL_CTX_new(TLS_with_buffers_method()));
  SSL_CTX* const ctx = context_.get();
  if (ctx == nullptr || !UseSafeSettings(ctx, static_cast<uint16_t>(settings_.min_version),
                                         static_cast<uint16_t>(settings_.max_version))) {
    ERR_clear_error();
    return absl::InternalError("TLS cannot be set up");
  }
  SSL_CTX_set_custom_verify(ctx, settings_.trust != nullptr ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                            &ClientContext::OnVerify);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, &ClientContext::OnNewSession);
  if (!settings_.protocol.empty()) {
    const std::string protocols = absl::StrCat(
        std::string(1, static_cast<char>(settings_.protocol.size())), settings_.protocol);
    SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const uint8_t*>(protocols.data()),
                            protocols.size());
  }
  if (settings_.certificate == nullptr || settings_.certificate->Use(ctx)) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError("the certificate cannot be used");
}

std::unique_ptr<SecureLayer> ClientContext::NewSession(IoContext& io, const std::string& host,
                                                       SessionSlot* sessions) const {
  bssl::UniquePtr<SSL> ssl(SSL_new(context_.get()));
  SSL_set_connect_state(ssl.get());
  if (!IsIpAddress(host)) SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  if (sessions != nullptr) {
    if (const bssl::UniquePtr<SSL_SESSION> session = sessions->Take()) {
      SSL_set_session(ssl.get(), session.get());
    }
  }
  auto layer = std::make_unique<Session>(io, std::move(ssl));
  layer->SetServer(shared_from_this(), host, settings_.protocol == "h2" ? "h2" : "", sessions);
  return layer;
}

ssl_verify_result_t ClientContext::OnVerify(SSL* ssl, uint8_t* out_alert) {
  Session& session = Session::Of(ssl);
  const ClientContext& self = session.client_context();
  if (self.settings_.trust == nullptr) return ssl_verify_ok;
  const Trust::Verdict verdict =
      self.settings_.trust->Verify(SSL_get0_peer_certificates(ssl), Trust::Purpose::kServer);
  if (!verdict.ok) {
    *out_alert = verdict.alert;
    session.RefusePeer(verdict.failure);
    return ssl_verify_invalid;
  }
  const std::vector<std::string>& wanted = self.settings_.subject_alt_names;
  if (wanted.empty() ? IsOfHost(verdict.names, session.host()) : IsOneOf(verdict.names, wanted)) {
    return ssl_verify_ok;
  }
  *out_alert = SSL_AD_BAD_CERTIFICATE;
  session.RefusePeer("name_mismatch");
  return ssl_verify_invalid;
}

int ClientContext::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  SessionSlot* const sessions = Session::Of(ssl).sessions();
  if (sessions == nullptr) return 0;
  sessions->Keep(bssl::UniquePtr<SSL_SESSION>(session));
  return 1;  // Taken over.
}

}  // namespace sluice::net::tls
