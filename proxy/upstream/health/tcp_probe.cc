#include "proxy/upstream/health/tcp_probe.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proxy/net/proxy_header.h"
#include "proxy/upstream/connect.h"

namespace sluice::upstream::health {

std::optional<Answer> TcpProbe::Start() {
  absl::StatusOr<net::Transport> transport =
      StartConnect(question_.context.io, question_.settings,
                   DestinationOf(question_.settings, question_.endpoint), /*sessions=*/nullptr);
  if (absl::IsUnavailable(transport.status())) {
    return Answer::Network(std::string(transport.status().message()));
  }
  if (!transport.ok()) return Answer::Void();
  net::Connection::Owner& self = *this;
  connection_ =
      std::make_unique<net::Connection>(question_.context.io, *std::move(transport),
                                        event::Phase::kFlushUpstream, self, /*connecting=*/true);
  connection_->SendFirst(net::LocalProxyHeader(question_.settings.proxy_protocol));
  if (!connection_->Register().ok()) return Answer::Void();
  return std::nullopt;
}

void TcpProbe::Tell(const Answer& answer) {
  if (std::exchange(is_told_, true)) return;
  connection_->Close();
  owner_.OnAnswer(answer);
}

void TcpProbe::OnConnected(int error) {
  if (error != 0) return Tell(Answer::Network(absl::StrCat("cannot connect: ", strerror(error))));
  const bool awaits_nothing = question_.spec.receive.empty();
  if (question_.spec.send.empty()) {
    if (awaits_nothing) Tell(Answer::Passed());
    return;
  }
  connection_->out().AppendCopy(question_.context.io.pool, question_.spec.send);
  connection_->FlushSoon();
  if (awaits_nothing) connection_->TellWhenEmpty();
}

void TcpProbe::OnWriteRoom() {
  if (question_.spec.receive.empty()) Tell(Answer::Passed());
}

void TcpProbe::OnReadable() {
  char bytes[4096];
  while (!is_told_ && !question_.spec.receive.empty()) {
    const net::ReadResult read = connection_->Read(bytes, sizeof(bytes));
    if (read.status == net::ReadStatus::kWouldBlock) return;
    if (read.status != net::ReadStatus::kData) {
      return Tell(Answer::Network("the connection ended before the answer"));
    }
    received_.append(bytes, read.bytes);
    if (absl::StrContains(received_, question_.spec.receive)) return Tell(Answer::Passed());
    if (received_.size() >= kMaxBytes) {
      return Tell(Answer::Wrong("the answer does not contain what it should"));
    }
  }
}

void TcpProbe::OnWriteError(int error) {
  Tell(Answer::Network(absl::StrCat("cannot send: ", strerror(error))));
}

}  // namespace sluice::upstream::health
