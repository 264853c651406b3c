// A proxy that does what the test says, over a real connection.
//
//   ScriptedProxy proxy(control_plane.address(), {.node = "a"});
//   proxy.TakeWelcome();
//   proxy.TakeUpdate();
//   proxy.Say(v1::Status::ACTIVE);
//
// Waiting for a message fails the test after a while.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "controlplane/fleet/testing/replica.h"
#include "sluice/v1/config_stream.grpc.pb.h"

namespace sluice::fleet {

class ScriptedProxy {
 public:
  struct Options {
    std::string node = "a";
    std::vector<std::string> groups = {};
    std::vector<std::string> plugins = {"key_auth", "request_id", "consumer_restriction"};
    uint64_t started_at_ns = 1000;
    uint64_t instance = 1;
    // What it holds already: of an earlier stream. It does not outlive this call.
    const Replica* holds = nullptr;
    bool says_hello = true;
  };

  ScriptedProxy(const std::string& address, Options options);
  ~ScriptedProxy();

  void Send(const v1::ProxyMessage& message);

  // The next message; an empty one if the stream ends first.
  v1::ControlMessage Next();
  v1::Welcome TakeWelcome();
  v1::Backoff TakeBackoff();
  v1::Query TakeQuery();
  // The parts of one update, into replica().
  void TakeUpdate();
  // Waits for the end of the stream.
  grpc::Status TakeEnd();
  bool HasEnded();

  // Of what replica() holds, or of another generation.
  void Say(v1::Status::Phase phase, const std::string& problem = "");
  void SayOf(const Generation& generation, v1::Status::Phase phase,
             const std::string& problem = "");
  // Goes back to what it held before the last update.
  void Reject(const std::string& problem);
  void Resync();
  void Report(const Generation& active);

  // Welcome, and an update that becomes active.
  void Settle();

  // Ends the stream from this side.
  void Leave();

  const Replica& replica() const { return replica_; }

 private:
  void Read();

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ConfigStream::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ProxyMessage, v1::ControlMessage>> stream_;
  Replica replica_;
  Replica before_;  // The last update.

  Mutex mu_;
  CondVar changed_;
  std::deque<v1::ControlMessage> messages_ ABSL_GUARDED_BY(mu_);
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
  std::thread reader_;
};

}  // namespace sluice::fleet
