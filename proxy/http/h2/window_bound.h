// Whether a change of SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of all streams, lifts
// one beyond 2^31-1: an error of the connection (RFC 9113 section 6.9.2). nghttp2 resets such a
// stream and goes on, so the windows are looked at before it applies the change.
//
// Thread: its connection's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>

namespace sluice::http::h2 {

class WindowBound {
 public:
  // A SETTINGS frame begins. `stream`: the first of those that are open, linked by next().
  template <typename Stream>
  void OnSettingsBegin(nghttp2_session* session, const Stream* stream) {
    initial_ = InitialWindow(session);
    largest_ = 0;
    for (; stream != nullptr; stream = stream->next()) {
      const int64_t window = nghttp2_session_get_stream_remote_window_size(session, stream->id());
      largest_ = std::max(largest_, window);
    }
  }

  // It has been applied.
  bool IsExceeded(nghttp2_session* session) const {
    return largest_ + InitialWindow(session) - initial_ > INT32_MAX;
  }

 private:
  static int64_t InitialWindow(nghttp2_session* session) {
    return nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  }

  int64_t initial_ = 0;
  int64_t largest_ = 0;
};

}  // namespace sluice::http::h2
