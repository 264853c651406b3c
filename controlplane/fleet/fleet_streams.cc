// Who comes and goes. (What commits and messages do: fleet.cc.)
#include <random>
#include <utility>

#include "base/log.h"
#include "controlplane/fleet/fleet.h"

namespace sluice::fleet {
namespace {

// Of one node name: what is kept must have an end.
constexpr size_t kMaxDuplicates = 16;

}  // namespace

void Fleet::Shutdown() {
  is_shutting_down_ = true;
  // A thousand proxies that came back in the same moment would cost a core-second; two need not
  // wait for that.
  const absl::Duration spread =
      absl::Milliseconds(500) + absl::Milliseconds(2) * static_cast<int64_t>(sessions_.size());
  std::minstd_rand random(static_cast<uint32_t>(loop_.clock().MonotonicNanos()));
  std::uniform_real_distribution<double> share(0.5, 1.0);
  while (!sessions_.empty()) {
    Session& session = *sessions_.begin()->second;
    ProxyLink& link = session.link;
    Disconnect(session, "the control plane is shutting down");
    SendAway(link, spread * share(random), "shutting down", absl::StatusCode::kUnavailable);
  }
}

void Fleet::Connect(ProxyLink& link, const v1::Hello& hello) {
  if (absl::Status status = CheckHello(hello); !status.ok()) {
    ++stats_.refused_invalid;
    return link.Close(std::move(status));
  }
  if (is_shutting_down_) {
    return SendAway(link, absl::Seconds(1), "shutting down", absl::StatusCode::kUnavailable);
  }
  if (sessions_.size() >= options_.max_proxies) {
    ++stats_.refused_overload;
    return SendAway(link, absl::Seconds(30), "too many proxies are connected",
                    absl::StatusCode::kResourceExhausted);
  }
  Identity identity = IdentityOf(hello, link.peer());
  if (ClaimName(link, identity)) Admit(link, hello, std::move(identity));
}

bool Fleet::ClaimName(ProxyLink& link, const Identity& identity) {
  const auto it = session_of_.find(identity.node);
  auto& duplicates = duplicates_[identity.node];
  duplicates.erase(identity.instance.random);
  if (it != session_of_.end()) {
    Session& holder = *it->second;
    const Identity held_by = holder.node.identity;
    const bool is_same = held_by.instance == identity.instance;
    const bool is_later = identity.instance.IsAfter(held_by.instance);
    const Identity& loser = is_later ? held_by : identity;
    ProxyLink& loser_link = is_same || is_later ? holder.link : link;
    if (&loser_link == &holder.link) Disconnect(holder, "another stream has its node name");
    if (is_same) {
      // It has noticed the end of its stream before we have.
      loser_link.Close(absl::AbortedError("the same process has connected again"));
    } else {
      ++stats_.refused_duplicates;
      LOG(WARNING) << "node " << identity.node << ": two processes have this name, at "
                   << held_by.address << " and " << identity.address << "; the later one stays";
      if (duplicates.size() >= kMaxDuplicates) duplicates.clear();
      duplicates[loser.instance.random] = {loser, loop_.clock().Now()};
      SendAway(loser_link, options_.duplicate_pause,
               "a process of this node name that started later is connected",
               absl::StatusCode::kAlreadyExists);
      Notify(identity.node);
    }
    if (&loser_link == &link) return false;
  }
  if (duplicates.empty()) duplicates_.erase(identity.node);
  return true;
}

void Fleet::Admit(ProxyLink& link, const v1::Hello& hello, Identity identity) {
  const std::string name = identity.node;
  Node& node = nodes_[name];
  if (node.identity.instance != identity.instance) {
    node = Node();
  }
  node.identity = std::move(identity);
  node.connected_at = node.heard_at = loop_.clock().Now();
  node.gone_at.reset();
  node.behind_since.reset();
  node.active = FromOptional(hello.has_active(), hello.active());
  node.persisted = FromOptional(hello.has_persisted(), hello.persisted());
  Feeds::Entry& view = feeds_.Join(node.identity.groups, name);
  auto owned = std::make_unique<Session>(
      Session{link, node, view, Progress(node.active), node.connected_at, absl::InfinitePast()});
  Session& session = *owned;
  sessions_[&link] = std::move(owned);
  session_of_[name] = &session;
  ++stats_.connects;
  notes_.Mark(name);
  {
    MutexLock lock(mu_);
    connected_[name] = node.identity;
  }
  v1::ControlMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  *welcome.mutable_report_interval() = ToProtoDuration(options_.report_interval);
  *welcome.mutable_target() = ToProto(TargetOf(session));
  link.Send(message);
  Push(session);
  Refresh(session, true);
  NotifyEvent(node, v1::ProxyEvent::CONNECTED, nullptr, node.identity.address);
  LOG(INFO) << "node " << name << ": connected from " << node.identity.address;
}

void Fleet::SendAway(ProxyLink& link, absl::Duration pause, const std::string& reason,
                     absl::StatusCode code) {
  v1::ControlMessage message;
  *message.mutable_backoff()->mutable_retry_after() = ToProtoDuration(pause);
  message.mutable_backoff()->set_reason(reason);
  link.Send(message);
  link.Close(absl::Status(code, reason));
}

void Fleet::Disconnect(Session& session, const std::string& why) {
  Node& node = session.node;
  const std::string name = node.identity.node;
  ProxyLink* link = &session.link;
  node.gone_at = loop_.clock().Now();
  if (!node.behind_since.has_value() && node.active != node.target)
    node.behind_since = node.gone_at;
  feeds_.Leave(session.view, name, Now());
  pages_.OnClosed(*link);
  session_of_.erase(name);
  sessions_.erase(link);
  ++stats_.disconnects;
  notes_.Mark(name);
  {
    MutexLock lock(mu_);
    connected_.erase(name);
  }
  Notify(name);
  NotifyEvent(node, v1::ProxyEvent::DISCONNECTED, nullptr, why);
  LOG(INFO) << "node " << name << ": disconnected: " << why;
  ForgetExcess();
}

void Fleet::ForgetExcess() {
  // Names are the proxies' choice: what is kept of those that are gone must have an end.
  if (nodes_.size() <= 2 * options_.max_proxies) return;
  auto oldest = nodes_.end();
  for (auto it = nodes_.begin(); it != nodes_.end(); ++it) {
    if (!it->second.gone_at.has_value()) continue;
    if (oldest == nodes_.end() || it->second.gone_at < oldest->second.gone_at) oldest = it;
  }
  const std::string name = oldest->first;
  nodes_.erase(oldest);
  notes_.Mark(name);
  Notify(name);
}

}  // namespace sluice::fleet
