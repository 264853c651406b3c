#include "proxy/http/h1/server_connection.h"

#include <utility>

namespace sluice::http::h1 {
namespace {

// A rest of a request that is cheaper to read than a new connection.
constexpr uint64_t kWorthDraining = 64 * 1024;
constexpr int64_t kDrainNs = 5'000'000'000;
// How long a closed connection's input is read, so that the client sees the response before a
// reset.
constexpr int64_t kLingerNs = 1'000'000'000;
constexpr int64_t kRateCheckNs = 1'000'000'000;

constexpr LocalError kHeaderTimeout{408, "request_header_timeout"};
constexpr LocalError kBodyTimeout{408, "request_body_timeout"};
constexpr LocalError kOverload{503, "overload"};

}  // namespace

ServerConnection::ServerConnection(net::IoContext& io, net::Transport transport,
                                   const net::Address& peer, uint64_t id, Host& host)
    : connection_(io, std::move(transport), event::Phase::kFlushClient, *this,
                  /*connecting=*/false),
      timer_(io.loop.timers(), &event::Timer::Call<ServerConnection, &ServerConnection::OnTimer>,
             this),
      host_(host),
      peer_(peer),
      id_(id) {}

ServerConnection::~ServerConnection() = default;

absl::Status ServerConnection::Start() {
  // A connection that never sends anything has the header's time, not the longer idle one.
  timer_.SetAt(connection_.io().loop.now_ns() + host_.settings().header_timeout_ns);
  return connection_.Register();
}

void ServerConnection::Drain() {
  keep_alive_ = false;
  if (state_ == State::kIdle) BeginClosing();
}

void ServerConnection::CloseNow() {
  if (state_ == State::kClosed) return;
  if (exchange_ != nullptr) {
    std::exchange(exchange_, nullptr)->OnClientReset(ResetReason::kLocalReset, nullptr);
  }
  Closed();
}

size_t ServerConnection::held_bytes() const {
  return connection_.queued_bytes() + pending_.held_bytes() +
         (exchange_ == nullptr ? 0 : exchange_->held_bytes());
}

void ServerConnection::Shed() {
  if (state_ == State::kClosed) return;
  is_cut_ = response_begun_ && (!response_done_ || !connection_.is_flushed());
  FailRequest(ResetReason::kOverload, &kOverload);
}

// --- Output --------------------------------------------------------------------------------------

void ServerConnection::SendInformational(const ResponseHead& head) {
  if (version_ == Version::kHttp10) return;
  if (head.status == 100) expects_continue_ = false;
  WriteResponseHead(head, BodyFraming::kNone, ConnectionHeader::kNone, connection_.io().pool,
                    connection_.out());
  connection_.FlushSoon();
}

BodyFraming ServerConnection::ChooseFraming(const ResponseHead& head) const {
  if (ResponseHasNoBody(method_, head.status)) {
    // The length that a GET would have had may be told; 1xx and 204 tell none.
    const bool tells = head.body.kind == BodySize::Kind::kLength && head.status != 204;
    return tells ? BodyFraming::kLength : BodyFraming::kNone;
  }
  switch (head.body.kind) {
    case BodySize::Kind::kNone:
    case BodySize::Kind::kLength:
      return BodyFraming::kLength;
    case BodySize::Kind::kUnknown:
      break;
  }
  return version_ == Version::kHttp10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
}

void ServerConnection::SendHead(const ResponseHead& head, bool end) {
  response_begun_ = true;
  if (OpensTunnel(method_, head.status)) return BeginTunnel(head);
  // Bytes of the other protocol may follow a request whose tunnel is refused.
  if (!upgrade_.empty() || method_ == Method::kConnect) {
    keep_alive_ = false;
    has_unread_ = true;
  }
  response_framing_ = ChooseFraming(head);
  if (is_mute_) {
    response_framing_ = BodyFraming::kNone;
    return EndResponse();
  }
  if (response_framing_ == BodyFraming::kUntilClose || host_.is_draining()) keep_alive_ = false;
  // A client that waits for "100 Continue" may or may not send its body after a final answer, and
  // what comes next could be either; a long rest is not worth reading.
  const bool has_long_rest =
      !request_done_ && (expects_continue_ || decoder_.framing() != BodyDecoder::Framing::kLength ||
                         decoder_.remaining() > kWorthDraining);
  if (has_long_rest) keep_alive_ = false;
  const ConnectionHeader connection = !keep_alive_                   ? ConnectionHeader::kClose
                                      : version_ == Version::kHttp10 ? ConnectionHeader::kKeepAlive
                                                                     : ConnectionHeader::kNone;
  WriteResponseHead(head, response_framing_, connection, connection_.io().pool, connection_.out());
  connection_.FlushSoon();
  // Framing of what follows; a response without a body sends none, whatever its head tells.
  if (ResponseHasNoBody(method_, head.status)) response_framing_ = BodyFraming::kNone;
  if (end) EndResponse();
}

void ServerConnection::BeginTunnel(const ResponseHead& head) {
  is_tunnel_ = true;
  keep_alive_ = request_done_ = false;
  pauses_ = 0;
  timer_.Cancel();
  const ConnectionHeader connection =
      head.status == 101 ? ConnectionHeader::kUpgrade : ConnectionHeader::kNone;
  WriteResponseHead(head, BodyFraming::kNone, connection, connection_.io().pool, connection_.out(),
                    upgrade_);
  connection_.FlushSoon();
  response_framing_ = BodyFraming::kUntilClose;
  decoder_.Begin(BodyDecoder::Framing::kUntilClose, 0);
  // What came since the request is held no longer.
  connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

void ServerConnection::SendBody(net::Buffer&& body, bool end) {
  if (response_framing_ != BodyFraming::kNone && !body.empty()) {
    if (response_framing_ == BodyFraming::kChunked) {
      WriteChunk(std::move(body), connection_.io().pool, connection_.out());
    } else {
      connection_.out().Append(std::move(body));
    }
    connection_.FlushSoon();
  }
  if (end) SendEnd(nullptr);
}

void ServerConnection::SendEnd(const HeaderMap* trailers) {
  if (response_framing_ == BodyFraming::kChunked) {
    WriteLastChunk(trailers, connection_.io().pool, connection_.out());
    connection_.FlushSoon();
  }
  EndResponse();
}

void ServerConnection::EndResponse() { response_done_ = true; }

void ServerConnection::OnWriteRoom() {
  if (state_ == State::kClosing) return FinishClosing();
  if (exchange_ != nullptr) exchange_->OnSendRoom();
}

void ServerConnection::OnWriteError(int) { FailRequest(ResetReason::kPeerClosed, nullptr); }

// --- End of an exchange --------------------------------------------------------------------------

// The request cannot go on. An exchange that has not begun to answer says why, if there is a client
// to say it to; anything else ends the connection.
void ServerConnection::FailRequest(ResetReason reason, const LocalError* error) {
  if (exchange_ == nullptr) return Closed();
  keep_alive_ = false;
  request_done_ = has_unread_ = true;  // Nothing more is read of it.
  const bool can_answer = error != nullptr && !response_begun_;
  ServerStreamEvents* exchange = exchange_;
  if (!can_answer) exchange_ = nullptr;
  exchange->OnClientReset(reason, can_answer ? error : nullptr);
  if (!can_answer) Closed();
}

// What is queued still goes out: the client gets as much of a broken response as there was of it.
void ServerConnection::Reset(ResetReason) {
  exchange_ = nullptr;
  keep_alive_ = false;
  is_cut_ = response_begun_;
  if (connection_.is_flushed()) return Closed();
  state_ = State::kClosing;
  timer_.SetAt(connection_.io().loop.now_ns() + host_.settings().idle_timeout_ns);
  connection_.TellWhenEmpty();
}

void ServerConnection::Release() {
  exchange_ = nullptr;
  FinishExchange();
}

void ServerConnection::FinishExchange() {
  if (!keep_alive_) return BeginClosing();
  if (request_done_) return BeginNextRequest();
  state_ = State::kDraining;
  pauses_ = 0;
  timer_.SetAt(connection_.io().loop.now_ns() + kDrainNs);
  if (!is_consuming_) connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

void ServerConnection::BeginNextRequest() {
  state_ = State::kIdle;
  timer_.SetAt(connection_.io().loop.now_ns() + host_.settings().idle_timeout_ns);
  const bool has_input = !pending_.empty() || connection_.may_be_readable();
  if (has_input && !is_consuming_) {
    connection_.io().loop.Schedule(*this, event::Phase::kReady);
  }
}

void ServerConnection::BeginClosing() {
  state_ = State::kClosing;
  pending_.Clear();
  timer_.SetAt(connection_.io().loop.now_ns() + host_.settings().idle_timeout_ns);
  if (!connection_.is_flushed()) return connection_.TellWhenEmpty();
  FinishClosing();
}

// All is sent. If input may be unread, closing now would send a reset that can destroy the response
// on its way: say that we are done, and read until the client is too (RFC 9112 section 9.6).
void ServerConnection::FinishClosing() {
  if (is_cut_) return Closed();
  const bool may_have_unread = has_unread_ || !request_done_ || connection_.may_be_readable();
  if (!may_have_unread || input_ended_) return Closed();
  connection_.ShutdownWrite();
  timer_.SetAt(connection_.io().loop.now_ns() + kLingerNs);
  connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

void ServerConnection::Closed() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Unschedule();
  timer_.Cancel();
  pending_.Clear();
  // A body that ends with the connection looks complete unless the end is a reset.
  connection_.Close(/*abort=*/is_cut_ && response_framing_ == BodyFraming::kUntilClose);
  host_.OnClosed(*this);
}

// --- Time ----------------------------------------------------------------------------------------

void ServerConnection::OnTimer() {
  switch (state_) {
    case State::kIdle:
    case State::kClosing:
    case State::kDraining:
      return Closed();
    case State::kHead:
      return RefuseRequest(kHeaderTimeout);
    case State::kExchange:
      if (!request_done_ && !is_tunnel_) CheckBodyRate();
      return;
    case State::kClosed:
      return;
  }
}

void ServerConnection::ArmBodyTimer() {
  const int64_t now = connection_.io().loop.now_ns();
  body_began_ns_ = now;
  body_bytes_ = 0;
  if (host_.settings().min_body_rate > 0) timer_.SetAt(now + host_.settings().body_grace_ns);
}

void ServerConnection::CheckBodyRate() {
  const int64_t now = connection_.io().loop.now_ns();
  const int64_t elapsed_ns = (pauses_ > 0 ? paused_at_ns_ : now) - body_began_ns_;
  const double expected =
      static_cast<double>(host_.settings().min_body_rate) * (static_cast<double>(elapsed_ns) / 1e9);
  const bool is_late = elapsed_ns >= host_.settings().body_grace_ns;
  if (is_late && static_cast<double>(body_bytes_) < expected) {
    return FailRequest(ResetReason::kPeerClosed, &kBodyTimeout);
  }
  timer_.SetAt(now + kRateCheckNs);
}

}  // namespace sluice::http::h1
