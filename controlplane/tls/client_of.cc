#include "controlplane/tls/client_of.h"

#include <gnutls/x509.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice::tls {
namespace {

constexpr unsigned kMaxChain = 16;

// The certificates that were shown, parsed; freed with this.
class Chain {
 public:
  explicit Chain(gnutls_session_t session) {
    unsigned count = 0;
    const gnutls_datum_t* raw = gnutls_certificate_get_peers(session, &count);
    if (raw == nullptr || count > kMaxChain) return;
    for (unsigned i = 0; i < count; ++i) {
      gnutls_x509_crt_t certificate = nullptr;
      gnutls_x509_crt_init(&certificate);
      certificates_.push_back(certificate);
      is_good_ = gnutls_x509_crt_import(certificate, &raw[i], GNUTLS_X509_FMT_DER) >= 0;
      if (!is_good_) return;
    }
  }
  ~Chain() {
    for (gnutls_x509_crt_t certificate : certificates_) gnutls_x509_crt_deinit(certificate);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  bool is_empty() const { return certificates_.empty(); }
  bool is_good() const { return is_good_; }
  gnutls_x509_crt_t first() const { return certificates_[0]; }
  gnutls_x509_crt_t* data() { return certificates_.data(); }
  unsigned size() const { return static_cast<unsigned>(certificates_.size()); }

 private:
  std::vector<gnutls_x509_crt_t> certificates_;
  bool is_good_ = false;
};

std::vector<std::string> UrisOf(gnutls_x509_crt_t certificate) {
  std::vector<std::string> uris;
  for (unsigned i = 0;; ++i) {
    char name[1024];
    size_t size = sizeof(name);
    unsigned type = 0;
    const int got =
        gnutls_x509_crt_get_subject_alt_name2(certificate, i, name, &size, &type, nullptr);
    // A name that is too long for us is none of ours.
    if (got == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;
    if (got < 0) return uris;
    if (type == GNUTLS_SAN_URI) uris.emplace_back(name, size);
  }
}

// Why GnuTLS does not trust it, as one line.
std::string Reason(unsigned status) {
  gnutls_datum_t text = {nullptr, 0};
  if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0) {
    return "it is not trusted";
  }
  std::string reason(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  while (!reason.empty() && (reason.back() == ' ' || reason.back() == '.')) reason.pop_back();
  return absl::StrReplaceAll(reason, {{"\n", " "}});
}

}  // namespace

auth::Caller ClientOf(gnutls_session_t session, const ServerMaterial& material) {
  if (!material.asks_clients()) return auth::Caller::Anybody();
  Chain chain(session);
  if (chain.is_empty()) return auth::Caller::Unknown("no client certificate was shown");
  if (!chain.is_good()) return auth::Caller::Unknown("the client certificate cannot be read");
  std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st wanted = {GNUTLS_DT_KEY_PURPOSE_OID,
                                  reinterpret_cast<unsigned char*>(purpose.data()),
                                  static_cast<unsigned>(purpose.size())};
  unsigned status = 0;
  if (gnutls_x509_trust_list_verify_crt2(material.trust(), chain.data(), chain.size(), &wanted, 1,
                                         0, &status, nullptr) < 0 ||
      status != 0) {
    return auth::Caller::Unknown(
        absl::StrCat("the client certificate is refused: ", Reason(status)));
  }
  return auth::Caller::WithUris(UrisOf(chain.first()));
}

}  // namespace sluice::tls
