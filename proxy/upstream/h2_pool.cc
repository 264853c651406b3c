#include "proxy/upstream/h2_pool.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

using http::ResetReason;
using http::h2::ClientConnection;

class H2Pool::Member final : private ClientConnection::Owner {
 public:
  Member(H2Pool& pool, net::IoContext& io, net::Transport transport)
      : pool_(pool),
        connection_(io, std::move(transport), /*connecting=*/true, *this,
                    {.scheme = pool.settings_->tls == nullptr ? "http" : "https",
                     .max_streams = pool.settings_->max_streams}),
        timer_(io.loop.timers(), &event::Timer::Call<Member, &Member::OnTimer>, this) {
    connection_.CountOn(pool.traffic_);
  }

  absl::Status Start(int64_t connect_timeout_ns) {
    timer_.SetAt(pool_.io_.loop.now_ns() + connect_timeout_ns);
    return connection_.Start();
  }

  bool is_open() const { return is_open_; }
  bool has_room() const {
    return is_open_ && !connection_.is_full() && !connection_.is_going_away();
  }
  ClientConnection& connection() { return connection_; }
  void StopIdling() { timer_.Cancel(); }
  // From the moment in which it became idle, if it is.
  void ArmIdleTimer() {
    if (!is_open_ || connection_.stream_count() > 0) return;
    timer_.SetAt(idle_since_ns_ + pool_.settings_->idle_timeout_ns);
  }

 private:
  void OnConnected() override {
    is_open_ = true;
    --pool_.opening_;
    pool_.NoteOpened(connection_.secure());
    OnIdle();
    pool_.Serve();
  }
  void OnClosed(ResetReason reason) override { pool_.OnMemberClosed(*this, reason); }
  void OnGoingAway() override {}
  void OnIdle() override {
    if (pool_.is_retired_ && !pool_.has_waiters()) return connection_.Drain();
    idle_since_ns_ = pool_.io_.loop.now_ns();
    ArmIdleTimer();
  }
  void OnCapacity() override { pool_.Serve(); }
  void OnTimer() {
    if (!is_open_) return connection_.Close(ResetReason::kConnectTimeout);
    if (connection_.stream_count() == 0) connection_.Drain();
  }

  H2Pool& pool_;
  ClientConnection connection_;
  event::Timer timer_;
  int64_t idle_since_ns_ = 0;
  bool is_open_ = false;
};

H2Pool::H2Pool(PoolContext& context, Destination destination,
               std::shared_ptr<const Settings> settings)
    : Pool(context, std::move(destination), std::move(settings)),
      traffic_(TrafficOf(context.metrics, *settings_)) {}

H2Pool::~H2Pool() {
  for (size_t left = members_.size(); left > 0; --left) CountClosed();
}

H2Pool::Member* H2Pool::FindRoom() {
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [](const auto& member) { return member->has_room(); });
  return it == members_.end() ? nullptr : it->get();
}

http::ClientStream* H2Pool::Acquire(http::ClientStreamEvents& events, Waiter& waiter, bool) {
  if (Member* member = FindRoom()) {
    if (http::ClientStream* stream = member->connection().NewStream(events)) {
      member->StopIdling();
      return stream;
    }
  }
  // One that is being opened will have room for many.
  if (Enqueue(waiter, events, /*fresh=*/false) && opening_ == 0 && MayOpen(members_.empty()))
    Open();
  return nullptr;
}

void H2Pool::Open() {
  absl::StatusOr<net::Transport> transport = StartConnect();
  if (transport.ok()) {
    auto member = std::make_unique<Member>(*this, io_, *std::move(transport));
    if (member->Start(settings_->connect_timeout_ns).ok()) {
      ++opening_;
      members_.push_back(std::move(member));
      return;
    }
  }
  CountClosed();
  failure_ = absl::IsUnavailable(transport.status()) ? ResetReason::kConnectFailed
                                                     : ResetReason::kOverload;
  failed_start_ = true;
  io_.loop.Schedule(*this, event::Phase::kReady);
}

void H2Pool::Run() {
  if (std::exchange(failed_start_, false)) FailFirst(SIZE_MAX, failure_);
}

void H2Pool::Serve() {
  while (has_waiters()) {
    Member* member = FindRoom();
    if (member == nullptr) {
      if (opening_ == 0 && !failed_start_ && MayOpen(members_.empty())) Open();
      return;
    }
    Waiter* waiter = Dequeue();
    http::ClientStream* stream = member->connection().NewStream(EventsOf(*waiter));
    if (stream == nullptr) return waiter->OnConnectFailed(ResetReason::kPeerClosed);
    member->StopIdling();
    waiter->OnStream(*stream);
  }
}

void H2Pool::OnMemberClosed(Member& member, ResetReason reason) {
  CountClosed();
  const bool was_opening = !member.is_open();
  NoteClosed(member.is_open(), reason, member.connection().secure());
  if (was_opening) --opening_;
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [&](const auto& owned) { return owned.get() == &member; });
  io_.loop.DeleteLater(std::move(*it));
  members_.erase(it);
  if (!was_opening) return Serve();
  // All of them waited for this one.
  FailFirst(SIZE_MAX, reason);
}

void H2Pool::Adopt(std::shared_ptr<const Settings> settings) {
  Pool::Adopt(std::move(settings));
  for (const auto& member : members_) member->ArmIdleTimer();
}

void H2Pool::Retire() {
  is_retired_ = true;
  for (const auto& member : members_) {
    if (member->is_open()) member->connection().Drain();
  }
}

}  // namespace sluice::upstream
