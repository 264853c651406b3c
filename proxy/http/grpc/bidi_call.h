// One gRPC call with a stream of messages in both directions, over an HTTP/2 connection of ours.
//
//   BidiCall call(io, events, BidiCall::Options());
//   if (!call.Start(connection, "cp.example:9400", "/sluice.v1.ConfigStream/Sync")) ...
//   call.Send(hello.SerializeAsString());
//
// No deadline, no compression, no retries: for long streams of our own contract.
//
// Thread: the loop's. Lifetime: `connection` may go first. Destroying it cancels the call and
// nothing more is told; inside an event use DeleteLater().
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proxy/event/loop.h"
#include "proxy/http/grpc/message_reader.h"
#include "proxy/http/h2/client_connection.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::grpc {

class BidiCall final : private ClientStreamEvents, private event::Task {
 public:
  // Told from the loop, never inside a call.
  class Events {
   public:
    virtual void OnMessage(std::string message) = 0;
    // Once, the last event: what the server said (also OK), or why there is no such word.
    virtual void OnFinished(const absl::Status& status) = 0;
    // is_send_blocked() was true and is not any more.
    virtual void OnSendRoom() = 0;

   protected:
    ~Events() = default;
  };

  struct Options {
    size_t max_message_bytes = 4 * 1024 * 1024;
  };

  BidiCall(net::IoContext& io, Events& events, const Options& options);
  ~BidiCall();

  // False if the connection has no room for a stream. Messages may be sent at once.
  [[nodiscard]] bool Start(h2::ClientConnection& connection, absl::string_view authority,
                           absl::string_view path);

  // Nothing is sent after the call has finished.
  void Send(absl::string_view message);
  // More waits to be sent than should.
  bool is_send_blocked() const { return stream_ != nullptr && stream_->is_send_blocked(); }

  // Counted. While paused no message is told and the server is held back by flow control.
  void Pause();
  void Resume();

 private:
  // ClientStreamEvents
  Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead&) override {}
  void OnHead(ResponseHead& head, bool end) override;
  void OnBody(net::Buffer&& body) override;
  void OnEnd(const HeaderMap* trailers) override;
  void OnReset(ResetReason reason) override;
  void OnSendRoom() override { events_.OnSendRoom(); }

  void Run() override { Deliver(); }
  // Tells the messages that have come, then the end if that has come too.
  void Deliver();
  void Finish(const absl::Status& status);

  net::IoContext& io_;
  Events& events_;
  char memory_[1024];
  Arena arena_;
  MessageReader reader_;
  ClientStream* stream_ = nullptr;  // Null: not started, or over.
  int pauses_ = 0;
  std::optional<absl::Status> end_;  // What is told after the last message.
};

}  // namespace sluice::http::grpc
