#include "proxy/http/h2/flood_guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace sluice::http::h2 {
namespace {

constexpr int64_t kControlPerSecond = 10;
constexpr int64_t kWindowsPerSecond = 100;
constexpr int64_t kResetsPerSecond = 20;

constexpr int64_t kWindowUpdates = 2000;
constexpr int64_t kPerStream = 5;
constexpr int64_t kPerData = 20;
// A change of the initial window makes us visit every stream.
constexpr int64_t kSettingsCost = 5;

// DATA that a window cuts to less than this costs more than it carries.
constexpr size_t kCrumb = 256;
constexpr int64_t kCrumbCost = 5;

// A header block at its limit of 32 KiB fits in three frames.
constexpr uint32_t kMaxContinuations = 8;

}  // namespace

bool TokenBucket::Take(int64_t tokens, int64_t now_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t earned = std::min((now_ns - filled_at_ns_) / (kSecond / per_second_), capacity_);
  if (earned > 0) {
    Give(earned);
    filled_at_ns_ = now_ns;
  }
  tokens_ -= tokens;
  return tokens_ >= 0;
}

FloodGuard::FloodGuard(const FloodLimits& limits, int64_t now_ns)
    : control_(limits.control_frames, kControlPerSecond, now_ns),
      windows_(kWindowUpdates, kWindowsPerSecond, now_ns),
      resets_(limits.resets, kResetsPerSecond, now_ns) {}

bool FloodGuard::OnFrame(const FrameHead& frame, int64_t now_ns) {
  switch (frame.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      return OnContent(frame, now_ns);
    case NGHTTP2_CONTINUATION:
      return ++continuations_ <= kMaxContinuations &&
             (frame.length > 0 || control_.Take(1, now_ns));
    case NGHTTP2_WINDOW_UPDATE:
      return windows_.Take(1, now_ns);
    case NGHTTP2_RST_STREAM:
      return resets_.Take(1, now_ns);
    case NGHTTP2_SETTINGS:
      // An acknowledgement of ours is due once, and a flood of them no better than of the others.
      return control_.Take((frame.flags & NGHTTP2_FLAG_ACK) != 0 ? 1 : kSettingsCost, now_ns);
    default:
      return control_.Take(1, now_ns);
  }
}

bool FloodGuard::OnContent(const FrameHead& frame, int64_t now_ns) {
  continuations_ = 0;
  const bool ends = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  // Padding is no content: its length and as many bytes of it as there are fill the frame.
  const bool may_be_padding = (frame.flags & NGHTTP2_FLAG_PADDED) != 0 && frame.length <= 256;
  if (!ends && (frame.length == 0 || may_be_padding)) return control_.Take(1, now_ns);
  if (frame.type == NGHTTP2_HEADERS) {
    control_.Give(kPerStream);
    windows_.Give(kPerStream);
  } else {
    control_.Give(1);
  }
  return true;
}

bool FloodGuard::OnStreamError(int64_t now_ns) { return resets_.Take(1, now_ns); }

bool FloodGuard::OnDataSent(size_t bytes, bool is_cut, int64_t now_ns) {
  if (is_cut && bytes < kCrumb) return windows_.Take(kCrumbCost, now_ns);
  windows_.Give(kPerData);
  control_.Give(1);
  return true;
}

}  // namespace sluice::http::h2
