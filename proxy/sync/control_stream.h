// One attempt at one control plane: the connection, the call, Hello and Welcome, then messages both
// ways, until any of it ends.
//
// Thread: the control thread's loop. Lifetime: `events` outlives it; delete it with DeleteLater()
// once OnEnded() was told, or at any time to give it up.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/event/loop.h"
#include "proxy/http/grpc/bidi_call.h"
#include "proxy/http/h2/client_connection.h"
#include "proxy/net/address.h"
#include "proxy/net/connection.h"
#include "proxy/sync/messages.h"

namespace sluice::sync {

class ControlStream final : private http::h2::ClientConnection::Owner,
                            private http::grpc::BidiCall::Events {
 public:
  // Told from the loop, never inside a call.
  class Events {
   public:
    // What Hello carries, asked for when the connection is there.
    virtual std::string Hello() = 0;
    // The first message; the others come after it.
    virtual void OnWelcome(const Welcome& welcome) = 0;
    virtual void OnUpdatePart(UpdatePart part) = 0;
    virtual void OnQuery(const Query& query) = 0;
    // is_send_blocked() was true and is not any more.
    virtual void OnSendRoom() = 0;
    // The last. `retry_after`: the control plane asked to be left alone so long.
    virtual void OnEnded(const absl::Status& why, std::optional<absl::Duration> retry_after) = 0;

   protected:
    ~Events() = default;
  };

  static constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
  static constexpr absl::Duration kWelcomeTimeout = absl::Seconds(15);
  static constexpr absl::Duration kPingAfter = absl::Seconds(10);
  static constexpr absl::Duration kPingTimeout = absl::Seconds(5);

  ControlStream(net::IoContext& io, Events& events);
  ~ControlStream();

  // Makes a socket that connects to the host `host` (without port) a transport that is secure.
  using Secure = std::function<absl::StatusOr<net::Transport>(net::Fd fd, const std::string& host)>;

  // `authority`: as it was configured. `secure`: null for cleartext. Fails at once without
  // descriptors or if `secure` does; nothing is told then.
  [[nodiscard]] absl::Status Start(const net::Address& address, const std::string& authority,
                                   const Secure& secure);

  // A serialised ProxyMessage.
  void Send(absl::string_view message) { call_.Send(message); }
  bool is_send_blocked() const { return call_.is_send_blocked(); }
  // Counted. While paused no message is told.
  void Pause() { call_.Pause(); }
  void Resume() { call_.Resume(); }
  // Ends it from here; OnEnded() follows.
  void End(absl::Status why);

  bool is_welcome() const { return is_welcome_; }

 private:
  // ClientConnection::Owner
  void OnConnected() override;
  void OnClosed(http::ResetReason reason) override;
  void OnGoingAway() override {}
  void OnIdle() override {}
  void OnCapacity() override {}
  // BidiCall::Events
  void OnMessage(std::string message) override;
  void OnFinished(const absl::Status& status) override;
  void OnSendRoom() override;

  void OnTimeout();
  void OnFirst(const ControlMessage& message);
  void Tell(ControlMessage message);
  // Tells the end, once, from the loop.
  void Finish(const absl::Status& why);

  // Set at construction.
  net::IoContext& io_;
  Events& events_;

  std::string authority_;
  std::optional<http::h2::ClientConnection> connection_;
  http::grpc::BidiCall call_;  // Goes before its connection.
  event::Timer timer_;         // Connecting, then waiting for Welcome, then ending.
  bool is_connected_ = false;
  bool is_welcome_ = false;
  bool has_ended_ = false;
  std::optional<absl::Status> end_;  // Asked for by End().
  std::optional<absl::Duration> retry_after_;
};

}  // namespace sluice::sync
