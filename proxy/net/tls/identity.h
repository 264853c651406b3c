// What certificates say about who they are of.
#pragma once

#include <openssl/base.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/net/secure_layer.h"

namespace sluice::net::tls {

// Subject alternative names. Names with bytes that are not printable are left out: a NUL inside has
// fooled others. The common name is no name (RFC 9110, 4.3.4).
struct Names {
  std::vector<std::string> dns;  // Lower case.
  std::vector<std::string> uris;
  std::vector<std::string> emails;
  std::vector<std::string> ips;  // 4 or 16 bytes.
};
Names NamesOf(const X509& certificate);

// Who showed `chain`, its own certificate first; null if it is empty or null.
std::unique_ptr<const PeerIdentity> IdentityOf(const STACK_OF(CRYPTO_BUFFER) * chain);

// Whether `pattern`, a DNS name or "*.x" for one label below x, covers `name`; both lower case.
bool CoversDns(absl::string_view pattern, absl::string_view name);

// Whether a certificate with `names` is of one of `wanted`: DNS names ("*.x" covers one label),
// URIs ("spiffe://x/*" covers all below), addresses of mail, IP addresses.
bool IsOneOf(const Names& names, std::span<const std::string> wanted);

// Whether it is of the server `host`: a DNS name or an IP address.
bool IsOfHost(const Names& names, absl::string_view host);

// The certificates of PEM text, in order, as DER. INVALID_ARGUMENT if there is none, or something
// that is no certificate.
absl::StatusOr<std::vector<bssl::UniquePtr<CRYPTO_BUFFER>>> ParseChain(absl::string_view pem);

}  // namespace sluice::net::tls
