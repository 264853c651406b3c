#include "tools/bench/hairpin/upstream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/bench/hairpin/message_reader.h"
#include "tools/bench/hairpin/stamp.h"
#include "tools/bench/hairpin/websocket.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

std::string Body(const UpstreamOptions& options) {
  const std::string body(options.body_bytes, 'x');
  if (!options.chunked) return body;
  std::string framed;
  for (size_t at = 0; at < body.size(); at += 4096) {
    const size_t size = std::min<size_t>(4096, body.size() - at);
    absl::StrAppend(&framed, absl::Hex(size), "\r\n", body.substr(at, size), "\r\n");
  }
  return absl::StrCat(framed, "0\r\n\r\n");
}

std::string Head(const UpstreamOptions& options, absl::string_view more) {
  std::string text = absl::StrCat("HTTP/1.1 ", options.status, " OK\r\n");
  for (const std::string& line : options.headers) absl::StrAppend(&text, line, "\r\n");
  if (options.chunked) {
    absl::StrAppend(&text, "Transfer-Encoding: chunked\r\n");
  } else {
    absl::StrAppend(&text, "Content-Length: ", options.body_bytes, "\r\n");
  }
  return absl::StrCat(text, more, "\r\n");
}

}  // namespace

// One accepted connection. Answers in order; what of responses does not fit into the socket waits
// in `pending_`, and requests are not read while it does.
class Upstream::Connection final : public Source {
 public:
  Connection(Upstream& upstream, int fd)
      : upstream_(upstream), transport_(fd), reader_(MessageReader::Kind::kRequest) {}

  void OnEvents(uint32_t events) override {
    if (!transport_.is_open() || !Flush()) return;
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) readable_ = true;
    while (readable_ && pending_.empty() && transport_.is_open()) Read();
  }

  void SendEvent(int64_t due) {
    const std::string event =
        absl::StrCat("data: ", StampedMessage(due, upstream_.options_.events.bytes), "\n\n");
    Queue(absl::StrCat(absl::Hex(event.size()), "\r\n", event, "\r\n"));
  }

 private:
  void Read() {
    static char buffer[kReadBytes];
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) {
      readable_ = false;
      return;
    }
    if (size <= 0) return Close(!reader_.untouched());
    // A short read has emptied the socket; a FIN brings another edge.
    if (static_cast<size_t>(size) < sizeof buffer) readable_ = false;
    absl::string_view data(buffer, static_cast<size_t>(size));
    if (is_websocket_) return Echo(data);
    while (!data.empty() && transport_.is_open()) {
      if (reader_.untouched()) is_head_ = absl::StartsWith(data, "HEAD ");
      data.remove_prefix(reader_.Feed(data));
      if (reader_.broken()) return Close(true);
      if (reader_.done()) Answer();
    }
  }

  void Answer() {
    upstream_.OnRequest();
    const Fault fault = upstream_.options_.fault;
    if (fault == Fault::kCloseAfterRequest) return Close(false);
    if (fault == Fault::kHang) return reader_.Reset();
    if (upstream_.options_.events.kind != EventKind::kNone) return BeginEvents();
    closing_ = reader_.wants_close();
    reader_.Reset();
    const bool refuses = fault == Fault::kHalf503 && upstream_.tally_.requests % 2 == 0;
    pending_.push_back((refuses ? upstream_.refusals_ : upstream_.responses_)[closing_][is_head_]);
    if (pending_.size() == 1) Flush();
  }

  void BeginEvents() {
    is_websocket_ = upstream_.options_.events.kind == EventKind::kWebSocket;
    if (is_websocket_) return Queue(std::string(kWebSocketAccepted));
    Queue(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    upstream_.events_.Add(this, NowNanos() + upstream_.options_.events.interval_nanos);
  }

  // Sends each whole frame back, without the mask.
  void Echo(absl::string_view data) {
    constexpr size_t kHeader = 6;  // With the mask of zeros.
    frames_.append(data.data(), data.size());
    size_t at = 0;
    while (frames_.size() - at >= kHeader) {
      const size_t size = static_cast<uint8_t>(frames_[at + 1]) & 0x7f;
      if (frames_.size() - at < kHeader + size) break;
      Queue(WebSocketFrame(absl::string_view(frames_).substr(at + kHeader, size), false));
      at += kHeader + size;
    }
    frames_.erase(0, at);
  }

  void Queue(std::string bytes) {
    queued_.push_back(std::move(bytes));
    pending_.push_back(queued_.back());
    if (pending_.size() == 1) Flush();
  }

  // False if the connection is gone.
  bool Flush() {
    while (!pending_.empty()) {
      absl::string_view& first = pending_.front();
      const ssize_t sent = transport_.Send(first);
      if (sent == Transport::kBlocked) return true;
      if (sent == Transport::kFailed) {
        Close(false);
        return false;
      }
      first.remove_prefix(static_cast<size_t>(sent));
      if (!first.empty()) continue;
      pending_.pop_front();
      if (!queued_.empty()) queued_.pop_front();
      if (pending_.empty() && closing_) Close(false);
    }
    return transport_.is_open();
  }

  void Close(bool broken) {
    upstream_.events_.Remove(this);
    if (broken) upstream_.OnBroken();
    transport_.Close();
    upstream_.OnClosed(*this);
  }

  Upstream& upstream_;
  Transport transport_;
  MessageReader reader_;
  bool is_head_ = false;
  bool closing_ = false;
  bool readable_ = false;
  std::deque<absl::string_view> pending_;
  std::deque<std::string> queued_;  // What of it is this connection's own.
  bool is_websocket_ = false;
  std::string frames_;  // The beginning of one.
};

Upstream::Responses Upstream::Render(const UpstreamOptions& options) {
  Responses responses;
  for (const bool closing : {false, true}) {
    const std::string head = Head(options, closing ? "Connection: close\r\n" : "");
    responses[closing][false] = head + Body(options);
    responses[closing][true] = head;
  }
  return responses;
}

Upstream::Upstream(Loop& loop, const UpstreamOptions& options)
    : loop_(loop),
      options_(options),
      responses_(Render(options)),
      refusals_(Render({.status = 503, .body_bytes = 0})),
      h2_response_(H2Response::Of(options)),
      events_(options.events.interval_nanos) {}

Upstream::~Upstream() {
  if (fd_ >= 0) close(fd_);
}

absl::Status Upstream::Start() {
  ASSIGN_OR_RETURN(fd_, Listen(options_.address));
  sockaddr_in bound = {};
  socklen_t size = sizeof bound;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.sin_port);
  loop_.Add(fd_, *this);
  return absl::OkStatus();
}

int64_t Upstream::Tick(int64_t now) {
  return events_.Run(now, [](Connection& connection, int64_t due) { connection.SendEvent(due); });
}

void Upstream::OnEvents(uint32_t) {
  H2UpstreamConnection::Host& host = *this;
  int fd;
  while ((fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    ++tally_.connections;
    if (options_.fault == Fault::kResetOnAccept) {
      const linger reset{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close(fd);
      continue;
    }
    std::unique_ptr<Source> connection;
    if (options_.http2) {
      connection = std::make_unique<H2UpstreamConnection>(host, h2_response_, fd);
    } else {
      connection = std::make_unique<Connection>(*this, fd);
    }
    loop_.Add(fd, *connection);
    Source* key = connection.get();
    connections_[key] = std::move(connection);
  }
}

void Upstream::OnClosed(Source& connection) {
  const auto found = connections_.find(&connection);
  loop_.DeleteLater(std::move(found->second));
  connections_.erase(found);
}

}  // namespace sluice::hairpin
