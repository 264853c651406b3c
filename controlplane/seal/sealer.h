// Seals what is kept on disk, so that a copy of the disk without the key tells nothing.
//
// A sealed record: id of the key (8), nonce (12), ciphertext, tag (16); AES-256-GCM. What a record
// is of goes in as associated data: one cannot be put in the place of another.
//
// Immutable. Thread: any.
#pragma once

#include <nettle/gcm.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::seal {

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kKeyIdBytes = 8;

// What messages call a key: 16 hexadecimal digits, from which nobody learns the key.
std::string KeyName(absl::string_view key);

class Sealer {
 public:
  // `keys` are kKeyBytes each, at least one: the first seals, all open.
  explicit Sealer(const std::vector<std::string>& keys);
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // `what` names the record: the same is given to open it.
  std::string Seal(absl::string_view plain, absl::string_view what) const;

  //   FAILED_PRECONDITION  sealed with a key that is not among ours
  //   DATA_LOSS            it is not what was sealed as `what`
  absl::StatusOr<std::string> Open(absl::string_view sealed, absl::string_view what) const;

  // Whether the key that seals has sealed it.
  bool IsCurrent(absl::string_view sealed) const;
  // The name of the key that seals, and of the one that has sealed `sealed`.
  std::string key_name() const;
  static std::string KeyNameOf(absl::string_view sealed);

 private:
  struct Key {
    std::string id;
    gcm_aes256_ctx cipher;  // With the key set.
  };
  std::vector<Key> keys_;
};

}  // namespace sluice::seal
