#include "proxy/net/tls/server_context.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "proxy/net/tls/ciphers.h"
#include "proxy/net/tls/session.h"

namespace sluice::net::tls {
namespace {

// For how long a session may be resumed, and a ticket with it.
constexpr uint32_t kSessionSeconds = 12 * 60 * 60;

int ContextIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string Sha256(absl::string_view text) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest);
  return std::string(reinterpret_cast<const char*>(digest), sizeof(digest));
}

// Whether a list of 16-bit numbers in `extension`, with its length in front, holds `wanted`.
bool ExtensionLists(const SSL_CLIENT_HELLO& hello, uint16_t extension, uint16_t wanted) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, extension, &data, &size) != 1) return false;
  CBS cbs;
  CBS list;
  CBS_init(&cbs, data, size);
  if (CBS_get_u16_length_prefixed(&cbs, &list) != 1) return false;
  for (uint16_t item; CBS_get_u16(&list, &item) == 1;) {
    if (item == wanted) return true;
  }
  return false;
}

bool OffersTls13(const SSL_CLIENT_HELLO& hello) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, TLSEXT_TYPE_supported_versions, &data, &size) !=
      1) {
    return false;
  }
  CBS cbs;
  CBS list;
  CBS_init(&cbs, data, size);
  if (CBS_get_u8_length_prefixed(&cbs, &list) != 1) return false;
  for (uint16_t item; CBS_get_u16(&list, &item) == 1;) {
    if (item == TLS1_3_VERSION) return true;
  }
  return false;
}

bool OffersEcdsaCipher(const SSL_CLIENT_HELLO& hello) {
  CBS list;
  CBS_init(&list, hello.cipher_suites, hello.cipher_suites_len);
  for (uint16_t id; CBS_get_u16(&list, &id) == 1;) {
    const SSL_CIPHER* const cipher = SSL_get_cipher_by_value(id);
    if (cipher != nullptr && SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa) return true;
  }
  return false;
}

bool CanVerifyEcdsa(const SSL_CLIENT_HELLO& hello, const Certificate& certificate, bool is_tls13) {
  if (!ExtensionLists(hello, TLSEXT_TYPE_signature_algorithms, certificate.signature_scheme())) {
    return false;
  }
  if (is_tls13) return true;
  return OffersEcdsaCipher(hello) &&
         ExtensionLists(hello, TLSEXT_TYPE_supported_groups, certificate.group());
}

