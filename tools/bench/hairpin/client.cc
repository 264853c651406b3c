#include "tools/bench/hairpin/client.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tools/bench/hairpin/message_reader.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr int64_t kSweepNanos = 20'000'000;
constexpr uint32_t kLoopback = 0x7f000000;

}  // namespace

uint64_t ClientTally::failures() const {
  return std::accumulate(failed.begin(), failed.end(), uint64_t{0});
}

// One connection, with at most one request on it.
//
//   idle ── Begin ──▶ busy ── response complete ──▶ idle (or parting, until the peer closes)
//
// Not open is a kind of idle: Begin() opens it.
class Client::Connection final : public Source {
 public:
  Connection(Client& client, uint32_t source)
      : client_(client), source_(source), reader_(MessageReader::Kind::kResponse) {}

  void Begin(absl::string_view request, int64_t due, int64_t now) {
    state_ = State::kBusy;
    unsent_ = request;
    due_ = due;
    begun_ = now;
    reader_.Reset(client_.plan_.is_head());
    if (!transport_.is_open()) {
      ++client_.tally_.connections;
      connected_ = false;
      const ClientOptions& options = client_.options_;
      const uint32_t source = options.connect_per_request ? client_.NextSource() : source_;
      if (!transport_.Connect(options.target, source, client_.loop_, *this)) {
        return Fail(Failure::kConnect);
      }
    }
    Flush();
  }

  void OnEvents(uint32_t events) override {
    if (!transport_.is_open()) return;
    if (!unsent_.empty()) {
      if ((events & EPOLLERR) != 0) return Fail(connected_ ? Failure::kReset : Failure::kConnect);
      Flush();
    }
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read((events & EPOLLRDHUP) != 0);
  }

  void FailIfOlderThan(int64_t moment) {
    if (state_ == State::kBusy && begun_ < moment) Fail(Failure::kTimeout);
  }

 private:
  enum class State { kIdle, kBusy, kParting };

  void Flush() {
    const ssize_t sent = transport_.Send(unsent_);
    if (sent == Transport::kFailed) {
      return Fail(connected_ ? Failure::kReset : Failure::kConnect);
    }
    if (sent == Transport::kBlocked) return;
    connected_ = true;
    unsent_.remove_prefix(static_cast<size_t>(sent));
  }

  void Read(bool ended) {
    static char buffer[kReadBytes];
    while (transport_.is_open()) {
      const ssize_t size = transport_.Receive(buffer, sizeof buffer);
      if (size == Transport::kBlocked) return;
      if (size <= 0) return OnEnd();
      const bool drained = static_cast<size_t>(size) < sizeof buffer && !ended;
      OnData(absl::string_view(buffer, static_cast<size_t>(size)));
      if (drained) return;
    }
  }

  void OnData(absl::string_view data) {
    if (state_ != State::kBusy) return Fail(Failure::kMalformed);
    const size_t used = reader_.Feed(data);
    if (reader_.broken() || used < data.size()) return Fail(Failure::kMalformed);
    if (reader_.done()) Complete();
  }

  void OnEnd() {
    if (state_ == State::kBusy) {
      reader_.Closed();
      if (!reader_.done()) return Fail(Failure::kReset);
      transport_.Close();
      return Complete();
    }
    transport_.Close();
    if (state_ == State::kParting) return Free();
    ++client_.tally_.closed_while_idle;
  }

  void Complete() {
    const ClientOptions& options = client_.options_;
    if (reader_.status() != options.expect_status) return Fail(Failure::kStatus);
    if (reader_.body_bytes() != options.expect_body_bytes) return Fail(Failure::kLength);
    const bool parting = options.connect_per_request || reader_.wants_close();
    client_.OnCompleted(due_);
    if (!parting || !transport_.is_open()) return Free();
    // The proxy closes first, so that the waiting port is not ours.
    state_ = State::kParting;
  }

