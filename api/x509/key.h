// Public and private keys: which they are, and whether they belong together.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::x509 {

enum class KeyType { kRsa, kP256, kP384, kOther };

struct PublicKey {
  KeyType type = KeyType::kOther;
  int bits = 0;          // Of an RSA key.
  std::string identity;  // What makes it this key: modulus and exponent, or the curve's point.
};

// Of SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), DER. INVALID_ARGUMENT if it is broken.
absl::StatusOr<PublicKey> ParsePublicKey(absl::string_view info);

// The public half of a private key in PEM: PKCS #8, PKCS #1 ("RSA PRIVATE KEY") or SEC 1 ("EC
// PRIVATE KEY"). INVALID_ARGUMENT, with a message that repeats nothing of the text, if there is not
// exactly one or it is broken; UNIMPLEMENTED for a key that is neither RSA nor ECDSA on P-256 or
// P-384.
absl::StatusOr<PublicKey> PublicHalf(absl::string_view private_key_pem);

}  // namespace sluice::x509
