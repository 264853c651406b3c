#include "proxy/stream/relay.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace sluice::stream {
namespace {

using net::ReadStatus;
using observe::ListenerMetric;
using observe::StreamRouteMetric;

// Reads of one side in one turn: then others have theirs.
constexpr int kReadsPerTurn = 4;
// How long a side may take to receive what was on its way when the other one went.
constexpr int64_t kLingerNs = 30'000'000'000;

}  // namespace

Relay::Side::Side(Relay& relay, net::Transport transport, event::Phase phase, bool connecting)
    : relay(relay), connection(relay.worker_.io, std::move(transport), phase, *this, connecting) {}

Relay::Relay(exchange::Worker& worker, net::Transport transport, const net::Address& client,
             uint64_t id, int64_t hello_timeout_ns, Host& host)
    : worker_(worker),
      host_(host),
      client_(*this, std::move(transport), event::Phase::kFlushClient, /*connecting=*/false),
      timer_(worker.io.loop.timers(), &event::Timer::Call<Relay, &Relay::OnTimer>, this),
      client_address_(client),
      id_(id),
      hello_timeout_ns_(hello_timeout_ns),
      start_ns_(worker.io.loop.now_ns()),
      metrics_owner_(host.metrics_owner()),
      listener_metrics_(host.listener_state().metrics) {}

Relay::~Relay() = default;

absl::Status Relay::Start() {
  RETURN_IF_ERROR(client_.connection.Register());
  const Rules* const rules = host_.stream_rules();
  if (rules != nullptr && rules->reads_client_hello) {
    timer_.SetAt(start_ns_ + hello_timeout_ns_);
    return absl::OkStatus();
  }
  if (const net::SecureLayer* secure = client_.connection.secure()) {
    server_name_ = std::string(secure->server_name());
  }
  // Whoever starts it does not expect to be called before it returns.
  worker_.io.loop.Schedule(*this, event::Phase::kReady);
  return absl::OkStatus();
}

void Relay::Run() {
  switch (state_) {
    case State::kHello:
      return ChooseRoute(server_name_);
    case State::kRelaying:
      Pump(client_);
      if (state_ == State::kRelaying) Pump(*server_);
      return;
    default:
      return;
  }
}

size_t Relay::held_bytes() const {
  return client_.connection.queued_bytes() + hello_.size() +
         (server_ == nullptr ? 0 : server_->connection.queued_bytes());
}

void Relay::CloseNow() { End("draining", /*aborts=*/true); }

void Relay::Shed() { End("overload", /*aborts=*/true); }

// --- Bytes ---------------------------------------------------------------------------------------

void Relay::OnReadable(Side& side) {
  switch (state_) {
    case State::kHello:
      // Without a first message to be read the route is chosen first.
      return is_scheduled() ? void() : ReadHello();
    case State::kConnecting:
      if (&side == &client_ && side.connection.has_failed()) {
        End("downstream_disconnected", /*aborts=*/true);
      }
      return;
    case State::kRelaying:
      return Pump(side);
    case State::kClosing:
    case State::kClosed:
      return;
  }
}

void Relay::Pump(Side& from) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (!PumpOnce(from)) return;
  }
  worker_.io.loop.Schedule(*this, event::Phase::kReady);
}

bool Relay::PumpOnce(Side& from) {
  Side& to = Other(from);
  if (from.has_ended || !from.connection.may_be_readable()) return false;
  // Goes on when there is room.
  if (to.is_broken || to.connection.is_above_high_water()) return false;
  const net::ReadResult result = Read(from, to.connection);
  switch (result.status) {
    case ReadStatus::kWouldBlock:
      return false;
    case ReadStatus::kEnd:
      OnEnd(from);
      return false;
    case ReadStatus::kError:
      OnCut(from);
      return false;
    case ReadStatus::kData:
      break;
  }
  CountReceived(from, result.bytes);
  Touch();
  to.connection.FlushSoon();
  return true;
}

net::ReadResult Relay::Read(Side& from, net::Connection& to) {
  if (from.connection.is_bulk() && to.takes_pipes()) {
    const auto piped = from.connection.ReadPiped(UINT64_MAX, to.out());
    if (piped) return *piped;
  }
  const net::BlockRef block = worker_.io.Scratch().Share();
  char* const begin = block->data();
  const net::ReadResult result = from.connection.Read(begin, block->capacity);
  to.out().Append(block, begin, begin + result.bytes);
  return result;
}

