// Copies of requests, sent to other upstreams, whose answers nobody waits for.
//
// A copy begins with the first attempt of its request and shares the slices of its body. It waits
// for nothing of the exchange and makes it wait for nothing: what it cannot have at once, it does
// without, and a copy that falls behind is ended. Once the request is complete the exchange knows
// it no longer.
//
// Thread: one worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "proxy/event/timer.h"
#include "proxy/exchange/attempt.h"
#include "proxy/exchange/mirror_list.h"
#include "proxy/http/arena.h"
#include "proxy/http/message.h"
#include "proxy/net/buffer.h"

namespace sluice::exchange {

// How much of a body may wait for a copy.
inline constexpr size_t kMaxMirrorBytes = size_t{1} << 20;
// To the end of its response, where the route has no timeout.
inline constexpr int64_t kMirrorTimeoutNs = 15'000'000'000;

// One copy. Ownership: its worker's list and, while the body may go on, its request's feed; it
// takes itself out of both and ends through Loop::DeleteLater(), as an exchange does.
class Mirror final : private Attempt::Owner {
 public:
  // What is copied: everything is valid for the call only.
  struct Original {
    const http::RequestHead& head;
    absl::string_view authority;  // Replaces the head's.
    const net::Buffer& body;      // As far as it is there.
    bool is_complete;
    const http::HeaderMap* trailers;  // Of a complete one; may be null.
    absl::string_view prelude;        // Of the connection (Pool::Waiter).
    int64_t timeout_ns;               // 0: off.
  };

  // `endpoint` comes from the cluster's balancer; `permit` counts it as a request.
  static void Begin(MirrorFeed& feed, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint,
                    upstream::Permit permit, const Original& original);
  // Counts one that could not begin.
  static void CountDropped(Worker& worker, const upstream::Cluster& cluster);

  static void operator delete(Mirror* mirror, std::destroying_delete_t);
  ~Mirror();

 private:
  friend class MirrorFeed;
  friend class MirrorList;

  Mirror(MirrorFeed& feed, Worker& worker, net::Block* block, const Original& original);

  void CopyHead(const Original& original);
  void Push(const net::Buffer& body);
  void Complete(const http::HeaderMap* trailers);
  void Pump();
  bool is_behind() const;
  void OnTimer();
  void End(observe::MirrorResult result);
  void LeaveFeed();

  // Attempt::Owner.
  http::Arena& attempt_arena() override { return arena_; }
  void OnAttemptReady(Attempt&) override { Pump(); }
  void OnAttemptInformational(http::ResponseHead&, Attempt&) override {}
  void OnAttemptHead(http::ResponseHead& head, bool end, Attempt& attempt) override;
  // They would only have to be closed.
  bool TakesPipesOf(const Attempt&) const override { return false; }
  void OnAttemptBody(net::Buffer&& body, Attempt&) override { body.Clear(); }
  void OnAttemptEnd(const http::HeaderMap* trailers, Attempt& attempt) override;
  void OnAttemptReset(http::ResetReason reason, Attempt& attempt) override;
  void OnAttemptSendRoom(Attempt&) override { Pump(); }

  Worker& worker_;
  net::Block* const block_;
  http::Arena arena_;
  http::RequestHead head_;
  const http::HeaderMap* trailers_ = nullptr;
  net::Buffer pending_;  // Of the body: what is not sent yet.
  std::optional<Attempt> attempt_;
  event::Timer timer_;
  const int64_t timeout_ns_;
  MirrorFeed* feed_;
  Mirror* next_in_feed_;
  Mirror* previous_ = nullptr;  // In the worker's list.
  Mirror* next_ = nullptr;
  bool is_complete_ = false;  // The request.
  bool has_sent_head_ = false;
  bool has_sent_end_ = false;
};

}  // namespace sluice::exchange
