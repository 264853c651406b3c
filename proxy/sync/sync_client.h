// Keeps the proxy in step with its control plane: connects to one of its addresses, again and
// again, passes updates to the keeper on the build thread and what became of them back, reports,
// and answers queries.
//
//   StateDirectory, ActivationMarker, Keeper   made first; the build thread runs its loop
//   SyncClient client(io, build_loop, keeper, hooks, options);
//   client.Start();                            // boots from disk, then connects
//
// What is held survives every end of a stream: a control plane that comes back and finds its proxy
// current sends nothing. No turn of the control thread does work that grows with an update: it
// moves parts of 256 KiB to the build thread, at most kMaxInFlight of them.
//
// Thread: the control thread's loop.
// Lifetime: everything given to it is there while the loops run. Both have stopped when it is
// destroyed.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/event/loop.h"
#include "proxy/net/address.h"
#include "proxy/net/connection.h"
#include "proxy/sync/back_off.h"
#include "proxy/sync/control_stream.h"
#include "proxy/sync/keeper.h"
#include "proxy/sync/messages.h"

namespace sluice::sync {

// What the client needs of the rest of the proxy, on the control thread.
class ProxyHooks {
 public:
  struct Page {
    uint32_t status = 200;
    std::string content_type = "text/plain";
    std::string body;
  };

  // Addresses of a host name, later, from the loop.
  using OnResolved = absl::AnyInvocable<void(absl::StatusOr<std::vector<net::IpAddress>>)>;
  virtual void Resolve(const std::string& host, OnResolved on_resolved) = 0;

  // The disk was read, and what it held is served, if there was anything.
  virtual void OnBooted(bool /*has_view*/) {}

  // Since the process started, and of the time since the last call.
  virtual Figures CollectFigures() = 0;

  // A page of the read-only admin interface; `path` with its query string. `done` runs now or
  // later.
  virtual void GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) = 0;

 protected:
  ~ProxyHooks() = default;
};

class SyncClient final : private ControlStream::Events, private KeeperEvents {
 public:
  // Bytes of updates that may wait for the build thread.
  static constexpr size_t kMaxInFlight = 4 * 1024 * 1024;
  // A stream that was welcome for so long was a success: the next attempt comes soon.
  static constexpr absl::Duration kSuccess = absl::Seconds(10);
  // Most bytes of a page in one message.
  static constexpr size_t kAnswerBytes = 64 * 1024;

  struct Options {
    std::vector<std::string> control_planes;  // HOST:PORT, at least one; CheckAddress() each.
    ControlStream::Secure secure;             // Null: cleartext. Called for each attempt.
    Identity identity;
  };

  // What is known of the control plane, for admin pages and metrics.
  struct State {
    bool is_connected = false;  // A stream is welcome.
    std::string control_plane;  // The one that is connected, or was tried last.
    std::string last_error;     // Why the last stream ended; empty: none did.
    std::optional<Generation> active;
    std::optional<Generation> persisted;
    std::string disk_fault;  // Why the disk holds less than what is active.
  };

  // OK for HOST:PORT with a host name or a numeric address ("[::1]:9400"); else what is wrong.
  static absl::Status CheckAddress(const std::string& address);

  SyncClient(net::IoContext& io, event::Loop& build_loop, Keeper& keeper, ProxyHooks& hooks,
             const Options& options);
  ~SyncClient();
  SyncClient(const SyncClient&) = delete;
  SyncClient& operator=(const SyncClient&) = delete;

  // Once.
  void Start();
  // Ends the stream and connects no more: another process takes this one's place. What the disk
  // holds is booted all the same.
  void Stop();
  // Connects again.
  void Resume();

  const State& state() const { return state_; }

 private:
  // A page on its way.
  struct Answer {
    uint64_t query = 0;
    ProxyHooks::Page page;
    size_t sent = 0;
  };
  struct Target {
    std::string authority;
    net::Address address;
  };

  // ControlStream::Events
  std::string Hello() override;
  void OnWelcome(const Welcome& welcome) override;
  void OnUpdatePart(UpdatePart part) override;
  void OnQuery(const Query& query) override;
  void OnSendRoom() override { SendAnswers(); }
  void OnEnded(const absl::Status& why, std::optional<absl::Duration> retry_after) override;

  // KeeperEvents, on the build thread: each posts its like below.
  void OnBooted(const std::optional<Generation>& active) override;
  void OnPartTaken(size_t bytes) override;
  void OnPhase(const PhaseReport& report) override;
  void OnResync(const std::string& reason) override;
  void OnStaleServer(const std::string& reason) override;
  void OnPersisted(const std::optional<Generation>& persisted, const std::string& fault) override;

  void Booted(const std::optional<Generation>& active);
  void PartTaken(size_t bytes);
  void TellPhase(const PhaseReport& report);
  void NotePhase(const PhaseReport& report);

  // A round tries every address once.
  void BeginRound();
  void TryNext();
  void Resolve(const std::string& address);
  void Dial(const Target& target);
  void Wait(absl::Duration wait);
  void OnFailure(const absl::Status& why);
  void SendIfWelcome(const std::string& message);
  void SendReport();
  void SendAnswers();

  // Set at construction.
  net::IoContext& io_;
  event::Loop& build_loop_;
  Keeper& keeper_;
  ProxyHooks& hooks_;
  const Options options_;

  State state_;
  BackOff back_off_;
  size_t next_address_ = 0;            // Where the next round begins.
  std::deque<std::string> addresses_;  // Of this round, not tried yet.
  std::deque<Target> targets_;         // What the address before them resolved to.
  std::unique_ptr<ControlStream> stream_;
  uint64_t stream_number_ = 0;  // Of the stream, to know late answers by.
  int64_t welcome_at_ns_ = 0;
  absl::flat_hash_set<std::string> logged_;  // Failures of this outage that were told.

  // What stands and every stream must know: why a generation is not served, what is degraded.
  std::optional<PhaseReport> rejected_;
  std::optional<PhaseReport> degraded_;

  size_t in_flight_ = 0;  // Bytes of parts that the build thread has yet to take.
  bool is_paused_ = false;
  std::deque<Answer> answers_;
  absl::Duration report_interval_ = absl::Seconds(10);
  event::Timer report_timer_;
  event::Timer retry_timer_;
  bool is_stopped_ = false;
  bool has_booted_ = false;
};

}  // namespace sluice::sync
