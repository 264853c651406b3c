// Who is connected, what each proxy holds, and what it is sent next.
//
//   Fleet fleet(ledger, loop, {});
//   RETURN_IF_ERROR(fleet.Start());       // Before the first stream.
//   ... ConfigStreamService feeds it streams, FleetService and Admin ask it.
//
// It believes only what proxies report, and decides nothing about configuration. Who has ever been
// connected and what each has rejected is remembered in the store: after a restart those that are
// gone are still listed, and nothing that was rejected is tried again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "controlplane/fleet/debounce.h"
#include "controlplane/fleet/node.h"
#include "controlplane/fleet/node_notes.h"
#include "controlplane/fleet/page_relay.h"
#include "controlplane/fleet/proxy_link.h"
#include "controlplane/fleet/stats.h"
#include "controlplane/fleet/view/feeds.h"
#include "controlplane/fleet/view/needs.h"
#include "controlplane/fleet/view/recall.h"
#include "controlplane/fleet/waits.h"
#include "controlplane/loop/loop.h"
#include "controlplane/store/ledger.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::fleet {

// Ends when it is destroyed.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// A connected proxy that could not read something.
struct Unreadable {
  std::string node;
  std::string build;
  uint32_t schema = 0;
  std::vector<std::string> missing_plugins;  // None: its schema is too low.
};

// Thread: the loop's, but where a comment says any.
// Lifetime: `ledger` and `loop` outlive it; it is destroyed after loop.Stop().
class Fleet {
 public:
  struct Options {
    absl::Duration report_interval = absl::Seconds(10);
    // An update that takes longer is shown as slow.
    absl::Duration slow_after = absl::Seconds(30);
    // How long nodes that are gone are listed.
    absl::Duration gone_for = absl::Hours(24);
    // When the loser of two processes with one node name is to try again.
    absl::Duration duplicate_pause = absl::Seconds(30);
    // How long the view of a set of groups follows commits without a proxy.
    absl::Duration view_kept_for = absl::Minutes(10);
    size_t max_proxies = 20'000;
    Debounce::Options debounce;
    Feed::Limits remembered;
  };

