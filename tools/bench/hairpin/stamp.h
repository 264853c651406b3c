// Messages that say when they were sent, to be found in a stream of bytes whatever frames them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::hairpin {

// "@" and sixteen hexadecimal digits; filled up to `bytes`, at least these 17.
std::string StampedMessage(int64_t now, size_t bytes);

// Finds stamps, also where a read ends within one.
class StampReader {
 public:
  // Calls `on_stamp(int64_t)` for each stamp that ends in `data`.
  template <typename F>
  void Feed(absl::string_view data, F on_stamp) {
    for (const char c : data) {
      if (c == '@') {
        digits_ = 0;
        value_ = 0;
      } else if (digits_ >= 0) {
        const int digit = DigitOf(c);
        value_ = value_ << 4 | static_cast<uint64_t>(digit & 15);
        digits_ = digit < 0 ? -1 : digits_ + 1;
        if (digits_ == kDigits) {
          digits_ = -1;
          on_stamp(static_cast<int64_t>(value_));
        }
      }
    }
  }

 private:
  static constexpr int kDigits = 16;
  static int DigitOf(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  }

  int digits_ = -1;  // Seen of a stamp; negative: none has begun.
  uint64_t value_ = 0;
};

}  // namespace sluice::hairpin
