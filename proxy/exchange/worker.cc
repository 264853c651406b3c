#include "proxy/exchange/worker.h"

#include <ctime>

namespace sluice::exchange {

absl::string_view Worker::HttpDate() {
  UpdateDate();
  return absl::string_view(date_, date_size_);
}

int64_t Worker::UnixNanos(int64_t loop_ns) {
  UpdateDate();
  return loop_ns + unix_offset_ns_;
}

void Worker::UpdateDate() {
  // Looked at ten times a second at most; formatted when the second changes.
  constexpr int64_t kFreshNs = 100'000'000;
  const int64_t now = io.loop.now_ns();
  if (date_at_ns_ != INT64_MIN && now - date_at_ns_ < kFreshNs) return;
  date_at_ns_ = now;
  const int64_t unix_ns = absl::ToUnixNanos(io.loop.now());
  unix_offset_ns_ = unix_ns - now;
  const int64_t seconds = unix_ns / 1'000'000'000;
  if (seconds == unix_seconds_ && date_size_ > 0) return;
  unix_seconds_ = seconds;
  const time_t time = seconds;
  tm utc;
  gmtime_r(&time, &utc);
  date_size_ = strftime(date_, sizeof(date_), "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

}  // namespace sluice::exchange
