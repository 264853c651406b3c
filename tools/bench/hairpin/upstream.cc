#include "tools/bench/hairpin/upstream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/bench/hairpin/message_reader.h"

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
    closing_ = reader_.wants_close();
    reader_.Reset();
    const bool refuses = fault == Fault::kHalf503 && upstream_.tally_.requests % 2 == 0;
    pending_.push_back((refuses ? upstream_.refusals_ : upstream_.responses_)[closing_][is_head_]);
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
      if (pending_.empty() && closing_) Close(false);
    }
    return transport_.is_open();
  }

  void Close(bool broken) {
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
      h2_response_(H2Response::Of(options)) {}

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
