// One try at getting a response: an endpoint, a connection to it, a request sent and its response.
//
// Thread: its worker's. Ownership: its exchange's. Destroying it gives the stream up.
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
  // What the exchange is told. Any of these may destroy the attempt.
  class Owner {
   public:
    virtual http::Arena& attempt_arena() = 0;
    // There is a stream to write the request to.
    virtual void OnAttemptReady() = 0;
    virtual void OnAttemptInformational(http::ResponseHead& head) = 0;
    virtual void OnAttemptHead(http::ResponseHead& head, bool end) = 0;
    virtual void OnAttemptBody(net::Buffer&& body) = 0;
    virtual void OnAttemptEnd(const http::HeaderMap* trailers) = 0;
    virtual void OnAttemptReset(http::ResetReason reason) = 0;
    virtual void OnAttemptSendRoom() = 0;

   protected:
    ~Owner() = default;
  };

  // `endpoint` comes from the cluster's balancer.
  Attempt(Owner& owner, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint);
  ~Attempt();

  // Asks for a connection. True if the stream is there at once; else OnAttemptReady() or
  // OnAttemptReset() follows. `fresh`: on a connection that has carried nothing.
  bool Start(bool fresh);

  // Null before there is one and after the response has ended.
  http::ClientStream* stream() { return stream_; }
  const http::ClientStream* stream() const { return stream_; }
  const upstream::Endpoint& endpoint() const { return endpoints_->endpoints[endpoint_]; }
  upstream::Pool& pool() { return pool_; }

  // Whether the request, or part of it, may have reached the endpoint; what it was on.
  bool has_sent_bytes() const { return has_sent_; }
  bool was_reused() const { return was_reused_; }
  bool has_response() const { return response_status_ != 0; }
  bool is_complete() const { return is_complete_; }
  int64_t first_byte_ns() const { return first_byte_ns_; }
  // The request has begun to be written.
  void MarkStarted() { started_ns_ = worker_.io.loop.now_ns(); }

 private:
  http::Arena& arena() override { return owner_.attempt_arena(); }
  void OnInformational(http::ResponseHead& head) override;
  void OnHead(http::ResponseHead& head, bool end) override;
  void OnBody(net::Buffer&& body) override;
  void OnEnd(const http::HeaderMap* trailers) override;
  void OnReset(http::ResetReason reason) override;
  void OnSendRoom() override { owner_.OnAttemptSendRoom(); }
  void OnStream(http::ClientStream& stream) override;
  void OnConnectFailed(http::ResetReason reason) override;
  void Failed(http::ResetReason reason);
  void LetGo();

  Owner& owner_;
  Worker& worker_;
  const upstream::ClusterRef cluster_;
  const std::shared_ptr<const upstream::EndpointSet> endpoints_;
  const uint32_t endpoint_;
  upstream::Pool& pool_;
  upstream::ActiveRequest active_;
  http::ClientStream* stream_ = nullptr;
  int64_t started_ns_ = 0;
  int64_t first_byte_ns_ = 0;
  int response_status_ = 0;
  bool has_sent_ = false;
  bool was_reused_ = false;
  bool is_complete_ = false;
};

}  // namespace sluice::exchange
