// A request that asks a pool for a connection.
#pragma once

#include <optional>
#include <utility>

#include "proxy/http/arena.h"
#include "proxy/upstream/pool.h"

namespace sluice::upstream {

// One request and its response: what an attempt is to a pool.
class PoolRequest final : public http::ClientStreamEvents, public Pool::Waiter {
 public:
  explicit PoolRequest(net::BlockPool& pool) : arena_(pool, memory_, memory_ + sizeof(memory_)) {}
  ~PoolRequest() {
    if (stream_ != nullptr) stream_->Reset(http::ResetReason::kLocalReset);
  }

  void Acquire(Pool& pool, bool fresh = false) {
    if (http::ClientStream* stream = pool.Acquire(*this, *this, fresh)) OnStream(*stream);
  }
  // Where there is no connection, asks this pool for another one, once.
  void TryAgainFrom(Pool& pool) { next_ = &pool; }
  void Send() {
    http::RequestHead head(arena_);
    head.method_id = http::Method::kGet;
    head.method = "GET";
    head.path = "/";
    head.authority = "a";
    stream_->SendHead(head, true);
  }

  bool has_stream() const { return stream_ != nullptr; }
  bool is_reused() const { return stream_->is_reused(); }
  std::optional<http::ResetReason> failure() const { return failure_; }
  int failures() const { return failures_; }
  int status() const { return status_; }

 private:
  http::Arena& arena() override { return arena_; }
  void OnInformational(http::ResponseHead&) override {}
  void OnHead(http::ResponseHead& head, bool end) override {
    status_ = head.status;
    if (end) LetGo();
  }
  void OnBody(net::Buffer&&) override {}
  void OnEnd(const http::HeaderMap*) override { LetGo(); }
  void OnReset(http::ResetReason reason) override {
    failure_ = reason;
    ++failures_;
    stream_ = nullptr;
  }
  void OnSendRoom() override {}
  void OnStream(http::ClientStream& stream) override { stream_ = &stream; }
  void OnConnectFailed(http::ResetReason reason) override {
    failure_ = reason;
    ++failures_;
    if (next_ != nullptr) Acquire(*std::exchange(next_, nullptr));
  }
  void LetGo() { std::exchange(stream_, nullptr)->Reset(http::ResetReason::kNone); }

  char memory_[4096];
  http::Arena arena_;
  http::ClientStream* stream_ = nullptr;
  std::optional<http::ResetReason> failure_;
  int failures_ = 0;
  Pool* next_ = nullptr;
  int status_ = 0;
};

}  // namespace sluice::upstream
