// Waits for a process that wants to take this one's place, and hands over to it.
//
//   kWaiting    nobody is there
//   kPreparing  the owner makes itself ready, for a successor that may be gone meanwhile
//   kHanded     the successor has everything and is not serving yet; both accept connections
//   kLeft       it serves: the owner drains
//
// One successor at a time; whoever comes between is refused. A successor that dies, or does not
// serve in time, changes nothing: the owner goes on.
//
// Thread: its loop's. Lifetime: `loop` and `owner` outlive it.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "proxy/event/loop.h"
#include "proxy/net/acceptor.h"
#include "proxy/server/handover/inheritance.h"

namespace sluice::server::handover {

class Predecessor final : private net::Acceptor::Owner, private event::Handler {
 public:
  // Time for a successor to begin to serve.
  static constexpr int64_t kPatienceNs = int64_t{60} * 1'000'000'000;

  class Owner {
   public:
    using Ready = absl::AnyInvocable<void(absl::StatusOr<Inheritance>)>;
    // Changes nothing that it shares with a successor from now on, and gives what it has; or says
    // why that cannot be now, and is as before.
    virtual void PrepareToLeave(Ready ready) = 0;
    // There will be no successor: it goes on as before.
    virtual void Stay() = 0;
    // This process serves in its place.
    virtual void Leave(int successor_pid) = 0;

   protected:
    ~Owner() = default;
  };

  // `listening`: a packet socket, non-blocking.
  Predecessor(event::Loop& loop, net::Fd listening, Owner& owner);
  ~Predecessor();

  absl::Status Start() { return acceptor_.Start(); }
  // Hands over to nobody any more.
  void Close();

 private:
  enum class State { kWaiting, kPreparing, kHanded, kLeft };

  void OnAccept(net::Fd fd, const net::Address& peer) override;
  void OnShed() override {}
  void OnEvents(uint32_t events) override;
  void OnPacket(const std::string& text);
  void HandOver(absl::StatusOr<Inheritance> inheritance);
  void OnTimeout();
  void GiveUp(const std::string& why);
  void Forget();

  event::Loop& loop_;
  Owner& owner_;
  net::Acceptor acceptor_;
  net::Fd successor_;
  int successor_pid_ = 0;
  State state_ = State::kWaiting;
  event::Timer timer_;
};

}  // namespace sluice::server::handover
