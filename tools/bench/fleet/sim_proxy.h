// A proxy as far as the control plane can tell: it opens a ConfigStream, takes updates, and says
// that it serves them. It compiles nothing, so that a thousand fit beside the control plane under
// test on one machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::fleet_sim {

// What a simulated proxy tells. Called from gRPC's threads, for many proxies at once.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnWelcome() = 0;
  // The last part of an update has come and been answered with ACTIVE.
  virtual void OnActive(uint64_t generation, absl::Time committed_at, absl::Time active_at) = 0;
  // The stream has ended; of a closed one with CANCELLED.
  virtual void OnEnded(const absl::Status& status) = 0;
};

// Thread: Open() and Close() from one thread, not at once. Lifetime: `observer` outlives it, and
// it outlives its streams: Close() and wait for OnEnded() before destroying it.
class SimProxy {
 public:
  SimProxy(std::string control_plane, std::string node, Observer& observer);
  ~SimProxy();

  // A connection and a stream of its own. The proxy says that it holds what it held when it was
  // closed: a reconnect.
  void Open();
  void Close();

  // Bytes of update messages received, and how many updates, full ones apart.
  uint64_t update_bytes() const;
  uint64_t updates() const;
  uint64_t full_updates() const;

 private:
  class Stream;
  struct Held;

  const std::string control_plane_;
  const std::string node_;
  Observer& observer_;
  const std::unique_ptr<Held> held_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace sluice::fleet_sim
