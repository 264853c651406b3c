#include "proxy/net/tls/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/status_macros.h"
#include "proxy/net/tls/identity.h"

namespace sluice::net::tls {
namespace {

// Or else BoringSSL asks on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> ParseKey(absl::string_view pem) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<ssize_t>(pem.size())));
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("its private key cannot be parsed");
  return key;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Certificate>> Certificate::Load(const Source& source) {
  std::shared_ptr<Certificate> certificate(new Certificate());
  ASSIGN_OR_RETURN(certificate->chain_, ParseChain(source.chain_pem));
  ASSIGN_OR_RETURN(certificate->key_, ParseKey(source.key_pem));
  certificate->ocsp_ = std::string(source.ocsp);
  certificate->ocsp_from_ = source.ocsp_from;
  certificate->ocsp_until_ = source.ocsp_until;
  certificate->NoteDigest();
  const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(certificate->chain_.front().get()));
  certificate->dns_names_ = NamesOf(*leaf).dns;
  RETURN_IF_ERROR(certificate->NoteKey());
  RETURN_IF_ERROR(certificate->CheckKey());
  return std::shared_ptr<const Certificate>(std::move(certificate));
}

void Certificate::NoteDigest() {
  SHA256_CTX sha;
  SHA256_Init(&sha);
  for (const auto& buffer : chain_) {
    SHA256_Update(&sha, CRYPTO_BUFFER_data(buffer.get()), CRYPTO_BUFFER_len(buffer.get()));
  }
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &sha);
  digest_.assign(reinterpret_cast<const char*>(digest), sizeof(digest));
}

absl::Status Certificate::NoteKey() {
  const int type = EVP_PKEY_id(key_.get());
  if (type == EVP_PKEY_RSA) {
    if (EVP_PKEY_bits(key_.get()) >= 2048) return absl::OkStatus();
    return absl::InvalidArgumentError("its RSA key has less than 2048 bits");
  }
  if (type != EVP_PKEY_EC) {
    return absl::InvalidArgumentError("its key is neither RSA nor ECDSA");
  }
  is_ecdsa_ = true;
  const EC_KEY* const key = EVP_PKEY_get0_EC_KEY(key_.get());
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(key))) {
    case NID_X9_62_prime256v1:
      signature_scheme_ = SSL_SIGN_ECDSA_SECP256R1_SHA256;
      group_ = SSL_CURVE_SECP256R1;
      return absl::OkStatus();
    case NID_secp384r1:
      signature_scheme_ = SSL_SIGN_ECDSA_SECP384R1_SHA384;
      group_ = SSL_CURVE_SECP384R1;
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError("its ECDSA key is on neither P-256 nor P-384");
  }
}

absl::Status Certificate::CheckKey() const {
  const bssl::UniquePtr<SSL_CTX> probe(SSL_CTX_new(TLS_with_buffers_method()));
  if (Use(probe.get())) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError("its private key is not of the certificate");
}

bool Certificate::Use(SSL_CTX* context) const {
  std::vector<CRYPTO_BUFFER*> chain;
  chain.reserve(chain_.size());
  for (const auto& buffer : chain_) chain.push_back(buffer.get());
  return SSL_CTX_set_chain_and_key(context, chain.data(), chain.size(), key_.get(), nullptr) == 1;
}

void Certificate::Staple(SSL* ssl, absl::Time now) const {
  if (ocsp_.empty() || now < ocsp_from_ || now >= ocsp_until_) return;
  // Without memory it goes without.
  SSL_set_ocsp_response(ssl, reinterpret_cast<const uint8_t*>(ocsp_.data()), ocsp_.size());
}

}  // namespace sluice::net::tls
