// Whatever a client sends, a server connection neither crashes nor leaves an exchange without its
// end.
//
// Input: a byte of choices (bit 0: exchanges pause their bodies; bit 1: they answer late; bit 2:
// they reset; bits 3 to 7: how large the pieces are in which the bytes come), then what the client
// sends after the preface.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "proxy/http/h2/server_connection.h"

namespace {

using namespace sluice;  // NOLINT(google-build-using-namespace): a program of one file.
using http::HeaderMap;
using http::LocalError;

// An exchange that does what the choices say.
class Exchange final : public http::ServerStreamEvents {
 public:
  Exchange(net::BlockPool& pool, http::ServerStream& stream, uint8_t choices)
      : pool_(pool),
        stream_(&stream),
        choices_(choices),
        arena_(pool, nullptr, nullptr),
        head_(arena_) {}

  http::RequestHead& request_head() override { return head_; }
  void OnRequestHead(bool end) override {
    Check();
    has_ended_ = end;
    if ((choices_ & 1) != 0) stream_->PauseBody();
    if ((choices_ & 2) == 0) Answer();
  }
  void OnBadRequest(const LocalError& error) override {
    Check();
    if (error.status < 400) std::abort();
    Answer();
  }
  void OnRequestBody(net::Buffer&& body) override {
    Check();
    if (body.empty() || has_ended_) std::abort();
  }
  void OnRequestEnd(const HeaderMap*) override {
    Check();
    if (has_ended_) std::abort();
    has_ended_ = true;
  }
  void OnClientReset(http::ResetReason, const LocalError* error) override {
    Check();
    if (error != nullptr) return Answer();
    stream_ = nullptr;
  }
  void OnSendRoom() override { Check(); }
  size_t held_bytes() const override { return 0; }

  void Answer() {
    if (stream_ == nullptr) return;
    if ((choices_ & 4) != 0)
      return std::exchange(stream_, nullptr)->Reset(http::ResetReason::kLocalReset);
    http::ResponseHead response(arena_);
    response.status = 200;
    response.headers.Add("x-name", "value");
    stream_->SendHead(response, false);
    net::Buffer body;
    body.AppendCopy(pool_, std::string(3000, 'x'));
    stream_->SendBody(std::move(body), false);
    HeaderMap trailers(arena_);
    trailers.Add("x-trailer", "value");
    stream_->SendEnd((choices_ & 1) != 0 ? &trailers : nullptr);
    std::exchange(stream_, nullptr)->Release();
  }

  bool is_over() const { return stream_ == nullptr; }

 private:
  // Nothing is told to who has let go.
  void Check() const {
    if (stream_ == nullptr) std::abort();
  }

  net::BlockPool& pool_;
  http::ServerStream* stream_;
  const uint8_t choices_;
  http::Arena arena_;
  http::RequestHead head_;
  bool has_ended_ = false;
};

class Host final : public http::ServerHost, public http::StreamAcceptor {
 public:
  Host(net::BlockPool& pool, uint8_t choices) : pool_(pool), choices_(choices) {}

  const http::ServerSettings& settings() const override { return settings_; }
  http::StreamAcceptor& acceptor() override { return *this; }
  bool is_draining() const override { return false; }
  void OnClosed(http::ServerCodec&) override { is_closed = true; }
  http::ServerStreamEvents* NewStream(http::ServerStream& stream) override {
    exchanges.push_back(std::make_unique<Exchange>(pool_, stream, choices_));
    return exchanges.back().get();
  }

  std::vector<std::unique_ptr<Exchange>> exchanges;
  bool is_closed = false;

 private:
  net::BlockPool& pool_;
  const uint8_t choices_;
  const http::ServerSettings settings_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  const SystemClock clock;
  event::Loop loop(clock);
  if (!loop.Init().ok()) std::abort();
  net::BlockPool pool(1 << 26);
  net::IoContext io(loop, pool);
  http::h2::ServerWorkspace workspace;
  Host host(pool, data[0]);
  {
    http::h2::ServerConnection connection(io, net::Fd(fds[0]), net::Address(), 1, host, workspace);
    if (!connection.Start().ok()) std::abort();
    const size_t piece = size_t{data[0]} / 8 * 16 + 1;
    std::string bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
    bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (size_t at = 0; at < bytes.size() && !host.is_closed; at += piece) {
      const size_t n = std::min(piece, bytes.size() - at);
      if (send(fds[1], bytes.data() + at, n, MSG_NOSIGNAL) < 0) break;
      loop.RunOnce(absl::ZeroDuration());
    }
    for (const auto& exchange : host.exchanges) exchange->Answer();
    loop.RunOnce(absl::ZeroDuration());
    close(fds[1]);
    for (int i = 0; i < 10 && !host.is_closed; ++i) loop.RunOnce(absl::ZeroDuration());
    if (!host.is_closed) std::abort();
    for (const auto& exchange : host.exchanges) {
      if (!exchange->is_over()) std::abort();
    }
  }
  return 0;
}
