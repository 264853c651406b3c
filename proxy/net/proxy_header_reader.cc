#include "proxy/net/proxy_header_reader.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "base/status_macros.h"

namespace sluice::net {
namespace {

// As recv(), but not ended by a signal.
ssize_t Receive(int fd, char* out, size_t size, int flags) {
  ssize_t n;
  do {
    n = recv(fd, out, size, flags);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

ProxyHeaderReader::ProxyHeaderReader(IoContext& io, Fd fd, const Address& peer, bool is_optional,
                                     int64_t timeout_ns, Owner& owner)
    : io_(io),
      owner_(owner),
      peer_(peer),
      timeout_ns_(timeout_ns),
      fd_(std::move(fd)),
      timer_(io.loop.timers(),
             &event::Timer::Call<ProxyHeaderReader, &ProxyHeaderReader::OnTimeout>, this),
      is_optional_(is_optional) {}

ProxyHeaderReader::~ProxyHeaderReader() {
  if (fd_.is_open() && is_registered_) io_.loop.Remove(fd_.get());
}

absl::Status ProxyHeaderReader::Start() {
  RETURN_IF_ERROR(io_.loop.Add(fd_.get(), *this));
  is_registered_ = true;
  timer_.SetAt(io_.loop.now_ns() + timeout_ns_);
  return absl::OkStatus();
}

void ProxyHeaderReader::OnEvents(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) == 0) return;
  if (header_.status == ProxyHeader::Status::kComplete) {
    TakeHeader();
  } else {
    Look(/*is_end=*/(events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0);
  }
}

void ProxyHeaderReader::Look(bool is_end) {
  char seen[ProxyHeader::kMaxSeen];
  const ssize_t n = Receive(fd_.get(), seen, sizeof(seen), MSG_PEEK);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return Fail(/*is_late=*/false);
  header_ = ProxyHeader::Parse(absl::string_view(seen, static_cast<size_t>(n)));
  switch (header_.status) {
    case ProxyHeader::Status::kNeedsMore:
      return is_end ? Fail(/*is_late=*/false) : void();
    case ProxyHeader::Status::kAbsent:
      return is_optional_ ? HandOn() : Fail(/*is_late=*/false);
    case ProxyHeader::Status::kInvalid:
      return Fail(/*is_late=*/false);
    case ProxyHeader::Status::kComplete:
      return TakeHeader();
  }
}

void ProxyHeaderReader::TakeHeader() {
  char* const staging = io_.Staging();
  while (bytes_.size() < header_.size) {
    const size_t left = header_.size - bytes_.size();
    const ssize_t n =
        Receive(fd_.get(), staging, std::min(left, IoContext::kScratchBytes), /*flags=*/0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return Fail(/*is_late=*/false);
    bytes_.append(staging, static_cast<size_t>(n));
  }
  std::optional<ProxyTlvs> tlvs = ProxyTlvs::Read(bytes_, header_.tlvs_at);
  if (!tlvs.has_value()) return Fail(/*is_late=*/false);
  header_.tlvs = *std::move(tlvs);
  HandOn();
}

void ProxyHeaderReader::HandOn() {
  timer_.Cancel();
  io_.loop.Remove(fd_.get(), /*keeps_open=*/true);
  Transport transport(std::move(fd_));
  Address client = peer_;
  if (header_.has_addresses) {
    client = header_.source;
    transport.proxy_header = std::make_unique<const ProxyHeader>(std::move(header_));
  }
  owner_.OnProxyHeader(*this, std::move(transport), client);
}

void ProxyHeaderReader::Fail(bool is_late) {
  timer_.Cancel();
  io_.loop.Remove(fd_.get());
  fd_.Close();
  owner_.OnNoProxyHeader(*this, is_late);
}

}  // namespace sluice::net
