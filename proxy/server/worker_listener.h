// One worker's part of a listener: its listening socket and its connections.
//
// Thread: the worker's. Lifetime: after Close() it stays until its last connection has ended
// (is_empty()).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http/h1/server_connection.h"
#include "proxy/http/h2/server_connection.h"
#include "proxy/net/acceptor.h"
#include "proxy/net/proxy_header_reader.h"
#include "proxy/net/tls/server_handshake.h"
#include "proxy/runtime/snapshot.h"
#include "proxy/server/memory_guard.h"
#include "proxy/server/overload/overload_level.h"
#include "proxy/stream/relay.h"

namespace sluice::server {

// A worker's part of what listens on an address.
struct ListeningSockets {
  // Usually one. Several where fewer workers took over from more.
  std::vector<net::Fd> fds;
  // Other workers accept from the same.
  bool is_shared = false;
};

// What becomes of connections that idle when their listener drains.
enum class IdleDrain {
  kClose,
  // They stay for one more request, which is told that it is the last: a client that asks at the
  // very moment is not failed.
  kKeep,
};

class WorkerListener final : private net::Acceptor::Owner,
                             private http::h1::ServerConnection::Host,
                             private http::StreamAcceptor,
                             private stream::Relay::Host,
                             private net::ProxyHeaderReader::Owner,
                             private net::tls::ServerHandshake::Owner {
 public:
  // What the codecs of all listeners of a worker share.
  struct CodecMemory {
    http::h1::RawHead scratch_head;
    http::h2::ServerWorkspace http2;
  };

  WorkerListener(exchange::Worker& worker, CodecMemory& memory,
                 std::shared_ptr<const runtime::ListenerSpec> spec);
  ~WorkerListener();

  // Begins to accept on these sockets of its address.
  absl::Status Listen(ListeningSockets sockets);
  // Takes the rules and limits of another generation; the socket and all connections stay.
  void Update(std::shared_ptr<const runtime::ListenerSpec> spec);
  const runtime::ListenerSpec& spec() const { return *spec_; }

  // Update() to another address, of which one covers the other: with these sockets of it, and those
  // that it has of addresses that the new one is or covers. Closes the other sockets, once it has
  // accepted what waits there, and drains connections to what it does not listen on any more.
  absl::Status Move(std::shared_ptr<const runtime::ListenerSpec> spec, ListeningSockets sockets);
  // It has a socket that was opened for this address.
  bool HasSocketOf(const net::Address& address) const;

  // Accepts no more and closes connections as they become idle. May be called again, to close those
  // that were kept.
  void Drain(IdleDrain idle = IdleDrain::kClose);
  // Short of memory or descriptors: no connection is kept, those that idle are closed, none is
  // accepted. Or not any more.
  void SetOverload(const OverloadActions& actions);
  // Other descriptors of its listening sockets.
  std::vector<net::Fd> DuplicateSockets() const;
  // The listener is in no generation any more, whose routes are about to go: a request that still
  // comes on a connection is answered "draining".
  void DropRules() { state_.rules = nullptr; }
  // Ends all connections now; returns how many were in the middle of an exchange.
  size_t CloseConnections();
  void ListHolders(std::vector<MemoryGuard::Holder>& holders) const;
  bool is_empty() const { return connection_count() == 0; }
  // Whatever stage they have come to.
  size_t connection_count() const {
    return connections_.size() + handshakes_.size() + proxy_readers_.size();
  }

 private:
  struct Listening {
    net::Address address;  // For which it was opened; a service manager may have had another.
    std::unique_ptr<net::Acceptor> acceptor;
  };

  void OnAccept(net::Fd fd, const net::Address& peer) override;
  void OnShed() override;
  // The steps of a new connection, each of which hands it to the next: the PROXY protocol, TLS, and
  // the codec.
  void ReadProxyHeader(net::Fd fd, const net::Address& peer);
  void Secure(net::Transport transport, const net::Address& client);
  // Gives a connection to its codec, or to a relay: by the protocol that TLS agreed on; HTTP/1.1
  // where none was, which finds out by itself if a plain one speaks HTTP/2.
  void Serve(net::Transport transport, const net::Address& peer);
  std::unique_ptr<http::h2::ServerConnection> MakeHttp2(net::Transport transport,
                                                        const net::Address& peer, uint64_t id);
  std::vector<http::ServerCodec*> AllConnections() const;
  void DrainOne(http::ServerCodec& connection);
  // Tells the count that all workers share of connections that have ended.
  void Recount();
  void CountRejected(observe::ConnectionRejection reason);

  const http::ServerSettings& settings() const override { return spec_->http; }
  http::StreamAcceptor& acceptor() override { return *this; }
  bool is_draining() const override { return is_draining_ || ends_keep_alive_; }
  http::h1::RawHead& scratch_head() override { return memory_.scratch_head; }
  bool TakesHttp2() const override { return !spec_->http.http2.is_disabled; }
  void OnHttp2(http::h1::ServerConnection& before, net::Transport transport,
               const net::BlockRef& block, const char* begin, const char* end) override;
  const stream::Rules* stream_rules() const override {
    return state_.rules == nullptr ? nullptr : spec_->stream.get();
  }
  const exchange::ListenerState& listener_state() const override { return state_; }
  std::shared_ptr<const void> metrics_owner() const override { return spec_->metrics_owner; }
  void OnHttp2Error(uint32_t code) override;
  void OnClosed(http::ServerCodec& connection) override;
  http::ServerStreamEvents* NewStream(http::ServerStream& stream) override;
  void OnTargetRead(absl::string_view target) override;
  void OnProxyHeader(net::ProxyHeaderReader& reader, net::Transport transport,
                     const net::Address& client) override;
  void OnNoProxyHeader(net::ProxyHeaderReader& reader, bool is_late) override;
  void OnHandshakeDone(net::tls::ServerHandshake& handshake, net::Transport transport) override;
  void OnHandshakeFailed(net::tls::ServerHandshake& handshake, absl::string_view reason) override;
  std::unique_ptr<net::ProxyHeaderReader> TakeReader(net::ProxyHeaderReader& reader);
  std::unique_ptr<net::tls::ServerHandshake> TakeHandshake(net::tls::ServerHandshake& handshake);
  std::unique_ptr<http::ServerCodec> TakeConnection(http::ServerCodec& connection);

  exchange::Worker& worker_;
  CodecMemory& memory_;
  std::vector<Listening> listening_;
  std::shared_ptr<const runtime::ListenerSpec> spec_;
  exchange::ListenerState state_;
  bool is_draining_ = false;
  bool ends_keep_alive_ = false;  // For want of memory or descriptors.
  IdleDrain idle_drain_ = IdleDrain::kClose;
  uint64_t next_connection_ = 0;
  uint32_t counted_ = 0;  // Its part of the count that all workers share.
  absl::flat_hash_set<std::unique_ptr<http::ServerCodec>> connections_;
  absl::flat_hash_set<std::unique_ptr<net::ProxyHeaderReader>> proxy_readers_;
  absl::flat_hash_set<std::unique_ptr<net::tls::ServerHandshake>> handshakes_;
};

}  // namespace sluice::server
