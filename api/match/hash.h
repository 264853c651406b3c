// The hash of hosts, path segments and route names.
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace sluice::match {

inline uint64_t LoadWord(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

inline uint64_t MixWords(uint64_t a, uint64_t b) {
  const absl::uint128 product = absl::uint128(a) * b;
  return absl::Uint128Low64(product) ^ absl::Uint128High64(product);
}

// Multiply and fold, 16 bytes at a time, inline: most texts here are one round. It is not keyed,
// because only routes are stored by it and tables stay correct, if slower, when hashes collide.
inline uint32_t HashText(absl::string_view text) {
  constexpr uint64_t kOne = 0x9E3779B97F4A7C15u;
  constexpr uint64_t kTwo = 0xD6E8FEB86659FD93u;
  const char* p = text.data();
  size_t left = text.size();
  uint64_t state = left * kOne;
  for (; left > 16; p += 16, left -= 16) {
    state = MixWords(LoadWord(p) ^ state ^ kOne, LoadWord(p + 8) ^ kTwo);
  }
  uint64_t first = 0;
  uint64_t last = 0;
  if (left >= 8) {
    first = LoadWord(p);
    last = LoadWord(p + left - 8);
  } else if (left >= 4) {
    uint32_t half;
    std::memcpy(&half, p, sizeof half);
    first = half;
    std::memcpy(&half, p + left - 4, sizeof half);
    last = half;
  } else if (left > 0) {
    first = static_cast<uint64_t>(static_cast<unsigned char>(p[0])) << 16 |
            static_cast<uint64_t>(static_cast<unsigned char>(p[left / 2])) << 8 |
            static_cast<unsigned char>(p[left - 1]);
  }
  const uint64_t mixed = MixWords(first ^ state ^ kOne, last ^ kTwo);
  return static_cast<uint32_t>(mixed ^ mixed >> 32);
}

}  // namespace sluice::match
