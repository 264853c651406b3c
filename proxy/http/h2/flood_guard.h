// Judges what a client's HTTP/2 connection costs beyond its requests: frames that are cheap to send
// and not to receive, streams that are reset as soon as they are opened.
//
// Four budgets, each a bucket that fills slowly by itself and quickly by honest work, so that no
// client that does what it came for meets one:
//   control   SETTINGS, PING, PRIORITY, unknown frames, frames without content (CVE-2019-9512,
//             9513, 9515, 9518); earned by streams and DATA
//   windows   WINDOW_UPDATE, and DATA that a tiny window cuts to crumbs (CVE-2019-9511, 9517);
//             earned by streams and by DATA that is sent
//   resets    streams that the client resets, and those that we reset for its faults
//             (CVE-2023-44487, CVE-2025-8671); earned by streams that end well
//   block     CONTINUATION frames of one header block (CVE-2024-28182)
//
// Frames are counted from their heads on the wire, before nghttp2 sees them: it ignores some in
// silence.
//
// Thread: its connection's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/http/server_settings.h"

namespace sluice::http::h2 {

struct FrameHead {
  uint32_t length = 0;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream_id = 0;
  uint32_t dependency = 0;  // Of PRIORITY: the stream that it names.
};

// What may be spent: at most `capacity`, and it is full at first.
class TokenBucket {
 public:
  TokenBucket(int64_t capacity, int64_t per_second, int64_t now_ns)
      : capacity_(capacity), per_second_(per_second), tokens_(capacity), filled_at_ns_(now_ns) {}

  // False if less than that is left; what is left is spent nonetheless.
  bool Take(int64_t tokens, int64_t now_ns);
  void Give(int64_t tokens) {
    tokens_ = tokens_ + tokens < capacity_ ? tokens_ + tokens : capacity_;
  }

 private:
  const int64_t capacity_;
  const int64_t per_second_;
  int64_t tokens_;
  int64_t filled_at_ns_;
};

class FloodGuard {
 public:
  FloodGuard(const FloodLimits& limits, int64_t now_ns);

  // Each is false once a budget is spent: the connection is to be ended.
  [[nodiscard]] bool OnFrame(const FrameHead& frame, int64_t now_ns);
  // A stream that we reset because of what the client did.
  [[nodiscard]] bool OnStreamError(int64_t now_ns);
  // A DATA frame left; `is_cut`: there was more, but the client's window was too small for it.
  [[nodiscard]] bool OnDataSent(size_t bytes, bool is_cut, int64_t now_ns);
  // A stream ended with its response.
  void OnStreamDone() { resets_.Give(1); }

 private:
  bool OnContent(const FrameHead& frame, int64_t now_ns);

  TokenBucket control_;
  TokenBucket windows_;
  TokenBucket resets_;
  uint32_t continuations_ = 0;
};

}  // namespace sluice::http::h2
