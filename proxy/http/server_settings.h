// What a listener says about the connections of its clients, for every server codec; see
// api/sluice/v1/listener.proto for the meaning and the defaults.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::http {

struct HeadLimits {
  size_t bytes = 32 * 1024;
  size_t headers = 100;
};

enum class UnderscorePolicy : uint8_t { kReject, kDrop, kAllow };

// What one HTTP/2 connection may cost beyond its requests (http/h2/flood_guard.h).
struct FloodLimits {
  uint32_t control_frames = 1000;
  uint32_t resets = 200;
};

struct Http2Settings {
  bool is_disabled = false;
  uint32_t max_streams = 100;
  uint32_t stream_window = 256 * 1024;
  uint32_t connection_window = 1024 * 1024;
  uint32_t max_cookies = 128;
  int64_t flush_timeout_ns = 60'000'000'000;
  int64_t ping_after_ns = 60'000'000'000;  // 0: never.
  FloodLimits floods;
};

struct ServerSettings {
  HeadLimits head;
  UnderscorePolicy underscores = UnderscorePolicy::kReject;
  uint64_t requests_per_connection = UINT64_MAX;
  int64_t header_timeout_ns = 10'000'000'000;
  int64_t idle_timeout_ns = 300'000'000'000;
  int64_t body_grace_ns = 5'000'000'000;
  uint64_t min_body_rate = 500;
  Http2Settings http2;
};

}  // namespace sluice::http
