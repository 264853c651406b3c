// What others ask of the fleet. (What commits and proxies do to it: fleet.cc.)
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/fleet/fleet.h"

namespace sluice::fleet {

class Fleet::ListenerEntry final : public Subscription {
 public:
  ListenerEntry(Fleet& fleet, OnEvent on_event) : fleet_(fleet), on_event_(std::move(on_event)) {
    MutexLock lock(fleet_.listeners_mu_);
    fleet_.listeners_.insert(this);
  }
  ~ListenerEntry() override {
    MutexLock lock(fleet_.listeners_mu_);
    fleet_.listeners_.erase(this);
  }
  void Tell(const v1::ProxyEvent& event) { on_event_(event); }

 private:
  Fleet& fleet_;
  const OnEvent on_event_;
};

class Fleet::WatchEntry final : public Subscription {
 public:
  WatchEntry(Fleet& fleet, OnNode on_node) : fleet_(fleet), on_node_(std::move(on_node)) {
    fleet_.watches_.insert(this);
  }
  ~WatchEntry() override { fleet_.watches_.erase(this); }
  void Tell(const std::string& node) { on_node_(node); }

 private:
  Fleet& fleet_;
  const OnNode on_node_;
};

std::unique_ptr<Subscription> Fleet::Subscribe(OnEvent on_event) {
  return std::make_unique<ListenerEntry>(*this, std::move(on_event));
}

std::unique_ptr<Subscription> Fleet::Watch(OnNode on_node) {
  return std::make_unique<WatchEntry>(*this, std::move(on_node));
}

void Fleet::Notify(const std::string& node) {
  waits_.OnNode(node);
  for (WatchEntry* watch : watches_) watch->Tell(node);
}

void Fleet::NotifyEvent(const Node& node, v1::ProxyEvent::Type type, const v1::Status* status,
                        const std::string& detail) {
  MutexLock lock(listeners_mu_);
  if (listeners_.empty()) return;
  v1::ProxyEvent event;
  event.set_node(node.identity.node);
  event.set_type(type);
  if (status != nullptr) *event.mutable_status() = *status;
  event.set_detail(detail);
  for (ListenerEntry* listener : listeners_) listener->Tell(event);
}

std::vector<Unreadable> Fleet::CannotRead(const Needs& needs) const {
  std::vector<Unreadable> all;
  MutexLock lock(mu_);
  for (const auto& [node, identity] : connected_) {
    if (!IsInGroups(identity.groups, needs.groups)) continue;
    Unreadable one{node, identity.build, identity.schema, {}};
    std::set_difference(needs.plugins.begin(), needs.plugins.end(), identity.plugins.begin(),
                        identity.plugins.end(), std::back_inserter(one.missing_plugins));
    if (identity.schema < needs.schema || !one.missing_plugins.empty()) {
      all.push_back(std::move(one));
    }
  }
  return all;
}

std::vector<v1::ProxyStatus> Fleet::List(const std::vector<std::string>& groups) const {
  std::vector<v1::ProxyStatus> all;
  const absl::Time now = loop_.clock().Now();
  for (const auto& [name, node] : nodes_) {
    if (IsInGroups(node.identity.groups, groups)) all.push_back(ToProto(node, now));
    const auto it = duplicates_.find(name);
    if (it == duplicates_.end()) continue;
    for (const auto& [random, duplicate] : it->second) {
      if (IsInGroups(duplicate.identity.groups, groups)) all.push_back(ToProto(duplicate));
    }
  }
  return all;
}

std::optional<v1::ProxyStatus> Fleet::Find(const std::string& node) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return std::nullopt;
  return ToProto(it->second, loop_.clock().Now());
}

std::unique_ptr<Waits::Wait> Fleet::WaitFor(uint64_t generation, std::vector<std::string> groups,
                                            std::function<void()> on_change) {
  return waits_.Begin(generation, std::move(groups), std::move(on_change));
}

Waits::Fleet Fleet::ForWaits() {
  return {
      .find =
          [this](const std::string& name) {
            const auto it = nodes_.find(name);
            return it == nodes_.end() ? nullptr : &it->second;
          },
      .connected =
          [this] {
            Members names;
            for (const auto& [name, node] : nodes_) {
              if (!node.gone_at.has_value()) names.push_back(name);
            }
            return names;
          },
      .head = [this] { return head_; },
      .now = [this] { return loop_.clock().Now(); },
  };
}

void Fleet::Forget(const std::string& node, OnForgotten on_forgotten) {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) {
    return on_forgotten(
        absl::NotFoundError(absl::StrCat("node \"", node, "\": no proxy of this name is listed")));
  }
  if (!it->second.gone_at.has_value()) {
    return on_forgotten(absl::FailedPreconditionError(absl::StrCat(
        "node \"", node, "\": is connected; only a proxy that is gone can be forgotten")));
  }
  nodes_.erase(it);
  duplicates_.erase(node);
  notes_.Write(node, std::move(on_forgotten));
  Notify(node);
}

absl::Status Fleet::FetchPage(const std::string& node, const std::string& path,
                              std::unique_ptr<PageRelay::Sink> sink) {
  const auto it = session_of_.find(node);
  if (it != session_of_.end()) {
    pages_.Fetch(it->second->link, path, Now(), std::move(sink));
    return absl::OkStatus();
  }
  if (nodes_.count(node) > 0) {
    return absl::UnavailableError(absl::StrCat("node \"", node, "\": is not connected"));
  }
  return absl::NotFoundError(absl::StrCat("node \"", node, "\": no proxy of this name is listed"));
}

void Fleet::AppendMetrics(std::string* out) const {
  Gauges gauges;
  gauges.generation = head_.number;
  gauges.epoch = head_.epoch;
  gauges.views = feeds_.size();
  gauges.backlog = loop_.backlog();
  for (const auto& [name, node] : nodes_) {
    const v1::ProxyStatus::State state =
        node.gone_at.has_value() ? v1::ProxyStatus::DISCONNECTED : node.state;
    ++gauges.proxies_by_state[static_cast<size_t>(state)];
  }
  for (const auto& [name, duplicates] : duplicates_) {
    gauges.proxies_by_state[v1::ProxyStatus::DUPLICATE] += duplicates.size();
  }
  fleet::AppendMetrics(stats_, gauges, out);
}

}  // namespace sluice::fleet
