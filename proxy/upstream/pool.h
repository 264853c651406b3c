// Connections of one worker to one endpoint.
//
// Unused HTTP/1 connections are kept, the most recently used on top: it is the warmest, and the
// least likely to have been closed by the server meanwhile. Pools are not shared between workers:
// that would put a lock on every request.
//
// Thread: its worker's.
// Lifetime: an endpoint that goes away retires its pool (Graveyard), which then lives until its
// last connection has ended.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h1/client_connection.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"
#include "proxy/upstream/connect.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

// What pools of one worker share.
struct PoolContext {
  net::IoContext& io;
  observe::WorkerMetrics& metrics;
  http::h1::RawHead& scratch_head;
};

class Pool {
 public:
  // Who waits for a connection. Destroying it leaves the queue; a connection that was being opened
  // for it is kept for the next.
  class Waiter {
   public:
    // A stream that has just begun, with the events that were given to Acquire().
    virtual void OnStream(http::ClientStream& stream) = 0;
    virtual void OnConnectFailed(http::ResetReason reason) = 0;

    bool is_waiting() const { return pool_ != nullptr; }
    // What a connection for it begins with, where the upstream wants that (proxy_protocol): its
    // connection is then made for it alone. Lives as long as the waiter.
    void set_prelude(absl::string_view prelude) { prelude_ = prelude; }

   protected:
    ~Waiter() { Leave(); }
    void Leave();

   private:
    friend class Pool;
    Pool* pool_ = nullptr;
    http::ClientStreamEvents* events_ = nullptr;
    uint64_t place_ = 0;  // In the order of all that have waited here.
    absl::string_view prelude_;
    bool wants_fresh_ = false;
  };

  virtual ~Pool();

  // A stream at once where a connection is free; else null, and `waiter` is told, later; or, if it
  // is not waiting afterwards, never: as many wait already as the upstream's breaker allows.
  // `fresh`: only a connection that has carried nothing will do.
  virtual http::ClientStream* Acquire(http::ClientStreamEvents& events, Waiter& waiter,
                                      bool fresh) = 0;

  // Other limits and times, of an upstream whose connections stay as good as they were. They hold
  // for connections that are there, too.
  virtual void Adopt(std::shared_ptr<const Settings> settings) { settings_ = std::move(settings); }

  // Nothing new is opened but for those who wait, unused connections are closed, those in use when
  // they end. is_empty() then becomes true at some time, in a turn of the loop.
  virtual void Retire() = 0;
  virtual bool is_empty() const = 0;
  // Open and being opened.
  virtual size_t connection_count() const = 0;

  const Destination& destination() const { return destination_; }
  // What was wrong with the TLS of the last connection of which that was; "" if of none.
  absl::string_view tls_failure() const { return tls_failure_; }

 protected:
  Pool(PoolContext& context, Destination destination, std::shared_ptr<const Settings> settings);

  // False, and nothing done, if too many wait.
  bool Enqueue(Waiter& waiter, http::ClientStreamEvents& events, bool fresh);
  // First of the queue, taken off; null if it is empty. `used`: first of those for whom a
  // connection will do that has carried something.
  Waiter* Dequeue(bool used = false);
  // Takes this one off.
  void Forget(Waiter& waiter);
  // Tells the first of those who wait now, `most` of them; not who waits again because of that.
  void FailFirst(size_t most, http::ResetReason reason);
  // It has left on its own.
  virtual void OnLeft(Waiter&) {}
  Waiter& WaiterAt(size_t place) { return *waiters_[place]; }
  http::ClientStreamEvents& EventsOf(Waiter& waiter) { return *waiter.events_; }
  absl::string_view PreludeOf(Waiter& waiter) { return waiter.prelude_; }
  size_t waiter_count() const { return waiters_.size(); }
  bool has_waiters() const { return !waiters_.empty(); }

  // Counts one connection more, if the breaker lets it; the first of this pool always, or those who
  // wait here might wait for a connection of another worker for ever.
  bool MayOpen(bool is_first);
  void CountClosed() { settings_->breaker->connections.Give(); }

  // Begins to open a connection.
  absl::StatusOr<net::Transport> StartConnect() {
    return upstream::StartConnect(io_, *settings_, destination_, &sessions_);
  }
  // For the numbers: a connection has come about; or has ended, and was one or was not. `secure` is
  // what lies under it; null: nothing.
  void NoteOpened(const net::SecureLayer* secure);
  void NoteClosed(bool was_open, http::ResetReason reason, const net::SecureLayer* secure);

  PoolContext& context_;
  net::IoContext& io_;
  const Destination destination_;
  std::shared_ptr<const Settings> settings_;

 private:
  void NoteLeft();

  std::deque<Waiter*> waiters_;  // First come, first served.
  uint64_t last_place_ = 0;      // That was given.
  net::tls::SessionSlot sessions_;
  std::string tls_failure_;
};

// Counts on the upstream's metrics; valid as long as `settings`.
inline net::Traffic TrafficOf(observe::WorkerMetrics& metrics, const Settings& settings) {
  using observe::UpstreamMetric;
  return {metrics.CounterOf(settings.metrics, UpstreamMetric::kReceivedBytes),
          metrics.CounterOf(settings.metrics, UpstreamMetric::kSentBytes)};
}

std::unique_ptr<Pool> MakePool(PoolContext& context, Destination destination,
                               std::shared_ptr<const Settings> settings);

// Pools whose endpoints are gone, until they are empty.
class Graveyard {
 public:
  void Bury(std::unique_ptr<Pool> pool);
  // Deletes the empty ones. Call from the loop now and then.
  void Sweep();
  size_t size() const { return pools_.size(); }

 private:
  std::vector<std::unique_ptr<Pool>> pools_;
};

}  // namespace sluice::upstream
