// SipHash-1-3: a hash that nobody can aim without its key.
//
// Keys of limits are chosen by clients (headers, addresses). With a hash that they can compute they
// could spend somebody else's budget, or crowd chosen keys out of the table.
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace sluice::plugins {

struct HashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;

  // From the system's generator.
  static HashKey Random();
};

namespace internal {

inline uint64_t RotateLeft(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

struct SipState {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = RotateLeft(v1, 13) ^ v0;
    v0 = RotateLeft(v0, 32);
    v2 += v3;
    v3 = RotateLeft(v3, 16) ^ v2;
    v0 += v3;
    v3 = RotateLeft(v3, 21) ^ v0;
    v2 += v1;
    v1 = RotateLeft(v1, 17) ^ v2;
    v2 = RotateLeft(v2, 32);
  }

  void Absorb(uint64_t word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }
};

}  // namespace internal

inline uint64_t KeyedHash(const HashKey& key, absl::string_view text) {
  internal::SipState state = {key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                              key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
  const char* p = text.data();
  size_t left = text.size();
  for (; left >= 8; p += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state.Absorb(word);
  }
  uint64_t last = 0;
  if (left > 0) std::memcpy(&last, p, left);
  state.Absorb(last | uint64_t{text.size()} << 56);
  state.v2 ^= 0xff;
  state.Round();
  state.Round();
  state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace sluice::plugins
