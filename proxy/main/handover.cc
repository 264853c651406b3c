#include "proxy/main/handover.h"

#include <memory>
#include <utility>

#include "base/log.h"

namespace sluice::main {
namespace {

// A change that is being applied is waited for: at most so long together.
constexpr int64_t kRetryNs = 10'000'000;
constexpr int kMaxTries = 1000;

}  // namespace

Handover::Handover(event::Loop& loop, net::Fd listening, Parts parts,
                   std::function<void(int)> on_left)
    : loop_(loop),
      parts_(std::move(parts)),
      on_left_(std::move(on_left)),
      retry_timer_(loop.timers(), &event::Timer::Call<Handover, &Handover::TryFreeze>, this),
      predecessor_(loop, std::move(listening), *this) {}

void Handover::PrepareToLeave(Ready ready) {
  if (parts_.client != nullptr) parts_.client->Stop();
  if (parts_.file != nullptr) parts_.file->Pause();
  ready_ = std::move(ready);
  tries_ = 0;
  TryFreeze();
}

void Handover::TryFreeze() {
  parts_.build.PostFromAnyThread([this] {
    auto all = std::make_shared<Inheritance>();
    const absl::Status status = Freeze(*all);
    loop_.PostFromAnyThread([this, status, all] { OnFrozen(status, std::move(*all)); });
  });
}

absl::Status Handover::Freeze(Inheritance& all) {
  server::Publisher& publisher = parts_.build.publisher();
  if (publisher.is_publishing()) return absl::UnavailableError("a change is being applied");
  if (parts_.keeper != nullptr) {
    if (absl::Status status = parts_.keeper->LetGo(); !status.ok()) return status;
  }
  publisher.Freeze();
  for (const server::GivenSocket& socket : publisher.supply().given()) {
    all.given.push_back({socket.name, socket.address, net::Duplicate(socket.fd.get())});
  }
  for (runtime::TicketBook::Keys& keys : parts_.build.tickets().Copy()) {
    all.tickets.push_back({std::move(keys.listener), std::move(keys.keys)});
  }
  return absl::OkStatus();
}

void Handover::OnFrozen(const absl::Status& status, Inheritance all) {
  if (status.ok()) return CollectSockets(std::move(all));
  if (absl::IsUnavailable(status) && ++tries_ < kMaxTries) {
    return retry_timer_.SetAt(loop_.now_ns() + kRetryNs);
  }
  GoOn();
  ready_(status);
}

void Handover::CollectSockets(Inheritance all) {
  struct Collected {
    size_t left;
    Inheritance all;
  };
  all.lock = net::Duplicate(parts_.directory.lock_fd());
  all.admin_address = parts_.admin_listen;
  all.admin = parts_.admin.DuplicateSocket();
  all.generation = parts_.state.generation;
  auto collected = std::make_shared<Collected>(Collected{parts_.workers.size(), std::move(all)});
  for (server::Worker* worker : parts_.workers) {
    worker->DuplicateSocketsFromAnyThread(
        [this, collected](std::vector<server::NewSocket> sockets) {
          auto mine = std::make_shared<std::vector<server::NewSocket>>(std::move(sockets));
          loop_.PostFromAnyThread([this, collected, mine] {
            for (server::NewSocket& socket : *mine) {
              collected->all.listeners.push_back({socket.address, std::move(socket.sockets.fds)});
            }
            if (--collected->left == 0) ready_(std::move(collected->all));
          });
        });
  }
}

void Handover::Stay() {
  parts_.build.PostFromAnyThread([this] {
    if (parts_.keeper != nullptr) parts_.keeper->TakeBack();
    parts_.build.publisher().Thaw();
  });
  GoOn();
}

void Handover::GoOn() {
  if (parts_.client != nullptr) parts_.client->Resume();
  if (parts_.file != nullptr) parts_.file->Resume();
}

}  // namespace sluice::main
