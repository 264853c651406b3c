// Which four bytes in a row a text has, roughly: a Bloom filter with one hash.
//
// An expression is worth trying only on texts that have all the grams of its literals. Of a
// thousand expressions that differ in a number in the middle this leaves one or two, for a few
// nanoseconds each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace sluice::match {

class GramSet {
 public:
  static constexpr size_t kGram = 4;

  void Add(absl::string_view text) {
    for (size_t at = 0; at + kGram <= text.size(); ++at) {
      uint32_t gram;
      std::memcpy(&gram, text.data() + at, kGram);
      const uint32_t bit = gram * 0x9E3779B1u >> 24;
      words_[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }

  // Never false if `part` has only grams that this has, too.
  bool MayContain(const GramSet& part) const {
    uint64_t missing = 0;
    for (size_t i = 0; i < kWords; ++i) missing |= part.words_[i] & ~words_[i];
    return missing == 0;
  }

 private:
  static constexpr size_t kWords = 256 / 64;
  std::array<uint64_t, kWords> words_{};
};

}  // namespace sluice::match