  Fleet(store::Ledger& ledger, loop::Loop& loop, Options options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Reads what is remembered of proxies and follows the ledger from now on. Returns when the
  // present state has been taken in. Not from the loop's thread.
  // Errors: as Store::ProxyNotes.
  [[nodiscard]] absl::Status Start();

  // Streams.
  void OnMessage(ProxyLink& link, v1::ProxyMessage message);
  // The last that is said of the link.
  void OnClosed(ProxyLink& link);
  // Sends everybody away, for a moment, and whoever comes later too.
  void Shutdown();

  // Thread: any. The connected proxies that could not read a resource with these needs if it came
  // to them; those that are in none of its groups are left out. By node.
  std::vector<Unreadable> CannotRead(const Needs& needs) const;

  // Thread: any. Calls back for what happens to proxies, on the loop's thread: it must not wait,
  // and may not destroy the subscription.
  using OnEvent = std::function<void(const v1::ProxyEvent&)>;
  [[nodiscard]] std::unique_ptr<Subscription> Subscribe(OnEvent on_event);

  // By node; duplicates after those that they duplicate.
  std::vector<v1::ProxyStatus> List(const std::vector<std::string>& groups) const;
  // Unset: it is not listed.
  std::optional<v1::ProxyStatus> Find(const std::string& node) const;

  // Calls back whenever something about a node changes or it is no longer listed.
  using OnNode = std::function<void(const std::string& node)>;
  [[nodiscard]] std::unique_ptr<Subscription> Watch(OnNode on_node);

  // See Waits.
  std::unique_ptr<Waits::Wait> WaitFor(uint64_t generation, std::vector<std::string> groups,
                                       std::function<void()> on_change);

  //   NOT_FOUND            there is no such node
  //   FAILED_PRECONDITION  it is connected
  //   the store's          it is no longer listed, but will be again after a restart before the
  //                        store can be written
  // Calls back at once, or on the loop when a restart will not bring it back.
  using OnForgotten = std::function<void(const absl::Status& status)>;
  void Forget(const std::string& node, OnForgotten on_forgotten);

  //   NOT_FOUND    there is no such node
  //   UNAVAILABLE  it is not connected
  // With OK the sink hears the rest.
  absl::Status FetchPage(const std::string& node, const std::string& path,
                         std::unique_ptr<PageRelay::Sink> sink);

  // Prometheus text format.
  void AppendMetrics(std::string* out) const;

  loop::Loop& loop() { return loop_; }

 private:
  // One stream whose Hello was accepted.
  struct Session {
    ProxyLink& link;
    Node& node;
    Feeds::Entry& view;
    Progress progress;
    absl::Time joined_at;            // Wall time.
    absl::Time update_committed_at;  // Of what is under way.
    bool is_slow = false;
    // The generation whose content is looked for in the history; 0: none yet.
    uint64_t recalled_from = 0;
    bool is_recalling = false;              // Nothing is sent until it is found or not.
    uint64_t checked_needs = ~uint64_t{0};  // View::needs_version() for which `is_readable` holds.
    bool is_readable = true;
  };

  std::string NoteOf(const std::string& name) const;
  // Takes in what was remembered when the last control plane ended.
  void Remember(const std::vector<store::ProxyNote>& notes);
  void OnCommit(const store::CommitEvent& event);
  void OnTick();

  void Connect(ProxyLink& link, const v1::Hello& hello);
  // Whether the stream may have the node name; else it was sent away.
  bool ClaimName(ProxyLink& link, const Identity& identity);
  void Admit(ProxyLink& link, const v1::Hello& hello, Identity identity);
  void SendAway(ProxyLink& link, absl::Duration pause, const std::string& reason,
                absl::StatusCode code);
  // The session is gone after it.
  void Disconnect(Session& session, const std::string& why);
  void ForgetExcess();

  void OnStatus(Session& session, v1::Status status);
  void OnResync(Session& session, const v1::Resync& resync);
  void OnReport(Session& session, v1::Report report);
  void CountOutcome(const Session& session, const v1::Status& status, bool was_awaited);

  // Brings what is shown of the node up to date; tells who watches if `has_changed` or it does so.
  void Refresh(Session& session, bool has_changed);
  v1::ProxyStatus::State StateOf(Session& session);
  bool IsReadable(Session& session);
  // Sends what is to be sent next, if anything and if no burst is being waited for.
  void Push(Session& session);
  void PushAll();
  // Whether what the proxy missed is being looked for in the history: once a stream, where it is
  // not remembered.
  bool AwaitsRecall(Session& session, const Generation& held);
  // One at a time.
  void StartRecall();
  void OnRecalled(const std::vector<std::string>& groups, const std::set<uint64_t>& from,
                  std::vector<Feed::PastStep> steps);
  void RaiseEpoch(uint64_t above);

  Generation TargetOf(const Session& session) const;
  // Of the monotonic clock: only for durations.
  absl::Time Now() const;
  void Notify(const std::string& node);
  void NotifyEvent(const Node& node, v1::ProxyEvent::Type type, const v1::Status* status,
                   const std::string& detail);
  Waits::Fleet ForWaits();

  class ListenerEntry;
  class WatchEntry;

  // Set at construction.
  store::Ledger& ledger_;
  loop::Loop& loop_;
  const Options options_;

  // Loop thread only.
  store::GenerationId head_;
  absl::Time head_time_;
  Feeds feeds_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, std::map<uint64_t, Duplicate>>
      duplicates_;  // By node, by Instance::random.
  absl::flat_hash_map<ProxyLink*, std::unique_ptr<Session>> sessions_;
  absl::flat_hash_map<std::string, Session*> session_of_;  // By node.
  Waits waits_;
  PageRelay pages_;
  Debounce debounce_;
  loop::Timer push_timer_;
  loop::Timer tick_timer_;
  std::set<WatchEntry*> watches_;
  Stats stats_;
  // Generations to be looked for in the history, by the groups of their view.
  std::map<std::vector<std::string>, std::set<uint64_t>> recalls_;
  bool is_recalling_ = false;
  bool is_shutting_down_ = false;
  bool is_raising_ = false;
  uint64_t raised_to_ = 0;  // The epoch that the last raise made; 0: none.

  mutable Mutex mu_;
  std::map<std::string, Identity> connected_ ABSL_GUARDED_BY(mu_);  // By node.

  Mutex listeners_mu_;  // Held while they are told.
  std::set<ListenerEntry*> listeners_ ABSL_GUARDED_BY(listeners_mu_);

  // Last: their callbacks reach all of the above.
  loop::Loop disk_;  // For what waits for the store.
  NodeNotes notes_;
  std::unique_ptr<store::Ledger::Subscription> subscription_;
};

}  // namespace sluice::fleet
