#include "proxy/net/tls/trust.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"

namespace sluice::net::tls {
namespace {

constexpr int kMaxDepth = 8;

std::string DerOf(X509_NAME* name) {
  uint8_t* der = nullptr;
  const int size = i2d_X509_NAME(name, &der);
  if (size <= 0) return {};
  const bssl::UniquePtr<uint8_t> owned(der);
  return std::string(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
}

Trust::Verdict Failed(int error) {
  Trust::Verdict verdict;
  verdict.alert = static_cast<uint8_t>(SSL_alert_from_verify_result(error));
  // "certificate has expired" as one word, like all reasons.
  verdict.failure = absl::StrReplaceAll(absl::AsciiStrToLower(X509_verify_cert_error_string(error)),
                                        {{" ", "_"}, {"'", ""}});
  return verdict;
}

uint32_t SecondsLeft(const STACK_OF(X509) * chain) {
  int64_t least = UINT32_MAX;
  for (size_t i = 0; i < sk_X509_num(chain); ++i) {
    int days = 0;
    int seconds = 0;
    const ASN1_TIME* const end = X509_get0_notAfter(sk_X509_value(chain, i));
    if (ASN1_TIME_diff(&days, &seconds, nullptr, end) != 1) return 0;
    least = std::min(least, int64_t{days} * 86'400 + seconds);
  }
  return static_cast<uint32_t>(std::max<int64_t>(least, 0));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Trust>> Trust::FromPem(absl::string_view pem) {
  ASSIGN_OR_RETURN(const auto authorities, ParseChain(pem));
  std::shared_ptr<Trust> trust(new Trust());
  trust->store_.reset(X509_STORE_new());
  SHA256_CTX sha;
  SHA256_Init(&sha);
  for (const auto& buffer : authorities) {
    const bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(buffer.get()));
    SHA256_Update(&sha, CRYPTO_BUFFER_data(buffer.get()), CRYPTO_BUFFER_len(buffer.get()));
    // Twice the same is no error here.
    X509_STORE_add_cert(trust->store_.get(), certificate.get());
    trust->subjects_.push_back(DerOf(X509_get_subject_name(certificate.get())));
  }
  ERR_clear_error();
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &sha);
  trust->digest_.assign(reinterpret_cast<const char*>(digest), sizeof(digest));
  return std::shared_ptr<const Trust>(std::move(trust));
}

absl::StatusOr<std::shared_ptr<const Trust>> Trust::FromFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("\"", path, "\" cannot be read"));
  }
  return FromPem(text.str());
}

Trust::Verdict Trust::Verify(const STACK_OF(CRYPTO_BUFFER) * chain, Purpose purpose) const {
  const size_t count = chain == nullptr ? 0 : sk_CRYPTO_BUFFER_num(chain);
  const bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  bssl::UniquePtr<X509> leaf;
  for (size_t i = 0; i < count; ++i) {
    bssl::UniquePtr<X509> parsed(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, i)));
    if (parsed == nullptr) break;
    if (i == 0) {
      leaf = std::move(parsed);
    } else {
      bssl::PushToStack(others.get(), std::move(parsed));
    }
  }
  ERR_clear_error();
  if (leaf == nullptr) return Failed(X509_V_ERR_UNSPECIFIED);
  const bssl::UniquePtr<X509_STORE_CTX> check(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(check.get(), store_.get(), leaf.get(), others.get()) != 1) {
    return Failed(X509_V_ERR_OUT_OF_MEM);
  }
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_depth(param, kMaxDepth);
  // An authority that is listed is trusted, whether or not it is the root of its chain.
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_purpose(
      check.get(), purpose == Purpose::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  const int result = X509_verify_cert(check.get());
  const int error = X509_STORE_CTX_get_error(check.get());
  ERR_clear_error();
  if (result != 1) return Failed(error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error);
  Verdict verdict;
  verdict.ok = true;
  verdict.names = NamesOf(*leaf);
  verdict.seconds_left = SecondsLeft(X509_STORE_CTX_get0_chain(check.get()));
  return verdict;
}

bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> Trust::SubjectNames() const {
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  for (const std::string& der : subjects_) {
    bssl::PushToStack(names.get(),
                      bssl::UniquePtr<CRYPTO_BUFFER>(CRYPTO_BUFFER_new(
                          reinterpret_cast<const uint8_t*>(der.data()), der.size(), nullptr)));
  }
  return names;
}

}  // namespace sluice::net::tls
