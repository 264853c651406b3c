// Takes the place of a process that serves: gets what that has, and tells it when to go.
//
//   ASSIGN_OR_RETURN(successor, Successor::Take(connected));   // blocks
//   ... serve with successor->inheritance() ...
//   successor->Start(loop, owner);
//   successor->Confirm();                                      // OnYours() or OnRevoked() follows
//
// A predecessor that dies in between is no obstacle: its successor has everything already.
//
// Thread: its loop's. Lifetime: `loop` and `owner` outlive it.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "proxy/event/loop.h"
#include "proxy/server/handover/inheritance.h"

namespace sluice::server::handover {

class Successor final : private event::Handler {
 public:
  class Owner {
   public:
    // The predecessor accepts no more: this process is the one.
    virtual void OnYours() = 0;
    // The predecessor goes on: this process must not. Also before Confirm().
    virtual void OnRevoked() = 0;

   protected:
    ~Owner() = default;
  };

  // On a packet socket that is connected to a Predecessor. Waits for at most `patience` for each
  // message. FAILED_PRECONDITION, with the reason, if it refuses.
  static absl::StatusOr<std::unique_ptr<Successor>> Take(net::Fd connected, int patience_seconds);
  ~Successor();

  Inheritance& inheritance() { return inheritance_; }
  absl::Status Start(event::Loop& loop, Owner& owner);
  // This process serves.
  void Confirm();

 private:
  explicit Successor(net::Fd fd) : fd_(std::move(fd)) {}

  void OnEvents(uint32_t events) override;
  void OnGone();

  net::Fd fd_;
  Inheritance inheritance_;
  event::Loop* loop_ = nullptr;  // Set by Start(), and so is the next.
  Owner* owner_ = nullptr;
  bool has_confirmed_ = false;
  bool is_gone_ = false;  // The predecessor.
};

}  // namespace sluice::server::handover
