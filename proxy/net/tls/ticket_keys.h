// The keys that seal session tickets: with the right one a returning client skips the signature.
//
// A ticket holds the session itself, so nothing is kept for clients that may never return, and any
// worker that has the keys can take it up. The first key seals; all open. Rotation puts a new one
// in front and forgets the oldest, which bounds what a stolen key can read.
//
// Thread: any. Handshakes hold the lock for a moment; requests never do.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace sluice::net::tls {

class TicketKeys {
 public:
  struct Key {
    std::array<uint8_t, 16> name;
    std::array<uint8_t, 32> secret;
  };
  static constexpr size_t kKept = 3;

  static Key RandomKey();

  // With one random key.
  TicketKeys();

  // All, the one that seals first: for a process that takes this one's place.
  std::vector<Key> Copy() const { return *keys(); }
  // A new random key seals from now on.
  void Rotate();
  // Takes keys that others have too; at least one. The first seals.
  void Set(std::vector<Key> keys);

  // name(16) nonce(12) ciphertext tag(16).
  static constexpr size_t kOverhead = 16 + 12 + 16;
  bool Seal(uint8_t* out, size_t* out_size, size_t max, const uint8_t* in, size_t in_size) const;
  bool Open(uint8_t* out, size_t* out_size, size_t max, const uint8_t* in, size_t in_size) const;

 private:
  using Keys = std::shared_ptr<const std::vector<Key>>;
  Keys keys() const;

  mutable Mutex mu_;
  Keys keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace sluice::net::tls
