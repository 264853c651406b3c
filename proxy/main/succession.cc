#include "proxy/main/succession.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "proxy/main/state_sockets.h"

namespace sluice::main {
namespace {

using server::handover::Successor;

// For each message of the one before: it may have to apply a change first.
constexpr int kPatienceSeconds = 30;
constexpr int64_t kNamesNs = 5'000'000'000;
// A process may be about to end, or about to listen, having taken over itself.
constexpr int kConnectTries = 50;
constexpr useconds_t kConnectPauseMicros = 100'000;

}  // namespace

absl::StatusOr<Succession::Begun> Succession::Begin(const std::string& state_dir) {
  absl::Status why;
  for (int i = 0; i < kConnectTries; ++i) {
    if (i > 0) usleep(kConnectPauseMicros);
    absl::StatusOr<std::unique_ptr<sync::StateDirectory>> free =
        sync::StateDirectory::Open(state_dir);
    if (free.ok()) return Begun{*std::move(free), nullptr};
    if (!absl::IsFailedPrecondition(free.status())) return free.status();
    const absl::StatusOr<int> fd = sync::StateDirectory::Connect(state_dir, kHandoverSocket);
    if (!fd.ok()) {
      why = absl::FailedPreconditionError(absl::StrCat(
          free.status().message(), ", which does not hand over: ", fd.status().message()));
      continue;
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Successor> successor,
                     Successor::Take(net::Fd(*fd), kPatienceSeconds));
    ASSIGN_OR_RETURN(
        std::unique_ptr<sync::StateDirectory> directory,
        sync::StateDirectory::Inherit(state_dir, successor->inheritance().lock.release()));
    return Begun{std::move(directory),
                 std::unique_ptr<Succession>(new Succession(std::move(successor)))};
  }
  return why;
}

absl::Status Succession::Start(event::Loop& loop, BuildThread& build, Hooks hooks) {
  loop_ = &loop;
  build_ = &build;
  hooks_ = std::move(hooks);
  server::handover::Inheritance& all = inheritance();
  server::SocketSupply& supply = build.publisher().supply();
  for (auto& listener : all.listeners) supply.Inherit(listener.address, std::move(listener.fds));
  for (server::GivenSocket& given : all.given) supply.Give(std::move(given));
  for (auto& tickets : all.tickets) {
    build.tickets().Inherit({std::move(tickets.listener), std::move(tickets.keys)});
  }
  build.publisher().Hold();
  return successor_->Start(loop, *this);
}

void Succession::OnReady(bool waits_for_names) {
  if (is_opening_ || names_timer_ != nullptr) return;
  if (!waits_for_names) return Open();
  names_timer_ = std::make_unique<event::Timer>(
      loop_->timers(), &event::Timer::Call<Succession, &Succession::Open>, this);
  names_timer_->SetAt(loop_->now_ns() + kNamesNs);
}

void Succession::OnNothing() {
  is_opening_ = true;
  build_->PostFromAnyThread([build = build_] { build->publisher().Open([](const auto&) {}); });
  successor_->Confirm();
}

void Succession::OnNamesResolved() {
  if (names_timer_ != nullptr && !is_opening_) Open();
}

void Succession::Open() {
  if (std::exchange(is_opening_, true)) return;
  if (names_timer_ != nullptr) names_timer_->Cancel();
  // Behind what the names' addresses made of the clusters.
  build_->PostFromAnyThread([this] {
    build_->Open([this](const Applied& applied) {
      loop_->PostFromAnyThread([this, applied] {
        hooks_.on_open(applied);
        successor_->Confirm();
      });
    });
  });
}

}  // namespace sluice::main
