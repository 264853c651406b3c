// One request and its response, from the client's head to the last byte: routing, plugins, attempts
// at an upstream, timeouts, and what is logged and counted of it.
//
// Does not know which protocol feeds it: http/stream.h is all it sees of either side.
//
//   kHead        the request's head passes the plugins; the body waits
//   kCollecting  a plugin wants the whole request body before anything goes on
//   kUpstream    attempts are under way, or one is about to begin; no response that is passed on
//   kHolding     the response's head passes the plugins, or its whole body is collected
//   kResponding  the response's head has been sent
//   kDone        nothing more happens; it is deleted at the end of the turn
//
// Thread: its worker's.
// Ownership: its own, by rule zero: it lives in a block of the worker's pool together with the
//   request's arena, and ends through Loop::DeleteLater() when the response has been sent or either
//   side has given up.
// Lifetime: within the worker and the listener's state.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>

#include "proxy/exchange/attempt.h"
#include "proxy/exchange/attempt_list.h"
#include "proxy/exchange/forwarded.h"
#include "proxy/exchange/mirror_list.h"
#include "proxy/exchange/retry.h"
#include "proxy/exchange/worker.h"
#include "proxy/http/stream.h"
#include "proxy/observe/response_flags.h"
#include "proxy/plugins/chain.h"

