// A check that is a request over a pool's connection: what HTTP and gRPC have in common.
//
// A connection that was kept from the check before may have been closed by the server meanwhile,
// which says nothing about it: such a check is begun again on a fresh one.
//
// Thread and ownership as Probe has them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "proxy/http/arena.h"
#include "proxy/upstream/health/probe.h"

namespace sluice::upstream::health {

class RequestProbe : public Probe, protected http::ClientStreamEvents, private Pool::Waiter {
 public:
  RequestProbe(const Question& question, Pool& pool, Owner& owner);
  ~RequestProbe() override;

  std::optional<Answer> Start() override;

 protected:
  virtual void SendRequest(http::ClientStream& stream) = 0;
  // What came of the response; `end` as ever. Each may answer.
  virtual void OnResponse(http::ResponseHead& head, bool end) = 0;
  virtual void OnResponseBody(net::Buffer&& body) = 0;
  virtual void OnResponseEnd(const http::HeaderMap* trailers) = 0;

  // The Host to ask for.
  absl::string_view authority() const;
  const Question& question() const { return question_; }
  http::Arena& arena() override { return arena_; }
  // Tells the owner. What is left of the response is not waited for.
  void Tell(const Answer& answer);

 private:
  void OnInformational(http::ResponseHead&) override {}
  void OnHead(http::ResponseHead& head, bool end) override;
  void OnBody(net::Buffer&& body) override;
  void OnEnd(const http::HeaderMap* trailers) override;
  void OnReset(http::ResetReason reason) override;
  void OnSendRoom() override {}
  void OnStream(http::ClientStream& stream) override;
  void OnConnectFailed(http::ResetReason reason) override;
  // A stream, or the wait for one. False: neither.
  bool Acquire(bool fresh);
  void LetGo();

  const Question question_;
  Pool& pool_;
  Owner& owner_;
  char memory_[1024];
  http::Arena arena_;
  http::ClientStream* stream_ = nullptr;
  bool has_head_ = false;
  bool was_retried_ = false;
  bool is_told_ = false;
};

}  // namespace sluice::upstream::health
