// A connection whose protocol nobody here speaks, and the one to an endpoint that was opened for
// it: bytes pass both ways until both sides have ended.
//
//   kHello       the client's first message of TLS is read, to know for whom it asks; it is kept
//   kConnecting  an endpoint was chosen, a connection to it is being opened
//   kRelaying    bytes pass; each side may end its direction by itself
//   kClosing     one side is gone, the other gets what was on its way
//   kClosed      it has been told so
//
// While an endpoint is slow nothing is read of the client, and the other way round: what waits is
// bounded by net::Connection's high-water mark, and the kernel's windows do the rest. Nothing is
// held while nothing passes.
//
// Thread: its worker's. Ownership: the Host's, which deletes it after OnClosed().
// Lifetime: within the worker and its Host. It keeps its stream route, its endpoint and their
// metrics, whatever the configuration becomes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/exchange/worker.h"
#include "proxy/http/server_codec.h"
#include "proxy/net/connection.h"
#include "proxy/observe/response_flags.h"
#include "proxy/stream/config.h"
#include "proxy/upstream/cluster.h"

namespace sluice::stream {

class Relay final : public http::ServerCodec, private event::Task {
 public:
  // The listener.
  class Host {
   public:
    // Of the present generation; null once the listener is in none.
    virtual const Rules* stream_rules() const = 0;
    virtual const exchange::ListenerState& listener_state() const = 0;
    // Keeps the listener's metrics, which may become another's.
    virtual std::shared_ptr<const void> metrics_owner() const = 0;
    // The last call about this connection. Delete it with Loop::DeleteLater().
    virtual void OnClosed(http::ServerCodec& connection) = 0;

   protected:
    ~Host() = default;
  };

  // `hello_timeout_ns`: for the first message, where the listener reads it.
  Relay(exchange::Worker& worker, net::Transport transport, const net::Address& client, uint64_t id,
        int64_t hello_timeout_ns, Host& host);
  ~Relay() override;

  absl::Status Start() override;
  // It goes on until its sides end it: nobody here knows when it is idle.
  void Drain() override {}
  void CloseNow() override;
  net::Address local_address() const override { return client_.connection.local_address(); }
  bool is_idle() const override { return false; }
  size_t held_bytes() const override;
  void Shed() override;

 private:
  static constexpr uint32_t kMaxAttempts = 3;

  enum class State : uint8_t { kHello, kConnecting, kRelaying, kClosing, kClosed };

  // One of the two connections.
  struct Side final : net::Connection::Owner {
    Side(Relay& relay, net::Transport transport, event::Phase phase, bool connecting);
    void OnReadable() override { relay.OnReadable(*this); }
    void OnWriteRoom() override { relay.OnWriteRoom(*this); }
    void OnWriteError(int) override { relay.OnWriteError(*this); }
    void OnConnected(int error) override { relay.OnConnected(error); }

    Relay& relay;
    net::Connection connection;
    bool has_ended = false;  // All that it sends has been read.
    bool was_told = false;   // That the other side has ended.
    bool is_broken = false;  // Takes nothing any more.
  };

  void OnReadable(Side& side);
  void OnWriteRoom(Side& side);
  void OnWriteError(Side& side);
  void OnConnected(int error);
  void OnTimer();
  void Run() override;  // Goes on reading, in a turn of its own.

  // relay_connect.cc: from the first byte to an open connection to an endpoint.
  void ReadHello();
  void ChooseRoute(absl::string_view server_name);
  void Connect();
  // kFailed: another endpoint may be tried. kOver: all has ended.
  enum class Attempt : uint8_t { kPending, kFailed, kOver };
  Attempt TryEndpoint(upstream::Cluster& cluster);
  std::optional<uint32_t> Pick(upstream::Cluster& cluster) const;
  absl::Status OpenTo(const upstream::Endpoint& endpoint);
  void NoteConnectFailure(observe::ConnectFailure failure);
  void ReportOutcome(upstream::Outcome outcome);
  void LetGoOfEndpoint();
  void BeginRelaying();

  Side& Other(const Side& side) { return &side == &client_ ? *server_ : client_; }
  void Pump(Side& from);
  // False: there is nothing to be read now.
  bool PumpOnce(Side& from);
  // Into the queue of `to`, in pipes where that can be.
  net::ReadResult Read(Side& from, net::Connection& to);
  void CountReceived(const Side& from, size_t bytes);
  void OnEnd(Side& from);
  void OnCut(Side& from);
  // Tells `to` that nothing follows, once all is sent.
  void TellEnd(Side& to);
  void Touch();

  // What `rest` waits for is sent to it; then all ends.
  void Close(absl::string_view details, Side& rest, bool aborts);
  void End(absl::string_view details, bool aborts);
  void Record();

  exchange::Worker& worker_;
  Host& host_;
  Side client_;
  std::unique_ptr<Side> server_;
  event::Timer timer_;
  const net::Address client_address_;
  const uint64_t id_;
  const int64_t hello_timeout_ns_;
  const int64_t start_ns_;
  int64_t end_ns_ = 0;
  int64_t first_byte_ns_ = 0;    // Of the endpoint's.
  uint64_t received_bytes_ = 0;  // Of the client.
  uint64_t sent_bytes_ = 0;
  net::Buffer hello_;  // What the client sent before there was an endpoint.
  size_t hello_needed_ = 0;
  std::string server_name_;

  exchange::Pin route_pin_;
  const CompiledStreamRoute* route_ = nullptr;
  upstream::ClusterRef cluster_;  // Until there is a connection.
  // As of the last attempt; the members below refer to them.
  std::shared_ptr<const upstream::Settings> settings_;
  std::shared_ptr<const upstream::Endpoint> endpoint_;
  net::Traffic traffic_;
  upstream::Permit connection_permit_;
  upstream::ActiveRequest active_;
  std::array<net::Address, kMaxAttempts> tried_;
  uint32_t attempts_ = 0;
  absl::string_view failure_;  // Of the last attempt.

  const std::shared_ptr<const void> metrics_owner_;
  const observe::MetricGroup<observe::ListenerMetric> listener_metrics_;
  absl::string_view details_;
  State state_ = State::kHello;
  bool holds_endpoint_ = false;  // An attempt counts on it.
  bool is_connected_ = false;    // To it.
  bool aborts_ = false;          // Of kClosing.
};

}  // namespace sluice::stream
