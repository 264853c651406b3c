#include "tools/bench/hairpin/h1_lane.h"

#include <utility>

namespace sluice::hairpin {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

}  // namespace

H1Lane::H1Lane(Host& host)
    : host_(host), source_(host.NextSource()), reader_(MessageReader::Kind::kResponse) {}

void H1Lane::Begin(uint32_t request, int64_t due, int64_t now) {
  state_ = State::kBusy;
  unsent_ = host_.plan().text(request);
  due_ = due;
  begun_ = now;
  reader_.Reset(host_.plan().is_head());
  if (!transport_.is_open()) {
    host_.OnConnecting();
    connected_ = false;
    const LaneOptions& options = host_.lane_options();
    const uint32_t source = options.connect_per_request ? host_.NextSource() : source_;
    if (!transport_.Connect(options.target, source, options.tls, host_.loop(), *this)) {
      return Fail(Failure::kConnect);
    }
  }
  Flush();
}

void H1Lane::FailIfOlderThan(int64_t moment) {
  if (state_ == State::kBusy && begun_ < moment) Fail(Failure::kTimeout);
}

void H1Lane::OnEvents(uint32_t events) {
  if (!transport_.is_open()) return;
  if (!unsent_.empty()) {
    if ((events & EPOLLERR) != 0) return Fail(connected_ ? Failure::kReset : Failure::kConnect);
    Flush();
  }
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read((events & EPOLLRDHUP) != 0);
}

void H1Lane::Flush() {
  while (!unsent_.empty()) {
    const ssize_t sent = transport_.Send(unsent_);
    if (sent == Transport::kBlocked) return;
    if (sent < 0) return Fail(connected_ ? Failure::kReset : Failure::kConnect);
    connected_ = true;
    unsent_.remove_prefix(static_cast<size_t>(sent));
  }
}

void H1Lane::Read(bool ended) {
  static char buffer[kReadBytes];
  while (transport_.is_open()) {
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) return;
    if (size <= 0) return OnEnd();
    const bool drained = transport_.IsDrained(size, sizeof buffer) && !ended;
    OnData(absl::string_view(buffer, static_cast<size_t>(size)));
    if (drained) return;
  }
}

void H1Lane::OnData(absl::string_view data) {
  if (state_ != State::kBusy) return Fail(Failure::kMalformed);
  const size_t used = reader_.Feed(data);
  if (reader_.broken() || used < data.size()) return Fail(Failure::kMalformed);
  if (reader_.done()) Complete();
}

void H1Lane::OnEnd() {
  if (state_ == State::kBusy) {
    reader_.Closed();
    if (!reader_.done()) return Fail(Failure::kReset);
    transport_.Close();
    return Complete();
  }
  transport_.Close();
  if (state_ == State::kParting) return Free();
  host_.OnClosedWhileIdle();
}

void H1Lane::Complete() {
  const LaneOptions& options = host_.lane_options();
  if (reader_.status() != options.expect_status) return Fail(Failure::kStatus);
  if (reader_.body_bytes() != options.expect_body_bytes) return Fail(Failure::kLength);
  const bool parting = options.connect_per_request || reader_.wants_close();
  host_.OnCompleted(due_);
  if (!parting || !transport_.is_open()) return Free();
  // The proxy closes first, so that the waiting port is not ours.
  state_ = State::kParting;
}

void H1Lane::Fail(Failure failure) {
  transport_.Close();
  unsent_ = {};
  const State before = std::exchange(state_, State::kIdle);
  if (before == State::kBusy) return host_.OnFailed(*this, failure);
  host_.OnClosedWhileIdle();
  if (before == State::kParting) Free();
}

void H1Lane::Free() {
  state_ = State::kIdle;
  host_.OnFree(*this);
}

}  // namespace sluice::hairpin