void Relay::CountReceived(const Side& from, size_t bytes) {
  const bool is_client = &from == &client_;
  (is_client ? received_bytes_ : sent_bytes_) += bytes;
  if (!is_client && first_byte_ns_ == 0) first_byte_ns_ = worker_.io.loop.now_ns();
  worker_.metrics.Add(listener_metrics_,
                      is_client ? ListenerMetric::kReceivedBytes : ListenerMetric::kSentBytes,
                      bytes);
  if (route_ == nullptr) return;
  worker_.metrics.Add(route_->metrics,
                      is_client ? StreamRouteMetric::kReceivedBytes : StreamRouteMetric::kSentBytes,
                      bytes);
}

void Relay::OnWriteRoom(Side& side) {
  if (state_ == State::kClosing) return End(details_, aborts_);
  if (state_ != State::kRelaying) return;
  Side& from = Other(side);
  if (!from.has_ended) return Pump(from);
  TellEnd(side);
}

void Relay::OnEnd(Side& from) {
  from.has_ended = true;
  Touch();
  TellEnd(Other(from));
}

void Relay::TellEnd(Side& to) {
  if (to.was_told) return;
  if (!to.is_broken) {
    if (!to.connection.is_flushed()) return to.connection.TellWhenEmpty();
    to.connection.ShutdownWrite();
  }
  to.was_told = true;
  if (Other(to).was_told) End("connection_ended", /*aborts=*/false);
}

// It was reset; or, in TLS, ended without a word, as many do who have nothing more to say.
void Relay::OnCut(Side& from) {
  const bool is_client = &from == &client_;
  Close(is_client ? "downstream_disconnected" : "upstream_disconnected", Other(from),
        /*aborts=*/from.connection.has_failed());
}

// What it sent before may still be read, and is worth passing on.
void Relay::OnWriteError(Side& side) {
  side.is_broken = true;
  if (state_ == State::kClosing) return End(details_, /*aborts=*/true);
  if (state_ != State::kRelaying) return;
  if (side.has_ended) return OnCut(side);
  Pump(side);
  const bool is_waiting =
      state_ == State::kRelaying && !side.has_ended && !side.connection.may_be_readable();
  if (is_waiting) OnCut(side);
}

void Relay::Touch() {
  if (route_->idle_timeout_ns == 0) return;
  timer_.SetAt(worker_.io.loop.now_ns() + route_->idle_timeout_ns);
}

void Relay::OnTimer() {
  switch (state_) {
    case State::kHello:
      return End("client_hello_timeout", /*aborts=*/false);
    case State::kConnecting:
      failure_ = "upstream_connect_timeout";
      NoteConnectFailure(observe::ConnectFailure::kTimeout);
      return Connect();
    case State::kRelaying:
      return End("stream_idle_timeout", /*aborts=*/false);
    case State::kClosing:
      return End(details_, /*aborts=*/true);
    case State::kClosed:
      return;
  }
}

// --- The end -------------------------------------------------------------------------------------

void Relay::Close(absl::string_view details, Side& rest, bool aborts) {
  if (rest.is_broken || rest.connection.is_flushed()) return End(details, aborts);
  state_ = State::kClosing;
  details_ = details;
  aborts_ = aborts;
  // The one that is gone; what is left is told by the other.
  Other(rest).connection.Close(/*abort=*/true);
  rest.connection.TellWhenEmpty();
  timer_.SetAt(worker_.io.loop.now_ns() + kLingerNs);
}

void Relay::End(absl::string_view details, bool aborts) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  details_ = details;
  end_ns_ = worker_.io.loop.now_ns();
  timer_.Cancel();
  Unschedule();
  Record();
  client_.connection.Close(aborts);
  if (server_ != nullptr) server_->connection.Close(aborts);
  LetGoOfEndpoint();
  if (route_ != nullptr) {
    worker_.metrics.Subtract(route_->metrics, StreamRouteMetric::kConnectionsActive);
    route_ = nullptr;
    route_pin_.Release();
  }
  host_.OnClosed(*this);
}

}  // namespace sluice::stream
