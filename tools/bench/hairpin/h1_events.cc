#include "tools/bench/hairpin/h1_events.h"

#include "tools/bench/hairpin/websocket.h"

namespace sluice::hairpin {

void H1Events::Open() {
  if (!transport_.Connect(lane_.target, 0, lane_.tls, loop_, *this)) {
    return Fail(Failure::kConnect);
  }
  const absl::string_view request = plan_.text(0);
  unsent_.assign(request.data(), request.size());
  Flush();
}

void H1Events::Send(uint32_t, int64_t now) {
  if (!has_head_ || !transport_.is_open()) return;
  unsent_ += WebSocketFrame(StampedMessage(now, events_.bytes), /*masked=*/true);
}

void H1Events::Flush() {
  while (!unsent_.empty() && transport_.is_open()) {
    const ssize_t sent = transport_.Send(unsent_);
    if (sent == Transport::kBlocked) return;
    if (sent < 0) return Fail(Failure::kReset);
    unsent_.erase(0, static_cast<size_t>(sent));
  }
}

void H1Events::OnEvents(uint32_t events) {
  if (!transport_.is_open()) return;
  Flush();
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read();
}

void H1Events::Read() {
  static char buffer[64 * 1024];
  while (transport_.is_open()) {
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) return;
    if (size <= 0) return Fail(Failure::kReset);
    OnData(absl::string_view(buffer, static_cast<size_t>(size)));
    if (transport_.is_open() && transport_.IsDrained(size, sizeof buffer)) return;
  }
}

void H1Events::OnData(absl::string_view data) {
  std::string rest;
  if (!has_head_) {
    head_.append(data.data(), data.size());
    const size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const absl::string_view want = events_.kind == EventKind::kSse ? " 200 " : " 101 ";
    if (absl::string_view(head_).substr(8, 5) != want) return Fail(Failure::kStatus);
    has_head_ = true;
    rest = head_.substr(end + 4);
    data = rest;
  }
  stamps_.Feed(data, [this](int64_t sent) { host_.OnMessage(sent); });
}

void H1Events::Fail(Failure failure) {
  transport_.Close();
  host_.OnFailed(failure);
}

}  // namespace sluice::hairpin
