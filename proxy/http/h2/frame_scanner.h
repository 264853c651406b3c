// Finds the heads of frames in what a client sends, wherever the reads cut it.
//
// nghttp2 parses frames itself, but says nothing of those that it ignores, and takes all that it is
// given. The scanner sees every frame, and where one ends.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "proxy/http/h2/flood_guard.h"

namespace sluice::http::h2 {

class FrameScanner {
 public:
  enum class Verdict : uint8_t {
    kGoOn,
    kStopAfter,  // This frame, if it ends in the bytes at hand.
    kStopNow,
  };

  // Calls `on_frame(const FrameHead&)` -> Verdict for each head that becomes complete in
  // [begin, end). Returns how far it went: `end`, or where it was told to stop.
  template <typename F>
  const char* Scan(const char* begin, const char* end, F on_frame) {
    const char* p = begin;
    while (p < end) {
      if (skip_ > 0) {
        const size_t n = std::min<size_t>(skip_, static_cast<size_t>(end - p));
        p += n;
        skip_ -= static_cast<uint32_t>(n);
        if (skip_ == 0 && must_stop_) return Stop(p);
        continue;
      }
      while (p < end && have_ < head_size()) head_[have_++] = static_cast<uint8_t>(*p++);
      if (have_ < head_size()) break;
      const FrameHead frame = Parse();
      skip_ = frame.length + kHeadSize - have_;
      have_ = 0;
      const Verdict verdict = on_frame(frame);
      if (verdict == Verdict::kStopNow) return p;
      must_stop_ = verdict == Verdict::kStopAfter;
      if (skip_ == 0 && must_stop_) return Stop(p);
    }
    must_stop_ = false;
    return p;
  }

 private:
  static constexpr uint32_t kHeadSize = 9;
  static constexpr uint32_t kDependency = 4;

  // Of a PRIORITY frame the dependency counts as part of the head, if it has one.
  uint32_t head_size() const {
    const bool is_priority = have_ >= kHeadSize && head_[3] == NGHTTP2_PRIORITY &&
                             (head_[0] != 0 || head_[1] != 0 || head_[2] >= kDependency);
    return is_priority ? kHeadSize + kDependency : kHeadSize;
  }

  const char* Stop(const char* p) {
    must_stop_ = false;
    return p;
  }

  FrameHead Parse() const {
    const auto at = [this](int i) { return static_cast<uint32_t>(head_[i]); };
    FrameHead frame;
    frame.length = at(0) << 16 | at(1) << 8 | at(2);
    frame.type = head_[3];
    frame.flags = head_[4];
    frame.stream_id = (at(5) & 0x7f) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    if (have_ > kHeadSize) {
      frame.dependency = (at(9) & 0x7f) << 24 | at(10) << 16 | at(11) << 8 | at(12);
    }
    return frame;
  }

  uint32_t skip_ = NGHTTP2_CLIENT_MAGIC_LEN;  // Of the preface at first, then of payloads.
  uint32_t have_ = 0;
  bool must_stop_ = false;
  uint8_t head_[kHeadSize + kDependency];
};

}  // namespace sluice::http::h2
