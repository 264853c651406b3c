// Whatever a server sends, a client connection with requests under way neither crashes nor leaves
// one of them without an end.
//
// Input: a byte of choices (bit 0: the first user pauses its body; bit 1: it resets in the head;
// bits 2 to 7: how large the pieces are in which the bytes come), then what the server sends after
// its settings.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "proxy/http/h2/client_connection.h"

namespace {

using namespace sluice;  // NOLINT(google-build-using-namespace): a program of one file.
using http::ClientStream;
using http::HeaderMap;
using http::ResponseHead;

class User final : public http::ClientStreamEvents {
 public:
  User(net::BlockPool& pool, bool resets_in_head)
      : arena_(pool, nullptr, nullptr), resets_in_head_(resets_in_head) {}
  ~User() {
    if (stream != nullptr) stream->Reset(http::ResetReason::kNone);
  }

  http::Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead&) override { Check(); }
  void OnHead(ResponseHead&, bool end) override {
    Check();
    has_head_ = true;
    is_over_ = end;
    if (resets_in_head_) std::exchange(stream, nullptr)->Reset(http::ResetReason::kLocalReset);
  }
  void OnBody(net::Buffer&& body) override {
    Check();
    if (body.empty() || !has_head_) std::abort();
  }
  void OnEnd(const HeaderMap*) override {
    Check();
    is_over_ = true;
  }
  void OnReset(http::ResetReason) override {
    Check();
    is_over_ = true;
    stream = nullptr;
  }
  void OnSendRoom() override {}

  // It has heard the end or let go.
  bool is_done() const { return is_over_ || stream == nullptr; }

  ClientStream* stream = nullptr;

 private:
  // Nothing is told after the end, nor to who has let go.
  void Check() const {
    if (is_over_ || stream == nullptr) std::abort();
  }

  http::Arena arena_;
  const bool resets_in_head_;
  bool has_head_ = false;
  bool is_over_ = false;
};

class Owner final : public http::h2::ClientConnection::Owner {
 public:
  void OnConnected() override {}
  void OnClosed(http::ResetReason) override { is_closed = true; }
  void OnGoingAway() override {}
  void OnIdle() override {}
  void OnCapacity() override {}

  bool is_closed = false;
};

void Send(http::Arena& arena, absl::string_view method, bool has_body, User& user) {
  if (user.stream == nullptr) return;
  http::RequestHead head(arena);
  head.method = method;
  head.method_id = http::ParseMethod(method);
  head.authority = "a";
  head.path = "/";
  user.stream->SendHead(head, /*end=*/!has_body);
}

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
  http::Arena arena(pool, nullptr, nullptr);
  Owner owner;
  User first(pool, (data[0] & 2) != 0);
  User second(pool, false);
  {
    http::h2::ClientConnection connection(io, net::Fd(fds[0]), /*connecting=*/false, owner, {});
    if (!connection.Start().ok()) std::abort();
    first.stream = connection.NewStream(first);
    second.stream = connection.NewStream(second);
    Send(arena, "GET", false, first);
    Send(arena, "POST", true, second);
    if ((data[0] & 1) != 0) first.stream->PauseBody();
    loop.RunOnce(absl::ZeroDuration());

    // The server's settings, empty, so that any input may begin with its answer.
    const size_t piece = size_t{data[0]} / 4 + 1;
    std::string bytes("\0\0\0\4\0\0\0\0\0", 9);
    bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (size_t at = 0; at < bytes.size() && !owner.is_closed; at += piece) {
      const size_t n = std::min(piece, bytes.size() - at);
      if (send(fds[1], bytes.data() + at, n, MSG_NOSIGNAL) < 0) break;
      loop.RunOnce(absl::ZeroDuration());
    }
    if ((data[0] & 1) != 0 && first.stream != nullptr) first.stream->ResumeBody();
    loop.RunOnce(absl::ZeroDuration());
    close(fds[1]);
    for (int i = 0; i < 10 && !owner.is_closed; ++i) loop.RunOnce(absl::ZeroDuration());
    if (!owner.is_closed || !first.is_done() || !second.is_done()) std::abort();
  }
  return 0;
}
