// Commits and what proxies say both end in the same two steps: Refresh() works out what is to be
// shown of a proxy, Push() sends what is to be sent next. Neither remembers why it was called, so
// that no order of events leaves a proxy behind.
#include "controlplane/fleet/fleet.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/resource/problem.h"
#include "base/log.h"
#include "controlplane/fleet/node_note.h"

namespace sluice::fleet {
namespace {

// Of what a proxy may make us keep.
constexpr int kMaxProblems = 200;

// How often what depends on time is looked at.
constexpr absl::Duration kTick = absl::Seconds(1);

std::optional<Progress::Outcome> OutcomeOf(v1::Status::Phase phase) {
  switch (phase) {
    case v1::Status::ACTIVE:
      return Progress::Outcome::kActive;
    case v1::Status::DEGRADED:
      return Progress::Outcome::kDegraded;
    case v1::Status::REJECTED:
      return Progress::Outcome::kRejected;
    default:
      return std::nullopt;
  }
}

template <typename Message>
void CutProblems(Message* message) {
  const int excess = message->problems_size() - kMaxProblems;
  if (excess > 0) message->mutable_problems()->DeleteSubrange(kMaxProblems, excess);
}

void CutUnhealthy(v1::Report* report) {
  const int excess = report->unhealthy_size() - kMaxProblems;
  if (excess > 0) report->mutable_unhealthy()->DeleteSubrange(kMaxProblems, excess);
}

std::string FirstProblem(const v1::Status& status) {
  if (status.problems().empty()) return "no reason given";
  return resource::ToString(resource::FromProto(status.problems(0)));
}

}  // namespace

Fleet::Fleet(store::Ledger& ledger, loop::Loop& loop, Options options)
    : ledger_(ledger),
      loop_(loop),
      options_(options),
      feeds_(options.remembered),
      waits_(ForWaits()),
      debounce_(options.debounce),
      push_timer_(loop, [this] { PushAll(); }),
      tick_timer_(loop, [this] { OnTick(); }),
      disk_(loop.clock()),
      notes_(ledger, loop, disk_, [this](const std::string& name) { return NoteOf(name); }) {}

Fleet::~Fleet() {
  subscription_.reset();
  disk_.Stop();
}

std::string Fleet::NoteOf(const std::string& name) const {
  const auto it = nodes_.find(name);
  return it == nodes_.end() ? "" : EncodeNote(it->second, loop_.clock().Now());
}

void Fleet::Remember(const std::vector<store::ProxyNote>& notes) {
  const absl::Time now = loop_.clock().Now();
  for (const store::ProxyNote& note : notes) {
    std::optional<Node> node = DecodeNote(note.bytes, now);
    if (!node.has_value()) {
      LOG(WARNING) << "node " << note.node << ": what was remembered of it cannot be read";
      continue;
    }
    // It was connected: since when it is gone is news.
    if (node->gone_at == now) notes_.Mark(note.node);
    nodes_[note.node] = *std::move(node);
  }
}

absl::Status Fleet::Start() {
  const absl::StatusOr<std::vector<store::ProxyNote>> notes = ledger_.ProxyNotes();
  if (!notes.ok()) return notes.status();
  Mutex mu;
  CondVar started;
  bool is_started = false;
  const auto take_in = [this, &notes, &mu, &started, &is_started](const store::CommitEvent& event) {
    Remember(*notes);
    head_ = event.generation();
    head_time_ = absl::UnixEpoch();  // When it was committed is not known any more.
    feeds_.Start(*event.state);
    tick_timer_.Arm(kTick);
    MutexLock lock(mu);
    is_started = true;
    started.Signal();
  };
  // The first event is the start, for which this function waits: what it refers to is alive then.
  subscription_ = ledger_.Subscribe([this, &take_in](const auto& event) {
    if (event->is_start) {
      loop_.Post([&take_in, event] { take_in(*event); });
    } else {
      loop_.Post([this, event] { OnCommit(*event); });
    }
  });
  MutexLock lock(mu);
  while (!is_started) started.Wait(mu);
  return absl::OkStatus();
}

// Commits.

void Fleet::OnCommit(const store::CommitEvent& event) {
  std::vector<std::shared_ptr<const Members>> concerned = feeds_.Follow(event);
  const bool is_new_number = event.generation().number != head_.number;
  head_ = event.generation();
  head_time_ = event.record.time;
  // Before anybody waits for it: nobody's state may be of the commit before.
  for (auto& [link, session] : sessions_) Refresh(*session, false);
  if (is_new_number) waits_.OnCommit(head_.number, std::move(concerned));
  const absl::Duration pause = debounce_.OnChange(Now());
  if (pause <= absl::ZeroDuration()) {
    PushAll();
  } else {
    push_timer_.Arm(pause);
  }
}

void Fleet::PushAll() {
  debounce_.OnSent();
  push_timer_.Disarm();
  for (auto& [link, session] : sessions_) Push(*session);
}

void Fleet::Push(Session& session) {
  if (debounce_.is_waiting() || !IsReadable(session)) return;
  std::optional<Generation> from = session.progress.held();
  switch (session.progress.Decide(TargetOf(session), session.node.rejections, Now())) {
    case Progress::Next::kNothing:
    case Progress::Next::kWait:
    case Progress::Next::kRejected:
      return;
    case Progress::Next::kAhead:
      RaiseEpoch(from->id.epoch);
      return;
    case Progress::Next::kFull:
      from.reset();
      break;
    case Progress::Next::kDelta:
      if (AwaitsRecall(session, *from)) return;
      break;
  }
  const std::shared_ptr<const Update> update = session.view.feed.UpdateTo(head_, head_time_, from);
  ++(update->step.from.has_value() ? stats_.delta_updates : stats_.full_updates);
  stats_.update_bytes += update->bytes;
  session.progress.OnSent(update->step.to, Now());
  session.update_committed_at = head_time_;
  session.is_slow = false;
  session.node.resync_reason.clear();
  session.link.Send(update);
}

bool Fleet::AwaitsRecall(Session& session, const Generation& held) {
  if (session.is_recalling) return true;
  const uint64_t number = held.id.number;
  const bool may_be_kept = number > 0 && number < head_.number;
  if (!may_be_kept || session.recalled_from != 0) return false;
  if (session.view.feed.Remembers(held.view_hash)) return false;
  session.recalled_from = number;
  session.is_recalling = true;
  recalls_[session.node.identity.groups].insert(number);
  StartRecall();
  return true;
}

void Fleet::StartRecall() {
  if (is_recalling_ || recalls_.empty()) return;
  is_recalling_ = true;
  auto next = recalls_.extract(recalls_.begin());
  disk_.Post(
      [this, groups = std::move(next.key()), from = std::move(next.mapped()), to = head_.number] {
        std::vector<Feed::PastStep> steps = Recall(ledger_, groups, from, to);
        loop_.Post([this, groups, from, steps = std::move(steps)]() mutable {
          OnRecalled(groups, from, std::move(steps));
        });
      });
}

void Fleet::OnRecalled(const std::vector<std::string>& groups, const std::set<uint64_t>& from,
                       std::vector<Feed::PastStep> steps) {
  is_recalling_ = false;
  if (Feeds::Entry* view = feeds_.Find(groups); view != nullptr) {
    view->feed.Learn(std::move(steps));
    for (auto& [link, session] : sessions_) {
      if (&session->view != view || !from.contains(session->recalled_from)) continue;
      session->is_recalling = false;
      Push(*session);
      Refresh(*session, false);
    }
  }
  StartRecall();
}

void Fleet::RaiseEpoch(uint64_t above) {
  if (is_raising_ || above < raised_to_) return;
  is_raising_ = true;
  ++stats_.epoch_raises;
  LOG(WARNING) << "a proxy holds more than this store, which must have been restored: raising the "
                  "epoch above "
               << above;
  disk_.Post([this, above] {
    const absl::StatusOr<store::GenerationId> raised = ledger_.RaiseEpoch(above + 1);
    if (!raised.ok()) {
      LOG(ERROR) << "cannot raise the epoch: " << raised.status().message();
    }
    loop_.Post([this, epoch = raised.ok() ? raised->epoch : 0] {
      is_raising_ = false;  // If it failed, the tick tries again.
      raised_to_ = std::max(raised_to_, epoch);
    });
  });
}

// Streams.

void Fleet::OnMessage(ProxyLink& link, v1::ProxyMessage message) {
  const auto it = sessions_.find(&link);
  if (it == sessions_.end()) {
    if (message.has_hello()) return Connect(link, message.hello());
    ++stats_.refused_invalid;
    return link.Close(absl::InvalidArgumentError("the first message must be hello"));
  }
  Session& session = *it->second;
  session.node.heard_at = loop_.clock().Now();
  switch (message.message_case()) {
    case v1::ProxyMessage::kStatus:
      return OnStatus(session, std::move(*message.mutable_status()));
    case v1::ProxyMessage::kResync:
      return OnResync(session, message.resync());
    case v1::ProxyMessage::kReport:
      return OnReport(session, std::move(*message.mutable_report()));
    case v1::ProxyMessage::kAnswer:
      return pages_.OnAnswer(link, std::move(*message.mutable_answer()));
    case v1::ProxyMessage::kHello:
      Disconnect(session, "a second hello");
      return link.Close(absl::InvalidArgumentError("hello comes once, as the first message"));
    case v1::ProxyMessage::MESSAGE_NOT_SET:
      return;  // Of a later version.
  }
}

void Fleet::OnClosed(ProxyLink& link) {
  const auto it = sessions_.find(&link);
  if (it != sessions_.end()) Disconnect(*it->second, "its stream has ended");
}

void Fleet::OnStatus(Session& session, v1::Status status) {
  Node& node = session.node;
  CutProblems(&status);
  const std::optional<Generation> generation =
      FromOptional(status.has_generation(), status.generation());
  const std::optional<Progress::Outcome> outcome = OutcomeOf(status.phase());
  if (generation.has_value() && outcome.has_value()) {
    const bool was_awaited = session.progress.OnStatus(*generation, *outcome);
    CountOutcome(session, status, was_awaited);
    if (*outcome == Progress::Outcome::kRejected) {
      node.rejections.Add(generation->view_hash);
      notes_.Mark(node.identity.node);
      LOG(WARNING) << "node " << node.identity.node << ": rejected generation "
                   << generation->id.number << ": " << FirstProblem(status);
    } else {
      node.active = generation;
      node.is_degraded = *outcome == Progress::Outcome::kDegraded;
    }
  }
  node.last_status = std::move(status);
  Push(session);
  Refresh(session, true);
  NotifyEvent(node, v1::ProxyEvent::STATUS, &node.last_status, "");
}

void Fleet::CountOutcome(const Session& session, const v1::Status& status, bool was_awaited) {
  if (status.phase() == v1::Status::REJECTED) {
    ++stats_.rejected;
    return;
  }
  ++(status.phase() == v1::Status::ACTIVE ? stats_.active : stats_.degraded);
  // Whoever connected after the commit would tell how long it was away.
  if (!was_awaited || session.update_committed_at <= session.joined_at) return;
  stats_.commit_to_active.Add(loop_.clock().Now() - session.update_committed_at);
}

void Fleet::OnResync(Session& session, const v1::Resync& resync) {
  ++stats_.resyncs;
  LOG(WARNING) << "node " << session.node.identity.node
               << ": asked for a full update: " << resync.reason();
  session.progress.OnResync(Now());
  session.node.resync_reason = resync.reason().empty() ? "no reason given" : resync.reason();
  Push(session);
  Refresh(session, true);
}

void Fleet::OnReport(Session& session, v1::Report report) {
  Node& node = session.node;
  CutProblems(&report);
  CutUnhealthy(&report);
  node.active = FromOptional(report.has_active(), report.active());
  node.persisted = FromOptional(report.has_persisted(), report.persisted());
  session.progress.OnReport(node.active);
  node.report = std::move(report);
  Push(session);
  Refresh(session, true);
}

// What is shown.

void Fleet::Refresh(Session& session, bool has_changed) {
  Node& node = session.node;
  const v1::ProxyStatus::State state = StateOf(session);
  Generation target = TargetOf(session);
  const bool is_behind = node.active != target;
  if (!is_behind) {
    node.behind_since.reset();
  } else if (!node.behind_since.has_value()) {
    node.behind_since = loop_.clock().Now();
  }
  if (state != node.state || target != node.target) has_changed = true;
  node.state = state;
  node.target = std::move(target);
  if (has_changed) Notify(node.identity.node);
}

v1::ProxyStatus::State Fleet::StateOf(Session& session) {
  if (!IsReadable(session)) return v1::ProxyStatus::HELD;
  if (session.is_slow) return v1::ProxyStatus::SLOW;
  const Node& node = session.node;
  switch (session.progress.Decide(TargetOf(session), node.rejections, Now())) {
    case Progress::Next::kNothing:
      return node.is_degraded || !node.report.problems().empty() ? v1::ProxyStatus::DEGRADED
                                                                 : v1::ProxyStatus::ACTIVE;
    case Progress::Next::kRejected:
      return v1::ProxyStatus::REJECTED;
    default:
      return v1::ProxyStatus::PENDING;
  }
}

bool Fleet::IsReadable(Session& session) {
  const View& view = session.view.feed.view();
  if (session.checked_needs == view.needs_version()) return session.is_readable;
  Node& node = session.node;
  session.checked_needs = view.needs_version();
  node.needed_schema = view.schema();
  node.missing_plugins = view.PluginsBeyond(node.identity.plugins);
  session.is_readable = node.identity.schema >= view.schema() && node.missing_plugins.empty();
  return session.is_readable;
}

void Fleet::OnTick() {
  tick_timer_.Arm(kTick);
  const absl::Time now = Now();
  pages_.OnTick(now);
  notes_.Retry();
  for (auto& [link, session] : sessions_) {
    const bool is_late = session->progress.under_way().has_value() &&
                         now - session->progress.sent_at() >= options_.slow_after;
    if (is_late && !session->is_slow) ++stats_.slow;
    session->is_slow = is_late;
    Push(*session);
    Refresh(*session, false);
  }
  const absl::Time wall = loop_.clock().Now();
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    const Node& node = it->second;
    const bool is_over = node.gone_at.has_value() && wall - *node.gone_at >= options_.gone_for;
    const std::string name = it->first;
    it = is_over ? nodes_.erase(it) : std::next(it);
    if (!is_over) continue;
    notes_.Mark(name);
    Notify(name);
  }
  // A duplicate tries again within one and a half pauses.
  for (auto& [node, duplicates] : duplicates_) {
    std::erase_if(duplicates, [&](const auto& entry) {
      return wall - entry.second.seen_at > 2 * options_.duplicate_pause;
    });
  }
  std::erase_if(duplicates_, [](const auto& entry) { return entry.second.empty(); });
  feeds_.DropUnused(now - options_.view_kept_for);
}

Generation Fleet::TargetOf(const Session& session) const {
  return {head_, session.view.feed.view().hash()};
}

absl::Time Fleet::Now() const { return absl::FromUnixNanos(loop_.clock().MonotonicNanos()); }

}  // namespace sluice::fleet
