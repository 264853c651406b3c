// A listening socket on a loop: accepts what comes, and sheds when there are no descriptors left.
//
// Out of descriptors, a queue that nobody empties would wake the loop for ever. So one descriptor
// is kept in reserve: with it the longest waiting connection is taken off and closed, and for 100
// ms the queue is left alone. Who waits in it is served if descriptors come free meanwhile.
//
// The socket may be in several hands: another process's while one takes over from the other, and
// several workers' where a service manager opened it. A copy elsewhere keeps it listening, so
// closing takes it off the loop by name.
//
// Thread: the loop's. Ownership: the Owner's, which it must not outlive.
#pragma once

#include "absl/status/status.h"
#include "proxy/event/loop.h"
#include "proxy/net/address.h"
#include "proxy/net/socket.h"

namespace sluice::net {

class Acceptor final : private event::Handler {
 public:
  class Owner {
   public:
    virtual void OnAccept(Fd fd, const Address& peer) = 0;
    // A connection was closed unserved: this process, or the host, is out of descriptors or memory.
    virtual void OnShed() = 0;

   protected:
    ~Owner() = default;
  };

  // `fd` listens. `is_shared`: other loops of this process accept from it too, so that the kernel
  // should wake one of them for a connection, not all.
  Acceptor(event::Loop& loop, Fd fd, Owner& owner, bool is_shared = false);
  ~Acceptor();

  // Begins to accept. RESOURCE_EXHAUSTED if the kernel refuses.
  absl::Status Start();
  // Accepts no more: closes the socket.
  void Close();
  // Accepts what waits, and then closes the socket.
  void Finish();

  // Leaves the queue alone, or goes on with it.
  void SetPaused(bool is_paused);

  int fd() const { return fd_.get(); }

 private:
  struct Accepted {
    Fd fd;  // Closed, and errno says why there is none.
    Address peer;
  };

  Accepted Accept();
  void OnEvents(uint32_t events) override;
  absl::Status Watch();
  void LookAway();
  void Shed();
  void Resume();

  event::Loop& loop_;
  Owner& owner_;
  Fd fd_;
  Fd reserve_;
  const bool is_shared_;
  bool is_watched_ = false;
  bool is_paused_ = false;
  // How many are accepted in a turn. To ask for one more than there are costs a third of what a
  // connection does (the kernel makes a socket before it looks), and the loop tells again anyway.
  // So it is as many as there were when that last happened, and more after so many turns that had
  // them all; the more turns, the more often that was in vain.
  int batch_ = 1;
  int full_batches_ = 0;
  int patience_;
  event::Timer resume_timer_;
};

}  // namespace sluice::net
