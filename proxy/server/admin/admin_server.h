// Pages or control actions over HTTP, on the control thread: the same codec as for traffic, no
// exchange. Shares nothing with workers.
//
// Thread: its loop's. Lifetime: `io` and `pages` outlive it.
#pragma once

#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "base/known_hosts.h"
#include "proxy/http/h1/server_connection.h"
#include "proxy/net/acceptor.h"
#include "proxy/net/connection.h"
#include "proxy/server/admin/page.h"

namespace sluice::server {

class AdminServer final : private net::Acceptor::Owner,
                          private http::h1::ServerConnection::Host,
                          private http::StreamAcceptor {
 public:
  // What it answers; everything else is refused.
  struct Access {
    bool is_control = false;  // POST only; else GET and HEAD only.
    // Hosts that requests may name. Unset: any, for a socket that no browser reaches.
    std::optional<KnownHosts> hosts = std::nullopt;
  };

  AdminServer(net::IoContext& io, PageSource& pages, Access access);
  ~AdminServer();

  // Errors as net::Listen().
  absl::Status Start(const net::Address& address);
  // On a listening socket of any family, non-blocking.
  absl::Status Start(net::Fd fd);
  // Accepts no more; what it was asked is answered.
  void Close() { listening_->Close(); }
  // Another descriptor of its listening socket.
  net::Fd DuplicateSocket() const { return net::Duplicate(listening_->fd()); }
  // Where it listens: for port 0.
  net::Address address() const { return net::LocalAddress(listening_->fd()); }

 private:
  class Request;

  // The refusal of a request with this head.
  std::optional<Page> Check(const http::RequestHead& head) const;

  void OnAccept(net::Fd fd, const net::Address& peer) override;
  void OnShed() override {}
  const http::ServerSettings& settings() const override { return settings_; }
  http::StreamAcceptor& acceptor() override { return *this; }
  bool is_draining() const override { return false; }
  http::h1::RawHead& scratch_head() override { return scratch_head_; }
  void OnClosed(http::ServerCodec& connection) override;
  http::ServerStreamEvents* NewStream(http::ServerStream& stream) override;

  net::IoContext& io_;
  PageSource& pages_;
  const Access access_;
  std::optional<net::Acceptor> listening_;
  const http::ServerSettings settings_;
  http::h1::RawHead scratch_head_;
  uint64_t next_id_ = 0;
  absl::flat_hash_map<http::ServerCodec*, std::unique_ptr<http::ServerCodec>> connections_;
};

}  // namespace sluice::server