// At any depth, as hosts of routes are: what a route serves must not escape what its hosts demand.
bool IsBelow(absl::string_view name, absl::string_view pattern) {
  return absl::StartsWith(pattern, "*.") && name.size() >= pattern.size() &&
         absl::EndsWith(name, pattern.substr(1));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerContext>> ServerContext::Make(ServerSettings settings) {
  if (settings.certificates.empty()) return absl::InvalidArgumentError("there is no certificate");
  std::shared_ptr<ServerContext> context(new ServerContext(std::move(settings)));
  RETURN_IF_ERROR(context->Build());
  return std::shared_ptr<const ServerContext>(std::move(context));
}

absl::Status ServerContext::Build() {
  for (const std::string& protocol : settings_.protocols) {
    absl::StrAppend(&wire_protocols_, std::string(1, static_cast<char>(protocol.size())), protocol);
  }
  for (const auto& certificate : settings_.certificates) {
    Identity identity{certificate, NewContext()};
    if (identity.context == nullptr || !certificate->Use(identity.context.get())) {
      ERR_clear_error();
      return absl::InvalidArgumentError("a certificate cannot be served");
    }
    const int index = static_cast<int>(identities_.size());
    const auto note = [&](Choice& choice) {
      int& slot = certificate->is_ecdsa() ? choice.ecdsa : choice.rsa;
      // Of several for a name the first stands.
      if (slot < 0) slot = index;
    };
    for (const std::string& name : certificate->dns_names()) {
      const bool is_wildcard = name.size() > 2 && name[0] == '*' && name[1] == '.';
      note(is_wildcard ? wildcard_[name.substr(1)] : exact_[name]);
    }
    if (index == 0) note(fallback_);
    identities_.push_back(std::move(identity));
  }
  // One of the other key type for the same name stands in for the first too.
  const std::vector<std::string>& names = settings_.certificates.front()->dns_names();
  if (!names.empty()) {
    const Choice& same = ChoiceFor(names.front());
    if (fallback_.ecdsa < 0) fallback_.ecdsa = same.ecdsa;
    if (fallback_.rsa < 0) fallback_.rsa = same.rsa;
  }
  session_id_ = Sha256(absl::StrCat("server\n", settings_.name));
  for (const ClientAuth& auth : settings_.client_auth) {
    // Not the names for which it holds: who met the same demands under another name met these.
    Demand demand{&auth,
                  Sha256(absl::StrCat("client_auth\n", settings_.name, "\n", auth.is_required,
                                      auth.trust->digest(), "\n",
                                      absl::StrJoin(auth.subject_alt_names, "\n"))),
                  0};
    std::memcpy(&demand.scope, demand.session_id.data(), sizeof(demand.scope));
    demand.scope |= 1;
    demands_.push_back(std::move(demand));
  }
  return absl::OkStatus();
}

bssl::UniquePtr<SSL_CTX> ServerContext::NewContext() {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  SSL_CTX* const ctx = context.get();
  if (ctx == nullptr || !UseSafeSettings(ctx, static_cast<uint16_t>(settings_.min_version),
                                         static_cast<uint16_t>(settings_.max_version))) {
    return nullptr;
  }
  SSL_CTX_set_ex_data(ctx, ContextIndex(), this);
  SSL_CTX_set_select_certificate_cb(ctx, &ServerContext::OnClientHello);
  if (!settings_.protocols.empty()) {
    SSL_CTX_set_alpn_select_cb(ctx, &ServerContext::OnProtocols, this);
  }
  // Nothing is kept for those who may not come back.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(ctx, kSessionSeconds);
  SSL_CTX_set_session_psk_dhe_timeout(ctx, kSessionSeconds);
  if (settings_.tickets == nullptr) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  } else {
    SSL_CTX_set_ticket_aead_method(ctx, &kTicketMethod);
    SSL_CTX_set_num_tickets(ctx, 1);
  }
  return context;
}

std::unique_ptr<SecureLayer> ServerContext::NewSession(IoContext& io) const {
  bssl::UniquePtr<SSL> ssl(SSL_new(identities_.front().context.get()));
  SSL_set_accept_state(ssl.get());
  return std::make_unique<Session>(io, std::move(ssl));
}

const ServerContext& ServerContext::Of(const SSL* ssl) {
  return *static_cast<const ServerContext*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ContextIndex()));
}

// --- Certificates --------------------------------------------------------------------------------

const ServerContext::Choice& ServerContext::ChoiceFor(absl::string_view name) const {
  if (const auto it = exact_.find(name); it != exact_.end()) return it->second;
  // A wildcard covers one label (RFC 6125, 6.4.3).
  if (const size_t dot = name.find('.'); dot != absl::string_view::npos) {
    const auto it = wildcard_.find(name.substr(dot));
    if (it != wildcard_.end()) return it->second;
  }
  return fallback_;
}

int ServerContext::ChooseIdentity(const SSL_CLIENT_HELLO& hello, absl::string_view name) const {
  const Choice& choice = ChoiceFor(name);
  if (choice.rsa < 0) return choice.ecdsa;
  if (choice.ecdsa < 0) return choice.rsa;
  const bool is_tls13 = settings_.max_version == Version::kTls13 && OffersTls13(hello);
  return CanVerifyEcdsa(hello, *identities_[choice.ecdsa].certificate, is_tls13) ? choice.ecdsa
                                                                                 : choice.rsa;
}

