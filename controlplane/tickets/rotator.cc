#include "controlplane/tickets/rotator.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::tickets {
namespace {

using resource::Kind;

constexpr absl::Duration kInterval = absl::Seconds(1);

bool AnyHasTls(const store::State& state) {
  const resource::Key first{Kind::kListener, "", ""};
  for (auto it = state.resources.LowerBound(first); it != state.resources.end(); ++it) {
    if ((*it)->key.kind != Kind::kListener) break;
    v1::Resource resource;
    if (resource.ParseFromString((*it)->bytes) && resource.listener().has_tls()) return true;
  }
  return false;
}

}  // namespace

Rotator::Rotator(store::Ledger& ledger, const Clock& clock, const Schedule& schedule)
    : ledger_(ledger), clock_(clock), schedule_(schedule), loop_(clock), timer_(loop_, [this] {
        Tick();
      }) {
  subscription_ = ledger_.Subscribe([this](const std::shared_ptr<const store::CommitEvent>& event) {
    loop_.Post([this, event] { OnCommit(*event); });
  });
}

Rotator::~Rotator() {
  subscription_ = nullptr;
  loop_.Stop();
}

void Rotator::OnCommit(const store::CommitEvent& event) {
  const bool may_change =
      event.is_start || std::any_of(event.resources.begin(), event.resources.end(),
                                    [](const store::ResourceChange& change) {
                                      return change.key().kind == Kind::kListener;
                                    });
  if (!may_change) return;
  is_wanted_ = AnyHasTls(*event.state);
  Tick();
}

void Rotator::Tick() {
  timer_.Arm(kInterval);
  if (!is_wanted_) return;
  const std::shared_ptr<const store::State> state = ledger_.state();
  Keyring keyring;
  if (state->tickets != nullptr) {
    absl::StatusOr<Keyring> stored = Keyring::Decode(state->tickets->bytes);
    if (stored.ok()) {
      keyring = *std::move(stored);
    } else {
      // Sessions are lost, and that is all: better than none ever again.
      LOG(ERROR) << stored.status().message() << ": new ones are made";
    }
  }
  if (!keyring.IsDue(clock_.Now(), schedule_)) return;
  store::CommitMeta meta;
  meta.author = "sluice";
  meta.message = keyring.secrets().empty() ? "ticket keys made" : "ticket keys rotated";
  const auto committed =
      ledger_.SetTicketKeys(keyring.Rotated(clock_.Now(), schedule_).Encode(), std::move(meta));
  if (!committed.ok()) {
    LOG(ERROR) << "cannot rotate ticket keys: " << committed.status().message();
  }
}

}  // namespace sluice::tickets
