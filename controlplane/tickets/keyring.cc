#include "controlplane/tickets/keyring.h"

#include <nettle/hmac.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "controlplane/seal/random.h"

namespace sluice::tickets {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kTimeBytes = 8;
constexpr size_t kNameBytes = 16;

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// The first `size` bytes of HMAC-SHA256.
std::string Derive(const std::string& secret, absl::string_view purpose, absl::string_view listener,
                   size_t size) {
  const std::string text = absl::StrCat(purpose, ":", listener);
  hmac_sha256_ctx context;
  hmac_sha256_set_key(&context, secret.size(), Bytes(secret));
  hmac_sha256_update(&context, text.size(), Bytes(text));
  std::string derived(size, '\0');
  hmac_sha256_digest(&context, size, reinterpret_cast<uint8_t*>(derived.data()));
  return derived;
}

void AppendTime(absl::Time time, std::string* out) {
  const auto nanos = static_cast<uint64_t>(absl::ToUnixNanos(time));
  for (size_t i = 0; i < kTimeBytes; ++i) out->push_back(static_cast<char>(nanos >> (8 * i)));
}

absl::Time ReadTime(absl::string_view bytes) {
  uint64_t nanos = 0;
  for (size_t i = 0; i < kTimeBytes; ++i) {
    nanos |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return absl::FromUnixNanos(static_cast<int64_t>(nanos));
}

}  // namespace

absl::StatusOr<Keyring> Keyring::Decode(absl::string_view bytes) {
  constexpr size_t kEach = kTimeBytes + kSecretBytes;
  if (bytes.size() % kEach != 0 || bytes.size() < 2 * kEach) {
    return absl::DataLossError("the stored ticket keys are no ticket keys");
  }
  Keyring keyring;
  for (; !bytes.empty(); bytes.remove_prefix(kEach)) {
    keyring.secrets_.push_back(
        {ReadTime(bytes), std::string(bytes.substr(kTimeBytes, kSecretBytes))});
  }
  return keyring;
}

std::string Keyring::Encode() const {
  std::string bytes;
  for (const Secret& secret : secrets_) {
    AppendTime(secret.since, &bytes);
    absl::StrAppend(&bytes, secret.bytes);
  }
  return bytes;
}

bool Keyring::IsDue(absl::Time now, const Schedule& schedule) const {
  if (secrets_.empty()) return true;
  const absl::Time since = secrets_.front().since;
  return now >= since || since > now + 2 * schedule.rotation;
}

Keyring Keyring::Rotated(absl::Time now, const Schedule& schedule) const {
  Keyring next = *this;
  std::vector<Secret>& secrets = next.secrets_;
  if (secrets.empty()) secrets.push_back({now, seal::RandomBytes(kSecretBytes)});
  // Not when it was due: until now the one before has sealed. None has sealed later than now.
  secrets.front().since = now;
  for (Secret& secret : secrets) secret.since = std::min(secret.since, now);
  secrets.insert(secrets.begin(), {now + schedule.rotation, seal::RandomBytes(kSecretBytes)});
  for (size_t i = 2; i < secrets.size(); ++i) {
    const absl::Time ended = secrets[i - 1].since;
    if (ended + schedule.keep > now && i < kMaxSecrets) continue;
    secrets.resize(i);
  }
  return next;
}

std::string Keyring::KeysOf(absl::string_view listener) const {
  std::string keys;
  const auto append = [&](const Secret& secret) {
    absl::StrAppend(&keys, Derive(secret.bytes, "name", listener, kNameBytes),
                    Derive(secret.bytes, "key", listener, kKeyBytes - kNameBytes));
  };
  if (secrets_.empty()) return keys;
  append(secrets_[1]);
  append(secrets_[0]);
  for (size_t i = 2; i < secrets_.size(); ++i) append(secrets_[i]);
  return keys;
}

}  // namespace sluice::tickets
