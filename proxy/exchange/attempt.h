// One try at getting a response: an endpoint, a connection to it, a request sent and its response.
//
// Thread: its worker's. Ownership: its exchange's list (attempt_list.h), or a mirror's. Destroying
// it gives the stream up.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/exchange/worker.h"
#include "proxy/http/stream.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/pool.h"

namespace sluice::exchange {

class Attempt final : public http::ClientStreamEvents, private upstream::Pool::Waiter {
 public:
  // Who is told. Any of these may destroy the attempt, which is the last argument of each.
  class Owner {
   public:
    virtual http::Arena& attempt_arena() = 0;
    // There is a stream to write the request to.
    virtual void OnAttemptReady(Attempt& attempt) = 0;
    // As ClientStreamEvents::OnInput().
    virtual void OnAttemptInput() {}
    virtual void OnAttemptInformational(http::ResponseHead& head, Attempt& attempt) = 0;
    virtual void OnAttemptHead(http::ResponseHead& head, bool end, Attempt& attempt) = 0;
    virtual bool TakesPipesOf(const Attempt& attempt) const = 0;
    virtual void OnAttemptBody(net::Buffer&& body, Attempt& attempt) = 0;
    virtual void OnAttemptEnd(const http::HeaderMap* trailers, Attempt& attempt) = 0;
    virtual void OnAttemptReset(http::ResetReason reason, Attempt& attempt) = 0;
    virtual void OnAttemptSendRoom(Attempt& attempt) = 0;

   protected:
    ~Owner() = default;
  };

  // What it counts for at the upstream's breaker, while it lives.
  struct Permits {
    upstream::Permit request;
    upstream::Permit retry;  // None for a first attempt.
  };

  // `endpoint` comes from the cluster's balancer.
  Attempt(Owner& owner, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint,
          Permits permits);
  ~Attempt();

  enum class Started : uint8_t {
    kReady,     // The stream is there.
    kWaiting,   // OnAttemptReady() or OnAttemptReset() follows.
    kOverflow,  // Too many wait for connections. Nothing follows.
  };
  using Waiter::set_prelude;
  // Asks for a connection. `fresh`: one that has carried nothing.
  [[nodiscard]] Started Start(bool fresh);

  // Null before there is one and after the response has ended.
  http::ClientStream* stream() { return stream_; }
  const http::ClientStream* stream() const { return stream_; }
  const upstream::Endpoint& endpoint() const { return *endpoint_; }
  upstream::Cluster& cluster() { return *cluster_.get(); }
  upstream::Pool& pool() { return pool_; }

  // Whether the request, or part of it, may have reached the endpoint; what it was on.
  bool has_sent_bytes() const { return has_sent_; }
  bool was_reused() const { return was_reused_; }
  // The budget of retries counts it.
  bool is_retry() const { return static_cast<bool>(permits_.retry); }
  int status() const { return response_status_; }
  bool has_response() const { return response_status_ != 0; }
  bool is_complete() const { return is_complete_; }
  int64_t start_ns() const { return created_ns_; }
  int64_t first_byte_ns() const { return first_byte_ns_; }
  // The request has begun to be written.
  void MarkStarted() { started_ns_ = worker_.io.loop.now_ns(); }
  // No response came in time: the endpoint failed, even if it should answer yet. Counts once.
  void NoteTimeout();
  bool is_late() const { return is_late_; }

  // Where it stands in the request, for its exchange.
  struct Progress {
    int64_t held_until_ns = 0;  // Its head is not sent before; 0: not held.
    uint64_t body_bytes = 0;    // Of the exchange's buffer.
    bool has_head = false;
    bool has_end = false;
  };
  Progress sent;

 private:
  friend class AttemptList;

  http::Arena& arena() override { return owner_.attempt_arena(); }
  void OnInput() override { owner_.OnAttemptInput(); }
  void OnInformational(http::ResponseHead& head) override;
  void OnHead(http::ResponseHead& head, bool end) override;
  bool TakesPipes() const override { return owner_.TakesPipesOf(*this); }
  void OnBody(net::Buffer&& body) override;
  void OnEnd(const http::HeaderMap* trailers) override;
  void OnReset(http::ResetReason reason) override;
  void OnSendRoom() override { owner_.OnAttemptSendRoom(*this); }
  void OnStream(http::ClientStream& stream) override;
  void OnConnectFailed(http::ResetReason reason) override;
  void Failed(http::ResetReason reason);
  void NoteFailure();
  void ReportOutcome(upstream::Outcome outcome);
  void LetGo();

  Owner& owner_;
  Worker& worker_;
  const upstream::ClusterRef cluster_;
  const Permits permits_;
  const std::shared_ptr<const upstream::Endpoint> endpoint_;
  upstream::Pool& pool_;
  upstream::ActiveRequest active_;
  http::ClientStream* stream_ = nullptr;
  Attempt* next_ = nullptr;  // In the list.
  const int64_t created_ns_;
  int64_t started_ns_ = 0;
  int64_t first_byte_ns_ = 0;
  int response_status_ = 0;
  bool has_sent_ = false;
  bool was_reused_ = false;
  bool is_complete_ = false;
  bool is_late_ = false;
};

}  // namespace sluice::exchange
