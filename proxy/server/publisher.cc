#include "proxy/server/publisher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace sluice::server {
namespace {

constexpr int64_t kRetryNs = 5'000'000'000;

}  // namespace

Publisher::Publisher(event::Loop& loop, std::vector<Worker*> workers,
                     std::function<void(const std::vector<BindFault>&)> on_faults)
    : loop_(loop),
      workers_(std::move(workers)),
      on_faults_(std::move(on_faults)),
      supply_(workers_.size()),
      fresh_(workers_.size()),
      retry_timer_(loop.timers(), &event::Timer::Call<Publisher, &Publisher::Retry>, this) {}

SocketSupply::Neighbours Publisher::NeighboursOf(const net::Address& address) const {
  const auto is_beside = [&address](const net::Address& own) {
    return own == address || own.Covers(address) || address.Covers(own);
  };
  const bool is_own = std::any_of(bound_.begin(), bound_.end(), is_beside) ||
                      std::any_of(closing_.begin(), closing_.end(), is_beside);
  return is_own ? SocketSupply::Neighbours::kOwn : SocketSupply::Neighbours::kNone;
}

void Publisher::BindAll(const runtime::Snapshot& snapshot) {
  faults_.clear();
  if (is_held_) return;
  absl::flat_hash_set<net::Address> wanted;
  for (const std::shared_ptr<const runtime::ListenerSpec>& spec : snapshot.listeners) {
    wanted.insert(spec->address);
    if (bound_.contains(spec->address)) continue;
    absl::StatusOr<std::vector<ListeningSockets>> sockets =
        supply_.Take(spec->name, spec->address, NeighboursOf(spec->address));
    if (!sockets.ok()) {
      LOG(WARNING) << "listener \"" << spec->name << "\": " << sockets.status().message();
      faults_.push_back({spec->name, std::string(sockets.status().message())});
      continue;
    }
    bound_.insert(spec->address);
    for (size_t i = 0; i < workers_.size(); ++i) {
      fresh_[i].push_back({spec->address, std::move((*sockets)[i])});
    }
    LOG(INFO) << "listener \"" << spec->name << "\": listening on " << spec->address.ToString();
  }
  absl::erase_if(bound_, [&](const net::Address& address) {
    // Workers keep the sockets of an address that another covers from now on.
    const bool stays = wanted.contains(address) ||
                       std::any_of(wanted.begin(), wanted.end(), [&](const net::Address& other) {
                         return other.Covers(address) && bound_.contains(other);
                       });
    if (!stays) closing_.insert(address);
    return !stays;
  });
}

void Publisher::Publish(std::shared_ptr<const runtime::Snapshot> snapshot,
                        std::vector<runtime::ClusterStep> steps, Done done) {
  BindAll(*snapshot);
  snapshot_ = snapshot;
  RetryLater();
  struct Pending {
    size_t left;
    Done done;
    std::vector<BindFault> faults;
  };
  ++publishing_;
  auto pending = std::make_shared<Pending>(Pending{workers_.size(), std::move(done), faults_});
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->ApplyFromAnyThread(snapshot, steps, std::exchange(fresh_[i], {}), [this, pending] {
      loop_.PostFromAnyThread([this, pending] {
        if (--pending->left > 0) return;
        if (--publishing_ == 0) closing_.clear();
        pending->done(pending->faults);
      });
    });
  }
}

void Publisher::Open(Done done) {
  is_held_ = false;
  if (snapshot_ == nullptr) return done(faults_);
  Publish(snapshot_, {}, std::move(done));
  supply_.DropInherited();
}

void Publisher::Thaw() { RetryLater(); }

void Publisher::RetryLater() {
  if (faults_.empty()) return retry_timer_.Cancel();
  retry_timer_.SetAt(loop_.now_ns() + kRetryNs);
}

void Publisher::Retry() {
  const std::vector<BindFault> before = faults_;
  Publish(snapshot_, {}, [this, before](const std::vector<BindFault>& faults) {
    if (faults != before) on_faults_(faults);
  });
}

}  // namespace sluice::server
