#include "controlplane/fleet/waits.h"

#include <algorithm>
#include <utility>

namespace sluice::fleet {
namespace {

// Commits that are remembered. Their member lists are shared as long as nobody comes or goes.
constexpr size_t kRemembered = 4096;

enum class Outcome { kPending, kActive, kDegraded, kRejected, kHeld, kDisconnected };

Outcome OutcomeOf(const Node* node, uint64_t generation, const store::GenerationId& head) {
  if (node == nullptr || node->gone_at.has_value()) return Outcome::kDisconnected;
  const bool has_it = node->active.has_value() && node->active->id.store_id == head.store_id &&
                      node->active->id.epoch == head.epoch && node->active->id.number >= generation;
  if (has_it) {
    return node->is_degraded ? Outcome::kDegraded : Outcome::kActive;
  }
  if (node->state == v1::ProxyStatus::REJECTED) return Outcome::kRejected;
  if (node->state == v1::ProxyStatus::HELD) return Outcome::kHeld;
  return Outcome::kPending;
}

}  // namespace

class Waits::Entry final : public Waits::Wait {
 public:
  Entry(Waits& waits, uint64_t generation, std::vector<std::string> groups,
        std::function<void()> on_change)
      : waits_(waits),
        generation_(generation),
        groups_(std::move(groups)),
        on_change_(std::move(on_change)) {
    waits_.waits_.insert(this);
  }
  ~Entry() override { waits_.waits_.erase(this); }

  // Learns whom it waits for, if that is known by now.
  bool Resolve() {
    if (is_committed_) return false;
    const std::optional<Members> concerned = waits_.Concerned(generation_);
    if (!concerned.has_value()) return false;
    is_committed_ = true;
    for (const std::string& name : *concerned) {
      const Node* node = waits_.fleet_.find(name);
      // Of a node that was forgotten the groups are not known: it was in the view that changed.
      if (node != nullptr && !IsInGroups(node->identity.groups, groups_)) continue;
      outcomes_[name] = Outcome::kPending;
      ++pending_;
    }
    for (auto& [name, outcome] : outcomes_) Update(name, &outcome);
    return true;
  }

  bool OnNode(const std::string& name) {
    const auto it = outcomes_.find(name);
    return it != outcomes_.end() && Update(name, &it->second);
  }

  void NotifyChange() { on_change_(); }

  v1::WaitForGenerationResponse Describe(bool is_over) const override {
    v1::WaitForGenerationResponse response;
    response.set_generation(generation_);
    response.set_total(static_cast<uint32_t>(outcomes_.size()));
    response.set_done(is_over);
    uint32_t active = 0;
    for (const auto& [name, outcome] : outcomes_) {
      if (outcome == Outcome::kActive || outcome == Outcome::kDegraded) ++active;
      v1::ProxyStatus* status = ListOf(outcome, is_over, &response);
      if (status == nullptr) continue;
      const Node* node = waits_.fleet_.find(name);
      if (node != nullptr) *status = ToProto(*node, waits_.fleet_.now());
      status->set_node(name);
    }
    response.set_active(active);
    return response;
  }

  bool is_committed() const override { return is_committed_; }
  bool is_done() const override { return is_committed_ && pending_ == 0; }

 private:
  bool Update(const std::string& name, Outcome* outcome) {
    const Outcome now = OutcomeOf(waits_.fleet_.find(name), generation_, waits_.fleet_.head());
    if (now == *outcome) return false;
    if (*outcome == Outcome::kPending) --pending_;
    if (now == Outcome::kPending) ++pending_;
    *outcome = now;
    return true;
  }

  // A new place in the list of the outcome; null if it has none. Until it is over, pending proxies
  // stand in no list: a thousand of them in each message would cost a million.
  static v1::ProxyStatus* ListOf(Outcome outcome, bool is_over,
                                 v1::WaitForGenerationResponse* response) {
    switch (outcome) {
      case Outcome::kActive:
        return nullptr;
      case Outcome::kDegraded:
        return response->add_degraded();
      case Outcome::kRejected:
        return response->add_rejected();
      case Outcome::kHeld:
        return response->add_held();
      case Outcome::kDisconnected:
        return response->add_disconnected();
      case Outcome::kPending:
        return is_over ? response->add_late() : nullptr;
    }
    return nullptr;
  }

  Waits& waits_;
  const uint64_t generation_;
  const std::vector<std::string> groups_;
  const std::function<void()> on_change_;
  bool is_committed_ = false;
  std::map<std::string, Outcome> outcomes_;
  size_t pending_ = 0;
};

Waits::Waits(Fleet fleet) : fleet_(std::move(fleet)) {}

Waits::~Waits() = default;

std::unique_ptr<Waits::Wait> Waits::Begin(uint64_t generation, std::vector<std::string> groups,
                                          std::function<void()> on_change) {
  auto wait = std::make_unique<Entry>(*this, generation, std::move(groups), std::move(on_change));
  wait->Resolve();
  return wait;
}

void Waits::OnCommit(uint64_t generation, std::vector<std::shared_ptr<const Members>> concerned) {
  // Numbers go up by one; anything else would be another timeline.
  if (!commits_.empty() && commits_.back().generation + 1 != generation) commits_.clear();
  commits_.push_back({generation, std::move(concerned)});
  if (commits_.size() > kRemembered) commits_.pop_front();
  for (Entry* wait : waits_) {
    if (wait->Resolve()) wait->NotifyChange();
  }
}

void Waits::OnNode(const std::string& node) {
  for (Entry* wait : waits_) {
    if (wait->OnNode(node)) wait->NotifyChange();
  }
}

std::optional<Members> Waits::Concerned(uint64_t generation) const {
  if (generation > fleet_.head().number) return std::nullopt;
  if (commits_.empty() || generation < commits_.front().generation) return fleet_.connected();
  const Commit& commit = commits_[generation - commits_.front().generation];
  Members all;
  for (const auto& members : commit.concerned) {
    all.insert(all.end(), members->begin(), members->end());
  }
  return all;
}

}  // namespace sluice::fleet
