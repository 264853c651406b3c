#include "proxy/net/tls/testing/authority.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_join.h"

namespace sluice::net::tls::testing {
namespace {

bssl::UniquePtr<EVP_PKEY> MakeKey(bool is_rsa) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (is_rsa) {
    const bssl::UniquePtr<BIGNUM> exponent(BN_new());
    BN_set_word(exponent.get(), RSA_F4);
    const bssl::UniquePtr<RSA> rsa(RSA_new());
    RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr);
    EVP_PKEY_set1_RSA(key.get(), rsa.get());
  } else {
    const bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    EC_KEY_generate_key(ec.get());
    EVP_PKEY_set1_EC_KEY(key.get(), ec.get());
  }
  return key;
}

bssl::UniquePtr<X509> Begin(long serial, const std::string& name, EVP_PKEY* key, int days) {
  constexpr long kDay = 86400;
  bssl::UniquePtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), days < 0 ? -kDay * 30 : -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const uint8_t*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, const_cast<char*>(value.c_str())));
  X509_add_ext(certificate, extension.get(), -1);
}

template <typename F>
std::string Write(F write) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  write(out.get());
  const uint8_t* bytes = nullptr;
  size_t size = 0;
  BIO_mem_contents(out.get(), &bytes, &size);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

}  // namespace

Authority::Authority(const std::string& name, int seconds)
    : key_(MakeKey(false)), certificate_(Begin(1, name, key_.get(), 10)) {
  if (seconds != 0) X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), seconds);
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  pem_ = Write([this](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
}

Authority::Issued Authority::Issue(const Wish& wish) {
  const bssl::UniquePtr<EVP_PKEY> key = MakeKey(wish.is_rsa);
  const bssl::UniquePtr<X509> certificate =
      Begin(next_serial_++, wish.common_name, key.get(), wish.days);
  if (wish.seconds != 0) X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wish.seconds);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  if (!wish.names.empty()) {
    AddExtension(certificate.get(), NID_subject_alt_name, absl::StrJoin(wish.names, ","));
  }
  X509_sign(certificate.get(), key_.get(), EVP_sha256());
  return {Write([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); }),
          Write([&](BIO* out) {
            PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace sluice::net::tls::testing
