#include "proxy/net/tls/ticket_keys.h"

#include <openssl/aead.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::net::tls {
namespace {

constexpr size_t kNameBytes = 16;
constexpr size_t kNonceBytes = 12;

bool InitAead(bssl::ScopedEVP_AEAD_CTX& aead, const TicketKeys::Key& key) {
  return EVP_AEAD_CTX_init(aead.get(), EVP_aead_aes_256_gcm(), key.secret.data(), key.secret.size(),
                           EVP_AEAD_DEFAULT_TAG_LENGTH, nullptr) == 1;
}

}  // namespace

TicketKeys::Key TicketKeys::RandomKey() {
  Key key;
  RAND_bytes(key.name.data(), key.name.size());
  RAND_bytes(key.secret.data(), key.secret.size());
  return key;
}

TicketKeys::TicketKeys()
    : keys_(std::make_shared<const std::vector<Key>>(std::vector<Key>{RandomKey()})) {}

TicketKeys::Keys TicketKeys::keys() const {
  MutexLock lock(mu_);
  return keys_;
}

void TicketKeys::Rotate() {
  std::vector<Key> next = *keys();
  next.insert(next.begin(), RandomKey());
  if (next.size() > kKept) next.resize(kKept);
  Set(std::move(next));
}

void TicketKeys::Set(std::vector<Key> keys) {
  auto next = std::make_shared<const std::vector<Key>>(std::move(keys));
  MutexLock lock(mu_);
  keys_ = std::move(next);
}

bool TicketKeys::Seal(uint8_t* out, size_t* out_size, size_t max, const uint8_t* in,
                      size_t in_size) const {
  if (max < in_size + kOverhead) return false;
  const Keys keys = this->keys();
  const Key& key = keys->front();
  bssl::ScopedEVP_AEAD_CTX aead;
  if (!InitAead(aead, key)) return false;
  // `in` may be `out`, and the prefix would overwrite it.
  uint8_t* const body = out + kNameBytes + kNonceBytes;
  std::memmove(body, in, in_size);
  std::memcpy(out, key.name.data(), kNameBytes);
  RAND_bytes(out + kNameBytes, kNonceBytes);
  size_t sealed = 0;
  if (EVP_AEAD_CTX_seal(aead.get(), body, &sealed, max - kNameBytes - kNonceBytes, out + kNameBytes,
                        kNonceBytes, body, in_size, out, kNameBytes) != 1) {
    return false;
  }
  *out_size = kNameBytes + kNonceBytes + sealed;
  return true;
}

bool TicketKeys::Open(uint8_t* out, size_t* out_size, size_t max, const uint8_t* in,
                      size_t in_size) const {
  if (in_size < kOverhead) return false;
  const Keys keys = this->keys();
  const auto key = std::find_if(keys->begin(), keys->end(), [in](const Key& candidate) {
    return std::memcmp(candidate.name.data(), in, kNameBytes) == 0;
  });
  if (key == keys->end()) return false;
  bssl::ScopedEVP_AEAD_CTX aead;
  if (!InitAead(aead, *key)) return false;
  // By way of a copy: `in` may be `out`.
  const uint8_t* const body = in + kNameBytes + kNonceBytes;
  const size_t body_size = in_size - kNameBytes - kNonceBytes;
  std::vector<uint8_t> plain(body_size);
  size_t opened = 0;
  if (EVP_AEAD_CTX_open(aead.get(), plain.data(), &opened, plain.size(), in + kNameBytes,
                        kNonceBytes, body, body_size, in, kNameBytes) != 1 ||
      opened > max) {
    return false;
  }
  std::memcpy(out, plain.data(), opened);
  *out_size = opened;
  return true;
}

}  // namespace sluice::net::tls