  void Fail(Failure failure) {
    transport_.Close();
    unsent_ = {};
    state_ = State::kIdle;
    client_.OnFailed(*this, failure);
  }

  void Free() {
    state_ = State::kIdle;
    client_.OnFree(*this);
  }

  Client& client_;
  const uint32_t source_;
  Transport transport_;
  MessageReader reader_;
  State state_ = State::kIdle;
  bool connected_ = false;
  absl::string_view unsent_;
  int64_t due_ = 0;
  int64_t begun_ = 0;
};

Client::Client(Loop& loop, RequestPlan& plan, const ClientOptions& options)
    : loop_(loop), plan_(plan), options_(options) {
  for (size_t i = 0; i < options.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, NextSource()));
    free_.push_back(connections_.back().get());
  }
}

Client::~Client() = default;

void Client::Start() {
  const int64_t now = NowNanos();
  next_due_ = static_cast<double>(now);
  next_sweep_ = now + kSweepNanos;
  if (options_.rate > 0) return;
  while (!free_.empty() && in_flight_ < options_.most_in_flight && !Exhausted()) {
    Connection& connection = *free_.front();
    free_.pop_front();
    Give(connection, now);
  }
}

int64_t Client::Tick(int64_t now) {
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepNanos;
    for (const auto& connection : connections_) {
      connection->FailIfOlderThan(now - options_.timeout_nanos);
    }
    for (Connection* connection : std::exchange(resting_, {})) OnFree(*connection);
  }
  if (options_.rate <= 0) return next_sweep_;
  while (next_due_ <= static_cast<double>(now) && !Exhausted()) {
    const int64_t due = static_cast<int64_t>(next_due_);
    next_due_ += 1e9 / options_.rate;
    if (free_.empty()) {
      queue_.push_back(due);
      tally_.longest_queue = std::max<uint64_t>(tally_.longest_queue, queue_.size());
      continue;
    }
    Connection& connection = *free_.front();
    free_.pop_front();
    Give(connection, due);
  }
  return Exhausted() ? next_sweep_ : std::min(next_sweep_, static_cast<int64_t>(next_due_));
}

void Client::Give(Connection& connection, int64_t due) {
  ++begun_;
  ++in_flight_;
  connection.Begin(plan_.Next(), due, options_.rate > 0 ? NowNanos() : due);
}

void Client::OnCompleted(int64_t due) {
  const int64_t now = NowNanos();
  ++finished_;
  --in_flight_;
  if (now >= window_begin_ && now < window_end_) ++tally_.completed;
  if (due >= window_begin_ && due < window_end_) tally_.latency.Record(now - due);
}

void Client::OnFailed(Connection& connection, Failure failure) {
  ++finished_;
  ++tally_.failed[static_cast<size_t>(failure)];
  --in_flight_;
  // Not at once: a proxy that refuses everything would keep us in a loop.
  resting_.push_back(&connection);
}

void Client::OnFree(Connection& connection) {
  if (!queue_.empty()) {
    const int64_t due = queue_.front();
    queue_.pop_front();
    return Give(connection, due);
  }
  free_.push_back(&connection);
  if (options_.rate > 0 || Exhausted()) return;
  // First in, first out: with fewer in flight than connections, each gets its turn.
  Connection& next = *free_.front();
  free_.pop_front();
  Give(next, NowNanos());
}

uint32_t Client::NextSource() {
  if (options_.source_addresses == 0) return 0;
  last_source_ = last_source_ % options_.source_addresses + 1;
  return kLoopback + last_source_;
}

void Client::OpenWindow(int64_t now) {
  const auto failed = tally_.failed;
  tally_ = ClientTally();
  tally_.failed = failed;
  window_begin_ = now;
  window_end_ = INT64_MAX;
}

void Client::CloseWindow(int64_t now) { window_end_ = now; }

void Client::Stop() {
  stopped_ = true;
  queue_.clear();
}

}  // namespace sluice::hairpin
