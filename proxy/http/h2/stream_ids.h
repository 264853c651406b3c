// Which stream ids a client may still use (RFC 9113 section 5.1.1): an id that it went past without
// opening it is closed for good, and one that it has reset, or that has ended in order, takes no
// more.
//
// Clients go up by two, so what they skipped fits in a few ranges; of what has ended, only the most
// recent are known: a frame that is later than those is nghttp2's to ignore.
//
// Thread: its connection's.
#pragma once

#include <array>
#include <cstdint>

namespace sluice::http::h2 {

class StreamIds {
 public:
  enum class Use : uint8_t { kFine, kSkipped, kEnded };

  // HEADERS with this id arrive.
  Use OnHeaders(uint32_t id) {
    if (id > last_) {
      if (id > last_ + 2) {
        skipped_[next_skipped_++ % skipped_.size()] = {static_cast<uint32_t>(last_ + 1), id - 1};
      }
      last_ = id;
      return Use::kFine;
    }
    for (const Range& range : skipped_) {
      if (id >= range.first && id <= range.last) return Use::kSkipped;
    }
    return OnOther(id);
  }
  // DATA with this id arrive.
  Use OnOther(uint32_t id) const {
    for (const uint32_t ended : ended_) {
      if (ended == id) return Use::kEnded;
    }
    return Use::kFine;
  }
  // The client has reset the stream, or both sides have ended it in order.
  void OnEnded(uint32_t id) { ended_[next_ended_++ % ended_.size()] = id; }

 private:
  struct Range {
    uint32_t first = 1;
    uint32_t last = 0;
  };

  // The client's ids are odd: the first is 1.
  int64_t last_ = -1;
  std::array<Range, 8> skipped_;
  std::array<uint32_t, 16> ended_{};
  uint8_t next_skipped_ = 0;
  uint8_t next_ended_ = 0;
};

}  // namespace sluice::http::h2