namespace sluice::exchange {

// A request whose body is longer is not sent again.
inline constexpr uint64_t kMaxReplayBytes = 64 * 1024;
// Of a request, as the contract bounds `retry`; and without a policy.
inline constexpr uint32_t kMaxAttempts = 10;
inline constexpr uint32_t kMaxHarmlessAttempts = 3;
inline constexpr absl::string_view kGrpcDeadline = "grpc_deadline_exceeded";

class Exchange final : public plugins::Stream,
                       public http::ServerStreamEvents,
                       private Attempt::Owner {
 public:
  // Null if the worker's memory is spent.
  static Exchange* Create(Worker& worker, ListenerState& listener, http::ServerStream& client);
  // Returns the memory to its pool.
  static void operator delete(Exchange* exchange, std::destroying_delete_t);
  ~Exchange();

  // What is known of it for logs; valid when it has ended.
  struct Summary {
    int64_t start_ns = 0;
    int64_t request_end_ns = 0;
    int64_t response_head_ns = 0;
    int64_t end_ns = 0;
    uint64_t received_bytes = 0;
    uint64_t sent_bytes = 0;
    absl::string_view details;
    observe::ResponseFlags flags;
    absl::string_view authority;  // As the client sent it.
    absl::string_view target;     // Path and query as the client sent them.
    absl::string_view method;
    absl::string_view endpoint;           // The last one tried; empty if none.
    absl::string_view transport_failure;  // What was wrong with TLS to it; empty if nothing.
    uint64_t generation = 0;
    uint8_t attempts = 0;
  };
  const Summary& summary() const { return summary_; }
  http::ServerStream& client() const { return client_; }
  const ListenerState& listener_state() const { return listener_; }

  // plugins::Stream.
  absl::string_view Capture(absl::string_view name) const override;
  const plugins::ConsumerTable& consumers() const override;
  void Reply(const plugins::LocalReply& reply) override;
  void Resume() override;
  void SetTimer(int64_t delay_ns, TimerFn then, void* state) override;
  int64_t now_ns() const override { return worker_.io.loop.now_ns(); }
  uint64_t Random() override { return worker_.random.Next(); }

  // http::ServerStreamEvents.
  http::RequestHead& request_head() override { return request_; }
  void OnRequestTarget(absl::string_view target) override;
  void OnRequestHead(bool end) override;
  void OnBadRequest(const http::LocalError& error) override;
  bool TakesPipes() const override;
  void OnRequestBody(net::Buffer&& body) override;
  void OnRequestEnd(const http::HeaderMap* trailers) override;
  void OnClientReset(http::ResetReason reason, const http::LocalError* error) override;
  void OnSendRoom() override;
  size_t held_bytes() const override;

 private:
  enum class Stage : uint8_t { kHead, kCollecting, kUpstream, kHolding, kResponding, kDone };
  // Where a plugin stopped the walk.
  enum class Hook : uint8_t {
    kNone,
    kRequestHead,
    kRequestBody,
    kRequestTrailers,
    kResponseHead,
    kResponseBody,
    kResponseTrailers,
  };

  Exchange(Worker& worker, ListenerState& listener, http::ServerStream& client, net::Block* block,
           char* arena_begin, char* arena_end);

  // Attempt::Owner.
  http::Arena& attempt_arena() override { return arena_; }
  void OnAttemptReady(Attempt& attempt) override;
  void OnAttemptInput() override;
  void OnAttemptInformational(http::ResponseHead& head, Attempt& attempt) override;
  void OnAttemptHead(http::ResponseHead& head, bool end, Attempt& attempt) override;
  bool TakesPipesOf(const Attempt& attempt) const override;
  void OnAttemptBody(net::Buffer&& body, Attempt& attempt) override;
  void OnAttemptEnd(const http::HeaderMap* trailers, Attempt& attempt) override;
  void OnAttemptReset(http::ResetReason reason, Attempt& attempt) override;
  void OnAttemptSendRoom(Attempt& attempt) override;

  // Request.
  void NoteTarget();
  Client FindClient(const ListenerRules& rules);
  bool IsMisdirected(const ListenerRules& rules) const;
  bool NormalisePath();
  void FetchAhead();
  bool MatchRoute();
  void ChooseUpstream();
  void AnswerUnmatched();
  void RunRequestHead();
  void ChooseLateChain();
  void AfterRequestHead();
  void PassRequestBody();
  void PassRequestEnd();
  void QueueRequestBody(net::Buffer&& body);
  void PumpRequestBody();
  void PauseClient();
  void ResumeClient();

  // Attempts.
  upstream::Cluster* FindCluster() const;
  std::optional<uint32_t> PickEndpoint(upstream::Cluster& cluster);
  // Of `subset`; null: of all.
  std::optional<uint32_t> PickIn(upstream::Cluster& cluster, const upstream::SubsetChoice* subset,
                                 upstream::PickRequest& request);
  std::optional<uint64_t> RequestHash(const upstream::Cluster& cluster) const;
  void NoteTried(const upstream::Endpoint& endpoint);
  absl::string_view ProxyHeaderFor(const upstream::Settings& settings);
  void StartFirstAttempt();
  void BeginMirrors();
  void StartAttempt(upstream::Permit retry);
  void CannotStart(absl::string_view details);
  absl::string_view AuthorityFor(const upstream::Settings& settings,
                                 const upstream::Endpoint& endpoint) const;
  bool IsDoubtful(const Attempt& attempt) const;
  void SendRequestHead(Attempt& attempt);
  void PumpRequestBody(Attempt& attempt);
  const upstream::RetryPolicy* Policy() const;  // Null: none.
  bool is_grpc() const;
  bool IsAlone(const Attempt& attempt) const;
  bool Retry(Attempt& attempt, const Outcome& outcome);
  bool TakeRetryPermit(upstream::Cluster& cluster, const upstream::RetryPolicy& policy,
                       bool replaces_retry, upstream::Permit& permit);
  void OnTryTimeout(Attempt& attempt);
  void Hedge(Attempt& attempt, const upstream::RetryPolicy& policy);
  void HoldHead(const http::ResponseHead& head, Attempt& attempt);
  void AcceptHeld(bool end);
  void GiveUp(Attempt& attempt);
  void DropAttempts();

  // Upgrades (exchange_tunnel.cc) and CONNECT (exchange_connect.cc).
  bool CheckUpgrade();
  bool is_connect() const { return request_.method_id == http::Method::kConnect; }
  bool CheckConnect();
  bool PrepareConnect(const upstream::Settings& settings);
  void BeginTunnel();
  // What plugins want of the bodies; nothing of a tunnel.
  plugins::BodyMode RequestMode() const {
    return is_tunnel_ ? plugins::BodyMode::None() : chain_.request_body();
  }
  plugins::BodyMode ResponseMode() const {
    return is_local_ || is_tunnel_ ? plugins::BodyMode::None() : chain_.response_body();
  }

  // Response.
  void Accept(http::ResponseHead& head, bool end, Attempt& attempt);
  void OnResponseBody(net::Buffer&& body);
  void OnResponseEnd(const http::HeaderMap* trailers);
  void RunResponseHead();
  void SendResponseHead();
  void PassResponseBody();
  void PassResponseEnd();
  void SendResponseBody(net::Buffer&& body);
  void BlockUpstreamIfNeeded();

  // Ends.
  void ReplyWithReason(absl::string_view details);
  void ReplyLocal(const plugins::LocalReply& reply, absl::string_view proxy_error);
  void SetReplyBody(const plugins::LocalReply& reply);
  void NoteGrpcDeadline();
  void AbortResponse(absl::string_view details);
  void Finish();
  void Record();
  void WriteLog();

  // Time.
  int64_t TotalDeadline() const;
  void ArmTimer();
  void OnTimer();
  bool awaits_response() const {
    return request_passed_ && stage_ == Stage::kUpstream && held_head_ == nullptr;
  }
  int64_t TryDeadline(const Attempt& attempt) const;
  void Touch() { last_move_ns_ = worker_.io.loop.now_ns(); }

  Worker& worker_;
  ListenerState& listener_;
  http::ServerStream& client_;
  net::Block* const block_;
  http::Arena arena_;
  // Before what uses what they pin, so that they go last.
  Pin route_pin_;
  Pin global_pin_;
  plugins::ChainRun chain_;
  const CompiledRoute* route_ = nullptr;
  observe::GroupCells<observe::RouteMetric> route_cells_;  // Found before they are needed.
  const GlobalChain* global_ = nullptr;
  std::shared_ptr<const plugins::Chain> overlay_;  // The late chain, where a consumer has its own.
  match::Table::Ahead ahead_;
  match::MatchResult match_;
  mutable match::Captures* captures_ = nullptr;  // In the arena; read when first asked for.
  AttemptList attempts_;
  Attempt* winner_ = nullptr;  // Whose response the client gets; null before that is known.
  // A gRPC response whose trailers may call for a retry.
  http::ResponseHead* held_head_ = nullptr;
  Attempt* held_by_ = nullptr;
  upstream::Permit retry_permit_;  // Of the retry that is due at retry_at_ns_.
  upstream::Permit wait_permit_;   // Until then.
  int64_t retry_at_ns_ = 0;        // 0: none.
  uint32_t retries_ = 0;           // That the policy asked for.
  uint32_t harmless_retries_ = 0;
  bool wants_fresh_ = false;  // A reused connection was dead: others may be, too.
  uint32_t cluster_slot_ = kNoCluster;
  absl::string_view sticky_cookie_;  // Of the route; to be set with the response; empty: none.
  MirrorFeed mirrors_;
  event::Timer timer_;
  Summary summary_;

  // The request body that has passed the plugins. All of it while it may have to be sent again;
  // else what no attempt has taken.
  net::Buffer body_;
  net::Buffer held_;  // A piece at which a plugin stopped, or the whole while collected.
  const http::HeaderMap* request_trailers_ = nullptr;

  net::Buffer response_held_;  // Likewise for the response.

  uint64_t max_body_bytes_ = UINT64_MAX;
  int64_t last_move_ns_ = 0;
  int64_t grpc_deadline_ns_ = INT64_MAX;  // The caller's, by grpc-timeout.
  // What a plugin waits for; null for nothing.
  struct PluginTimer {
    TimerFn then = nullptr;
    void* state = nullptr;
    int64_t at_ns = 0;
  } plugin_timer_;
  // Of endpoints that are to blame for a failure: kMaxAttempts places in the arena, or null.
  net::Address* tried_ = nullptr;
  uint8_t tried_count_ = 0;
  Stage stage_ = Stage::kHead;
  Hook request_stop_ = Hook::kNone;
  Hook response_stop_ = Hook::kNone;
  bool request_ended_ = false;   // By the client.
  bool request_passed_ = false;  // By the plugins, too.
  bool response_ended_ = false;  // By the upstream.
  bool is_tunnel_ = false;       // An upgrade was granted.
  bool is_replayable_ = true;
  bool is_client_paused_ = false;
  bool is_upstream_paused_ = false;
  bool has_late_ = false;
  bool is_in_hook_ = false;
  bool has_sent_status_ = false;
  std::optional<plugins::LocalReply> pending_reply_;
};

}  // namespace sluice::exchange