ssl_select_cert_result_t ServerContext::OnClientHello(const SSL_CLIENT_HELLO* hello) {
  SSL* const ssl = hello->ssl;
  const ServerContext& self = Of(ssl);
  const char* const sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  std::string name = absl::AsciiStrToLower(sni == nullptr ? "" : sni);
  // Names have no final dot here (RFC 6066, 3); whoever adds one is held to the same.
  if (absl::EndsWith(name, ".")) name.pop_back();
  const int identity = self.ChooseIdentity(*hello, name);
  if (identity != 0) SSL_set_SSL_CTX(ssl, self.identities_[identity].context.get());
  // At each handshake: a response ends while its certificate is in use.
  self.identities_[identity].certificate->Staple(ssl, absl::Now());
  const Demand* const demand = self.DemandFor(name);
  const std::string& id = demand != nullptr ? demand->session_id : self.session_id_;
  SSL_set_session_id_context(ssl, reinterpret_cast<const uint8_t*>(id.data()), id.size());
  if (demand != nullptr) {
    Session::Of(ssl).set_client_auth_scope(demand->scope);
    const ClientAuth& auth = *demand->auth;
    const int mode = SSL_VERIFY_PEER | (auth.is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_set_custom_verify(ssl, mode, &ServerContext::OnVerify);
    SSL_set0_client_CAs(ssl, auth.trust->SubjectNames().release());
  }
  return ssl_select_cert_success;
}

int ServerContext::OnProtocols(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                               unsigned in_size, void* context) {
  const auto& self = *static_cast<const ServerContext*>(context);
  const std::vector<std::string>& ours = self.settings_.protocols;
  for (const std::string& protocol : ours) {
    const bool is_http1 = protocol == "http/1.1";
    for (unsigned i = 0; i + 1 + in[i] <= in_size; i += 1 + in[i]) {
      const absl::string_view theirs(reinterpret_cast<const char*>(in + i + 1), in[i]);
      if (theirs != protocol && !(is_http1 && theirs == "http/1.0")) continue;
      *out = in + i + 1;
      *out_size = in[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  // Somebody who speaks other protocols must not be taken for one who speaks ours (RFC 7301, 3.2).
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// --- Clients' certificates -----------------------------------------------------------------------

const ServerContext::Demand* ServerContext::DemandFor(absl::string_view name) const {
  const Demand* fallback = nullptr;
  const Demand* above = nullptr;
  size_t longest = 0;
  for (const Demand& demand : demands_) {
    const std::vector<std::string>& names = demand.auth->server_names;
    if (names.empty() && fallback == nullptr) fallback = &demand;
    for (const std::string& pattern : names) {
      if (pattern == name) return &demand;
      if (pattern.size() <= longest || !IsBelow(name, pattern)) continue;
      above = &demand;
      longest = pattern.size();
    }
  }
  return above != nullptr ? above : fallback;
}

uint64_t ServerContext::ScopeOf(absl::string_view host) const {
  const Demand* const demand = DemandFor(host);
  return demand != nullptr ? demand->scope : 0;
}

ssl_verify_result_t ServerContext::OnVerify(SSL* ssl, uint8_t* out_alert) {
  Session& session = Session::Of(ssl);
  const std::vector<Demand>& demands = Of(ssl).demands_;
  const auto demand = std::find_if(demands.begin(), demands.end(), [&](const Demand& candidate) {
    return candidate.scope == session.client_auth_scope();
  });
  if (demand == demands.end()) return ssl_verify_invalid;
  const ClientAuth& auth = *demand->auth;
  const Trust::Verdict verdict =
      auth.trust->Verify(SSL_get0_peer_certificates(ssl), Trust::Purpose::kClient);
  if (!verdict.ok) {
    *out_alert = verdict.alert;
    session.RefusePeer(verdict.failure);
    return ssl_verify_invalid;
  }
  if (!auth.subject_alt_names.empty() && !IsOneOf(verdict.names, auth.subject_alt_names)) {
    *out_alert = SSL_AD_ACCESS_DENIED;
    session.RefusePeer("subject_alt_name_not_allowed");
    return ssl_verify_invalid;
  }
  // Who comes back with the session is not asked for the certificate again.
  SSL_SESSION* const proven = SSL_get_session(ssl);
  SSL_SESSION_set_timeout(proven, std::min(SSL_SESSION_get_timeout(proven), verdict.seconds_left));
  return ssl_verify_ok;
}

// --- Tickets -------------------------------------------------------------------------------------

const SSL_TICKET_AEAD_METHOD ServerContext::kTicketMethod = {
    [](SSL*) { return TicketKeys::kOverhead; },
    [](SSL* ssl, uint8_t* out, size_t* out_size, size_t max, const uint8_t* in, size_t in_size) {
      return Of(ssl).settings_.tickets->Seal(out, out_size, max, in, in_size) ? 1 : 0;
    },
    [](SSL* ssl, uint8_t* out, size_t* out_size, size_t max, const uint8_t* in, size_t in_size) {
      return Of(ssl).settings_.tickets->Open(out, out_size, max, in, in_size)
                 ? ssl_ticket_aead_success
                 : ssl_ticket_aead_ignore_ticket;
    },
};

}  // namespace sluice::net::tls
