#include "controlplane/seal/sealer.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/seal/random.h"

namespace sluice::seal {
namespace {

constexpr size_t kHeadBytes = kKeyIdBytes + GCM_IV_SIZE;

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

std::string IdOf(absl::string_view key) {
  constexpr absl::string_view kPurpose = "sluice seal key id";
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, kPurpose.size(), Bytes(kPurpose));
  sha256_update(&context, key.size(), Bytes(key));
  std::string id(kKeyIdBytes, '\0');
  sha256_digest(&context, id.size(), Bytes(id));
  return id;
}

}  // namespace

std::string KeyName(absl::string_view key) { return absl::BytesToHexString(IdOf(key)); }

Sealer::Sealer(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    keys_.push_back({IdOf(key), {}});
    gcm_aes256_set_key(&keys_.back().cipher, Bytes(key));
  }
}

std::string Sealer::Seal(absl::string_view plain, absl::string_view what) const {
  const Key& key = keys_.front();
  std::string sealed = absl::StrCat(key.id, RandomBytes(GCM_IV_SIZE));
  sealed.resize(kHeadBytes + plain.size() + GCM_DIGEST_SIZE);
  gcm_aes256_ctx cipher = key.cipher;
  gcm_aes256_set_iv(&cipher, GCM_IV_SIZE, Bytes(sealed) + kKeyIdBytes);
  gcm_aes256_update(&cipher, what.size(), Bytes(what));
  gcm_aes256_encrypt(&cipher, plain.size(), Bytes(sealed) + kHeadBytes, Bytes(plain));
  gcm_aes256_digest(&cipher, GCM_DIGEST_SIZE, Bytes(sealed) + kHeadBytes + plain.size());
  return sealed;
}

absl::StatusOr<std::string> Sealer::Open(absl::string_view sealed, absl::string_view what) const {
  if (sealed.size() < kHeadBytes + GCM_DIGEST_SIZE) {
    return absl::DataLossError("it is too short to be sealed");
  }
  const absl::string_view id = sealed.substr(0, kKeyIdBytes);
  const auto key = std::find_if(keys_.begin(), keys_.end(),
                                [id](const Key& candidate) { return candidate.id == id; });
  if (key == keys_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is sealed with the key ", KeyNameOf(sealed), ", and there is only ",
                     absl::StrJoin(keys_, ", ", [](std::string* out, const Key& candidate) {
                       absl::StrAppend(out, absl::BytesToHexString(candidate.id));
                     })));
  }
  const size_t size = sealed.size() - kHeadBytes - GCM_DIGEST_SIZE;
  std::string plain(size, '\0');
  uint8_t tag[GCM_DIGEST_SIZE];
  gcm_aes256_ctx cipher = key->cipher;
  gcm_aes256_set_iv(&cipher, GCM_IV_SIZE, Bytes(sealed) + kKeyIdBytes);
  gcm_aes256_update(&cipher, what.size(), Bytes(what));
  gcm_aes256_decrypt(&cipher, size, Bytes(plain), Bytes(sealed) + kHeadBytes);
  gcm_aes256_digest(&cipher, sizeof(tag), tag);
  if (memeql_sec(tag, Bytes(sealed) + kHeadBytes + size, sizeof(tag)) == 0) {
    return absl::DataLossError("it is not what was sealed");
  }
  return plain;
}

bool Sealer::IsCurrent(absl::string_view sealed) const {
  return sealed.substr(0, kKeyIdBytes) == keys_.front().id;
}

std::string Sealer::key_name() const { return absl::BytesToHexString(keys_.front().id); }

std::string Sealer::KeyNameOf(absl::string_view sealed) {
  return absl::BytesToHexString(sealed.substr(0, kKeyIdBytes));
}

}  // namespace sluice::seal
