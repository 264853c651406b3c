// Only what is needed to tell whether a key is of a certificate: the proxy's BoringSSL, which is
// not to meet gRPC's OpenSSL in the control plane, has the last word. The point of a private key
// that does not carry its own (some tools leave it out) is computed by nettle.

#include "api/x509/key.h"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/x509/der.h"
#include "api/x509/pem.h"
#include "base/status_macros.h"

namespace sluice::x509 {
namespace {

constexpr absl::string_view kRsaEncryption("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
constexpr absl::string_view kEcPublicKey("\x2a\x86\x48\xce\x3d\x02\x01", 7);
constexpr absl::string_view kP256Curve("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8);
constexpr absl::string_view kP384Curve("\x2b\x81\x04\x00\x22", 5);

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " cannot be parsed"));
}

KeyType CurveOf(absl::string_view oid) {
  if (oid == kP256Curve) return KeyType::kP256;
  if (oid == kP384Curve) return KeyType::kP384;
  return KeyType::kOther;
}

int BitsOf(absl::string_view number) {
  if (number.empty()) return 0;
  int bits = static_cast<int>(number.size()) * 8;
  for (auto first = static_cast<uint8_t>(number[0]); first < 0x80 && bits > 0; first <<= 1) --bits;
  return bits;
}

std::optional<PublicKey> RsaKey(DerReader& numbers) {
  const auto modulus = numbers.ReadUnsigned();
  const auto exponent = numbers.ReadUnsigned();
  if (!modulus || !exponent) return std::nullopt;
  return PublicKey{KeyType::kRsa, BitsOf(*modulus),
                   absl::StrCat(absl::string_view(*exponent), ":", absl::string_view(*modulus))};
}

// AlgorithmIdentifier. The curve of an elliptic one is its parameter.
struct Algorithm {
  bool is_rsa = false;
  KeyType curve = KeyType::kOther;
};
std::optional<Algorithm> ReadAlgorithm(DerReader& reader) {
  const auto content = reader.Read(kSequence);
  if (!content) return std::nullopt;
  DerReader parts(*content);
  const auto oid = parts.Read(kObject);
  if (!oid) return std::nullopt;
  Algorithm algorithm{*oid == kRsaEncryption, KeyType::kOther};
  if (*oid != kEcPublicKey) return algorithm;
  const auto curve = parts.Read(kObject);
  if (!curve) return std::nullopt;
  algorithm.curve = CurveOf(*curve);
  return algorithm;
}

// The point of a secret number, as certificates have it.
std::string PointOf(KeyType type, absl::string_view secret) {
  const ecc_curve* const curve =
      type == KeyType::kP256 ? nettle_get_secp_256r1() : nettle_get_secp_384r1();
  const size_t bytes = type == KeyType::kP256 ? 32 : 48;
  mpz_t number;
  mpz_t x;
  mpz_t y;
  mpz_inits(number, x, y, nullptr);
  mpz_import(number, secret.size(), 1, 1, 1, 0, secret.data());
  ecc_scalar scalar;
  ecc_point point;
  ecc_scalar_init(&scalar, curve);
  ecc_point_init(&point, curve);
  std::string text;
  if (ecc_scalar_set(&scalar, number) == 1) {
    ecc_point_mul_g(&point, &scalar);
    ecc_point_get(&point, x, y);
    text.assign(1 + 2 * bytes, '\0');
    text[0] = 4;
    const auto put = [&text, bytes](size_t at, const mpz_t value) {
      const size_t size = (mpz_sizeinbase(value, 2) + 7) / 8;
      mpz_export(text.data() + at + bytes - size, nullptr, 1, 1, 1, 0, value);
    };
    put(1, x);
    put(1 + bytes, y);
  }
  ecc_point_clear(&point);
  ecc_scalar_clear(&scalar);
  mpz_clears(number, x, y, nullptr);
  return text;
}

// ECPrivateKey (RFC 5915); `curve` if it is known from outside.
std::optional<PublicKey> EcKey(absl::string_view der, KeyType curve) {
  DerReader outer(der);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return std::nullopt;
  DerReader parts(*content);
  const auto version = parts.ReadUnsigned();
  const auto secret = parts.Read(kOctetString);
  if (!version || *version != "\x01" || !secret || secret->size() > 66) return std::nullopt;
  if (const auto named = parts.Read(ContextOf(0))) {
    const auto oid = DerReader(*named).Read(kObject);
    if (oid) curve = CurveOf(*oid);
  }
  if (curve == KeyType::kOther) return PublicKey{};
  const size_t bytes = curve == KeyType::kP256 ? 32 : 48;
  if (secret->size() != bytes) return std::nullopt;
  PublicKey key{curve, 0, PointOf(curve, *secret)};
  if (key.identity.empty()) return std::nullopt;
  return key;
}

std::optional<PublicKey> Pkcs1Key(absl::string_view der) {
  DerReader outer(der);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return std::nullopt;
  DerReader numbers(*content);
  if (!numbers.ReadUnsigned()) return std::nullopt;  // Version.
  return RsaKey(numbers);
}

std::optional<PublicKey> Pkcs8Key(absl::string_view der) {
  DerReader outer(der);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return std::nullopt;
  DerReader parts(*content);
  if (!parts.ReadUnsigned()) return std::nullopt;  // Version.
  const std::optional<Algorithm> algorithm = ReadAlgorithm(parts);
  const auto key = parts.Read(kOctetString);
  if (!algorithm || !key) return std::nullopt;
  if (algorithm->is_rsa) return Pkcs1Key(*key);
  if (algorithm->curve == KeyType::kOther) return PublicKey{};
  return EcKey(*key, algorithm->curve);
}

}  // namespace

absl::StatusOr<PublicKey> ParsePublicKey(absl::string_view info) {
  DerReader outer(info);
  const auto content = outer.Read(kSequence);
  if (!content) return Broken("the public key");
  DerReader parts(*content);
  const std::optional<Algorithm> algorithm = ReadAlgorithm(parts);
  const auto bits = parts.ReadBits();
  if (!algorithm || !bits) return Broken("the public key");
  if (!algorithm->is_rsa) return PublicKey{algorithm->curve, 0, std::string(*bits)};
  DerReader rsa(*bits);
  const auto numbers = rsa.Read(kSequence);
  if (!numbers) return Broken("the public key");
  DerReader reader(*numbers);
  std::optional<PublicKey> key = RsaKey(reader);
  if (!key) return Broken("the public key");
  return *std::move(key);
}

absl::StatusOr<PublicKey> PublicHalf(absl::string_view private_key_pem) {
  ASSIGN_OR_RETURN(const std::vector<PemBlock> blocks, ParsePem(private_key_pem));
  std::optional<PublicKey> key;
  int found = 0;
  for (const PemBlock& block : blocks) {
    if (block.label == "EC PARAMETERS") continue;  // openssl ecparam -genkey writes them before it.
    ++found;
    if (block.label == "PRIVATE KEY") key = Pkcs8Key(block.der);
    if (block.label == "RSA PRIVATE KEY") key = Pkcs1Key(block.der);
    if (block.label == "EC PRIVATE KEY") key = EcKey(block.der, KeyType::kOther);
  }
  if (found != 1) return absl::InvalidArgumentError("is not one private key in PEM");
  if (!key) return Broken("the private key");
  if (key->type == KeyType::kOther) {
    return absl::UnimplementedError("is neither an RSA key nor an ECDSA one on P-256 or P-384");
  }
  return *std::move(key);
}

}  // namespace sluice::x509
