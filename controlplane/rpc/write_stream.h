// Server-streaming calls that are answered from a loop.
//
//   class List final : public WriteStream<v1::ProxyStatus> {
//     void Begin() override { for (...) Write(...); Finish(absl::OkStatus()); }
//   };
//   List* Handle(...) { return WriteStream<...>::Start(std::make_unique<List>(loop, ...)); }
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "controlplane/loop/loop.h"
#include "controlplane/rpc/status.h"

namespace sluice::rpc {

// Thread: the loop's, for everything that has no comment: gRPC's own callbacks only post.
// Ownership: its own; destroyed on the loop when the call is over, whoever ended it.
// Lifetime: the loop stops after the server.
template <typename Response>
class WriteStream : public grpc::ServerWriteReactor<Response> {
 public:
  // Thread: any. Begin() runs on the loop.
  static WriteStream* Start(std::unique_ptr<WriteStream> stream) {
    WriteStream* started = stream.release();
    started->loop_.Post([started] { started->Begin(); });
    return started;
  }

 protected:
  explicit WriteStream(loop::Loop& loop) : loop_(loop) {}

  virtual void Begin() = 0;

  // All that was written is on its way: the time to write more, where that must not pile up.
  virtual void OnDrained() {}

  // The client is gone; nothing that is written arrives any more.
  virtual void OnAbandoned() {}

  void Write(Response response) {
    if (end_.has_value()) return;
    queue_.push_back(std::move(response));
    Pump();
  }

  // After what was written. Nothing can be written after it.
  void Finish(absl::Status status) {
    if (end_.has_value()) return;
    end_ = std::move(status);
    Pump();
  }

  bool is_finished() const { return end_.has_value(); }

  // Messages that wait for the client.
  size_t backlog() const { return queue_.size() + (is_writing_ ? 1 : 0); }

  loop::Loop& loop() { return loop_; }

 private:
  void Pump() {
    if (is_writing_ || is_ended_) return;
    if (!queue_.empty()) {
      current_ = std::move(queue_.front());
      queue_.pop_front();
      is_writing_ = true;
      this->StartWrite(&current_);
    } else if (end_.has_value()) {
      is_ended_ = true;
      grpc::ServerWriteReactor<Response>::Finish(ToGrpc(*end_));
    }
  }

  void Abandon() {
    queue_.clear();
    const bool is_first = !end_.has_value();
    if (is_first) end_ = absl::CancelledError();
    Pump();
    if (is_first) OnAbandoned();
  }

  void OnWriteDone(bool ok) final {
    loop_.Post([this, ok] {
      is_writing_ = false;
      if (!ok) return Abandon();
      Pump();
      if (backlog() == 0 && !end_.has_value()) OnDrained();
    });
  }
  void OnCancel() final {
    loop_.Post([this] { Abandon(); });
  }
  void OnDone() final {
    loop_.Post([self = std::unique_ptr<WriteStream>(this)] {});
  }

  loop::Loop& loop_;
  std::deque<Response> queue_;
  Response current_;  // Being written.
  bool is_writing_ = false;
  std::optional<absl::Status> end_;
  bool is_ended_ = false;
};

}  // namespace sluice::rpc
