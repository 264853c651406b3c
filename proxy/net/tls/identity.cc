#include "proxy/net/tls/identity.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::net::tls {
namespace {

std::string TextOf(const ASN1_STRING* value) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<size_t>(ASN1_STRING_length(value)));
}

bool IsPrintable(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isgraph(c); });
}

void AddIfPrintable(std::string text, std::vector<std::string>& list) {
  if (IsPrintable(text)) list.push_back(std::move(text));
}

std::string FormatName(const X509_NAME* name) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), const_cast<X509_NAME*>(name), 0, XN_FLAG_RFC2253);
  const uint8_t* bytes = nullptr;
  size_t size = 0;
  BIO_mem_contents(out.get(), &bytes, &size);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

std::string FormatSerial(const X509& certificate) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(&certificate);
  return absl::BytesToHexString(TextOf(serial));
}

std::string ToPem(absl::string_view der) {
  std::string base64;
  absl::Base64Escape(der, &base64);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (size_t i = 0; i < base64.size(); i += 64) {
    absl::StrAppend(&pem, absl::string_view(base64).substr(i, 64), "\n");
  }
  return absl::StrCat(pem, "-----END CERTIFICATE-----\n");
}

absl::string_view BytesOf(const CRYPTO_BUFFER* buffer) {
  return absl::string_view(reinterpret_cast<const char*>(CRYPTO_BUFFER_data(buffer)),
                           CRYPTO_BUFFER_len(buffer));
}

std::string ParseIp(absl::string_view text) {
  const std::string copy(text);
  char bytes[16];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return std::string(bytes, 16);
  return {};
}

bool Contains(const std::vector<std::string>& list, absl::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool CoversAny(const std::vector<std::string>& patterns, absl::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return CoversDns(pattern, name); });
}

}  // namespace

Names NamesOf(const X509& certificate) {
  Names names;
  const bssl::UniquePtr<GENERAL_NAMES> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(const_cast<X509*>(&certificate), NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  if (list == nullptr) return names;
  for (size_t i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
    switch (name->type) {
      case GEN_DNS:
        AddIfPrintable(absl::AsciiStrToLower(TextOf(name->d.dNSName)), names.dns);
        break;
      case GEN_URI:
        AddIfPrintable(TextOf(name->d.uniformResourceIdentifier), names.uris);
        break;
      case GEN_EMAIL:
        AddIfPrintable(TextOf(name->d.rfc822Name), names.emails);
        break;
      case GEN_IPADD:
        names.ips.push_back(TextOf(name->d.iPAddress));
        break;
      default:
        break;
    }
  }
  return names;
}

std::unique_ptr<const PeerIdentity> IdentityOf(const STACK_OF(CRYPTO_BUFFER) * chain) {
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return nullptr;
  CRYPTO_BUFFER* const leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  const bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(leaf));
  if (certificate == nullptr) return nullptr;
  auto identity = std::make_unique<PeerIdentity>();
  identity->subject = FormatName(X509_get_subject_name(certificate.get()));
  identity->issuer = FormatName(X509_get_issuer_name(certificate.get()));
  identity->serial = FormatSerial(*certificate);
  Names names = NamesOf(*certificate);
  identity->dns_names = std::move(names.dns);
  identity->uris = std::move(names.uris);
  identity->dns_list = absl::StrJoin(identity->dns_names, ",");
  identity->uri_list = absl::StrJoin(identity->uris, ",");
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(CRYPTO_BUFFER_data(leaf), CRYPTO_BUFFER_len(leaf), digest, &size, EVP_sha256(),
             nullptr);
  identity->sha256 =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
  identity->pem = ToPem(BytesOf(leaf));
  for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    identity->chain_pem += ToPem(BytesOf(sk_CRYPTO_BUFFER_value(chain, i)));
  }
  return identity;
}

bool CoversDns(absl::string_view pattern, absl::string_view name) {
  if (!absl::StartsWith(pattern, "*.")) return pattern == name;
  const size_t dot = name.find('.');
  return dot != absl::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

bool IsOneOf(const Names& names, std::span<const std::string> wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&names](const std::string& pattern) {
    if (absl::EndsWith(pattern, "/*")) {
      const absl::string_view prefix(pattern.data(), pattern.size() - 1);
      return std::any_of(names.uris.begin(), names.uris.end(), [prefix](const std::string& uri) {
        return absl::StartsWith(uri, prefix);
      });
    }
    if (Contains(names.uris, pattern) || Contains(names.emails, pattern)) return true;
    const std::string ip = ParseIp(pattern);
    if (!ip.empty()) return Contains(names.ips, ip);
    const std::string lower = absl::AsciiStrToLower(pattern);
    return std::any_of(names.dns.begin(), names.dns.end(), [&lower](const std::string& name) {
      return name == lower || CoversDns(lower, name);
    });
  });
}

bool IsOfHost(const Names& names, absl::string_view host) {
  const std::string ip = ParseIp(host);
  if (!ip.empty()) return Contains(names.ips, ip);
  return CoversAny(names.dns, absl::AsciiStrToLower(host));
}

absl::StatusOr<std::vector<bssl::UniquePtr<CRYPTO_BUFFER>>> ParseChain(absl::string_view pem) {
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain;
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<ssize_t>(pem.size())));
  for (;;) {
    char* name = nullptr;
    char* header = nullptr;
    uint8_t* der = nullptr;
    long size = 0;
    if (PEM_read_bio(in.get(), &name, &header, &der, &size) != 1) break;
    const bssl::UniquePtr<char> owned_name(name);
    const bssl::UniquePtr<char> owned_header(header);
    const bssl::UniquePtr<uint8_t> owned_der(der);
    if (absl::string_view(name) != "CERTIFICATE") {
      return absl::InvalidArgumentError(absl::StrCat("holds a ", name, ", no certificate"));
    }
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(
        CRYPTO_BUFFER_new(der, static_cast<size_t>(size), nullptr));
    const bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(buffer.get()));
    if (certificate == nullptr) {
      ERR_clear_error();
      return absl::InvalidArgumentError(
          absl::StrCat("its certificate ", chain.size() + 1, " cannot be parsed"));
    }
    chain.push_back(std::move(buffer));
  }
  ERR_clear_error();
  if (chain.empty()) return absl::InvalidArgumentError("holds no certificate in PEM");
  return chain;
}

}  // namespace sluice::net::tls
