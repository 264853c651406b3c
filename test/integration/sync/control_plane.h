// A control plane of which the test writes every message, on gRPC's own server: proof that our
// client speaks as gRPC does.
//
// Thread: the test's; gRPC's threads work inside.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace sluice {

class ScriptedControlPlane {
 public:
  // One call of ConfigStream.Sync.
  class Stream {
   public:
    // Serialised messages, in order. Waits for none.
    void Send(std::string message);
    // Ends the call with this status once all is sent.
    void End(absl::Status status);

    // The next message from the proxy; nothing if the stream ended or `timeout` passed.
    std::optional<std::string> Read(absl::Duration timeout = absl::Seconds(20));
    bool has_ended() const;

   private:
    friend class ScriptedControlPlane;
    class Reactor;

    // Writes what is next, or ends the call.
    void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

    mutable Mutex mu_;
    CondVar changed_;
    std::deque<std::string> incoming_ ABSL_GUARDED_BY(mu_);
    std::deque<std::string> outgoing_ ABSL_GUARDED_BY(mu_);
    std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
    bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
    bool is_finished_ ABSL_GUARDED_BY(mu_) = false;
    bool has_ended_ ABSL_GUARDED_BY(mu_) = false;
    Reactor* reactor_ ABSL_GUARDED_BY(mu_) = nullptr;  // Null once gRPC has let go.
  };

  // `port` 0: any that is free.
  explicit ScriptedControlPlane(uint16_t port = 0);
  // Cuts all streams, as a process that dies.
  ~ScriptedControlPlane();

  uint16_t port() const { return port_; }
  std::string address() const;

  // The next stream that a proxy opened; null if none does in time.
  std::shared_ptr<Stream> Accept(absl::Duration timeout = absl::Seconds(40));

 private:
  class Service;

  std::unique_ptr<Service> service_;
  uint16_t port_ = 0;
};

}  // namespace sluice
