#include "proxy/http/h1/client_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "proxy/http/h1/writer.h"
#include "proxy/http/tls_failure.h"

namespace sluice::http::h1 {
namespace {

constexpr int kReadsPerTurn = 4;
// Servers are not attackers as a rule, but a broken one must not fill our memory.
constexpr HeadLimits kResponseLimits{.bytes = kMaxResponseHeadBytes,
                                     .headers = kMaxResponseHeaders};
// A head is parsed in one piece.
static_assert(kMaxResponseHeadBytes <= net::IoContext::kScratchBytes);
// A flood of 1xx responses is a broken server's.
constexpr int kMaxInformational = 16;

ResetReason FailureOf(const ParseResult& result) {
  const bool is_large = result.error.status == 431 || result.error.status == 414;
  return is_large ? ResetReason::kHeadTooLarge : ResetReason::kProtocolError;
}

}  // namespace

ClientConnection::ClientConnection(net::IoContext& io, net::Transport transport, Host& host,
                                   int64_t connect_timeout_ns)
    : connection_(io, std::move(transport), event::Phase::kFlushUpstream, *this,
                  /*connecting=*/true),
      timer_(io.loop.timers(), &event::Timer::Call<ClientConnection, &ClientConnection::OnTimer>,
             this),
      host_(host) {
  timer_.SetAt(io.loop.now_ns() + connect_timeout_ns);
}

ClientConnection::~ClientConnection() = default;

absl::Status ClientConnection::Start() { return connection_.Register(); }

ClientStream& ClientConnection::Begin(ClientStreamEvents& events) {
  events_ = &events;
  state_ = State::kHead;
  ++requests_;
  begins_at_ = UINT64_MAX;
  pauses_ = 0;
  request_done_ = response_done_ = is_chunked_ = false;
  is_tunnel_ = owes_grant_ = false;
  upgrade_ = {};
  return *this;
}

void ClientConnection::Close() { Closed(ResetReason::kLocalReset); }

// --- Request -------------------------------------------------------------------------------------

void ClientConnection::SendHead(const RequestHead& head, bool end) {
  // Behind what is still to leave of the connection's own beginning, such as its handshake's end.
  begins_at_ = connection_.bytes_sent() + connection_.queued_bytes();
  method_ = head.method_id;
  upgrade_ = head.upgrade;
  if (method_ == Method::kConnect) {
    // The server is told nothing: that it took the connection is its consent.
    owes_grant_ = true;
    connection_.io().loop.Schedule(*this, event::Phase::kReady);
    return;
  }
  BodyFraming framing = BodyFraming::kNone;
  if (head.body.kind == BodySize::Kind::kLength) framing = BodyFraming::kLength;
  if (head.body.kind == BodySize::Kind::kUnknown) framing = BodyFraming::kChunked;
  is_chunked_ = framing == BodyFraming::kChunked;
  unsent_length_ = framing == BodyFraming::kLength ? head.body.length : 0;
  WriteRequestHead(head, framing, connection_.io().pool, connection_.out());
  connection_.FlushSoon();
  if (end) SendEnd(nullptr);
}

void ClientConnection::SendBody(net::Buffer&& body, bool end) {
  if (!body.empty()) {
    if (unsent_length_ > 0) {
      unsent_length_ -= std::min<uint64_t>(unsent_length_, body.size());
      // The end may be told later, but adds nothing: the answer may come before.
      request_done_ = unsent_length_ == 0;
    }
    if (is_chunked_) {
      WriteChunk(std::move(body), connection_.io().pool, connection_.out());
    } else {
      connection_.out().Append(std::move(body));
    }
    connection_.FlushSoon();
  }
  if (end) SendEnd(nullptr);
}

void ClientConnection::SendEnd(const HeaderMap* trailers) {
  if (is_chunked_) {
    WriteLastChunk(trailers, connection_.io().pool, connection_.out());
    connection_.FlushSoon();
  }
  request_done_ = true;
  if (is_tunnel_) EndTunnel();
}

// The server sees the end of what the client had to say; it may still answer.
void ClientConnection::EndTunnel() {
  if (!connection_.is_flushed()) return connection_.TellWhenEmpty();
  connection_.ShutdownWrite();
}

void ClientConnection::Reset(ResetReason) {
  events_ = nullptr;
  if (response_done_ && request_done_) return;  // On its way to being idle.
  Closed(ResetReason::kLocalReset);
}

void ClientConnection::ResumeBody() {
  if (--pauses_ == 0) connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

size_t ClientConnection::held_bytes() const {
  return connection_.queued_bytes() + pending_.held_bytes();
}

// --- Response ------------------------------------------------------------------------------------

void ClientConnection::OnReadable() {
  if (state_ != State::kIdle) {
    if (state_ == State::kHead) events_->OnInput();
    return ReadInput();
  }
  if (HasStrayInput()) Closed(ResetReason::kPeerClosed);
}

// The end, or bytes that nobody asked for, which the next request would take for its response.
bool ClientConnection::HasStrayInput() {
  char byte;
  // TLS has things to say that are none of the stream's.
  return connection_.may_be_readable() &&
         connection_.Read(&byte, 1).status != net::ReadStatus::kWouldBlock;
}

bool ClientConnection::WantsInput() const {
  return (state_ == State::kHead || state_ == State::kBody) && pauses_ == 0 && !owes_grant_;
}

void ClientConnection::Run() {
  if (std::exchange(owes_grant_, false)) {
    ResponseHead head(events_->arena());
    head.status = 200;
    if (!BeginTunnel(head)) return;
  }
  if (!pending_.empty() && WantsInput()) {
    const PendingInput::Range input = pending_.Take();
    Consume(input.block, input.begin, input.end);
  }
  ReadInput();
}

void ClientConnection::ReadInput() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (!WantsInput() || !connection_.may_be_readable()) return;
    if (!ReadOnce()) return;
  }
  if (WantsInput() && connection_.may_be_readable()) {
    connection_.io().loop.Schedule(*this, event::Phase::kReady);
  }
}

std::optional<bool> ClientConnection::PipeOnce() {
  const bool may_pipe =
      connection_.is_bulk() && state_ == State::kBody && pending_.empty() && events_ != nullptr;
  if (!may_pipe || !events_->TakesPipes()) return std::nullopt;
  net::Buffer body;
  const std::optional<net::ReadResult> result = connection_.ReadPiped(decoder_.run(), body);
  if (!result) return std::nullopt;
  if (result->status != net::ReadStatus::kData) {
    OnNothingRead(result->status);
    return false;
  }
  decoder_.Skip(result->bytes);
  PassBody(std::move(body));
  if (state_ != State::kClosed && response_done_) MaybeIdle();
  return true;
}

void ClientConnection::OnNothingRead(net::ReadStatus status) {
  if (status == net::ReadStatus::kEnd) return OnInputEnd();
  if (status != net::ReadStatus::kError) return;
  Fail(TlsFailureOr(connection_.secure(), PeerClosed()));
}

// A server that had begun to answer did not merely close a connection that it no longer wanted.
ResetReason ClientConnection::PeerClosed() const {
  const bool has_begun = informational_ > 0 || !pending_.empty();
  return has_begun ? ResetReason::kPeerReset : ResetReason::kPeerClosed;
}

bool ClientConnection::ReadOnce() {
  if (const std::optional<bool> goes_on = PipeOnce()) return *goes_on;
  net::IoContext& io = connection_.io();
  const size_t held = pending_.size();
  const net::BlockRef block = io.Scratch().Share();
  // A head that is not whole is moved in front of what follows it.
  if (held > 0) std::memcpy(block->data(), pending_.data(), held);
  const net::ReadResult result = connection_.Read(block->data() + held, block->capacity - held);
  if (result.status != net::ReadStatus::kData) {
    OnNothingRead(result.status);
    return false;
  }
  pending_.Clear();
  Consume(block, block->data(), block->data() + held + result.bytes);
  return true;
}

void ClientConnection::Consume(const net::BlockRef& block, const char* begin, const char* end) {
  while (begin < end) {
    bool goes_on = false;
    if (state_ == State::kHead) {
      goes_on = ConsumeHead(begin, end);
    } else if (state_ == State::kBody && pauses_ == 0 && !response_done_) {
      goes_on = ConsumeBody(block, begin, end);
    }
    if (!goes_on) break;
  }
  if (state_ == State::kClosed) return;
  if (response_done_ && begin < end) keep_alive_ = false;  // More than was asked for.
  if (response_done_) return MaybeIdle();
  if (begin < end) {
    pending_.Keep(connection_.io().pool, begin, end, static_cast<size_t>(end - begin));
  }
}

bool ClientConnection::ConsumeHead(const char*& begin, const char* end) {
  const absl::string_view input(begin, static_cast<size_t>(end - begin));
  RawHead& raw = host_.scratch_head();
  const ParseResult result = ParseResponseHead(input, kResponseLimits, raw);
  if (result.status == ParseStatus::kIncomplete) return false;
  if (result.status == ParseStatus::kError) {
    Fail(FailureOf(result));
    return false;
  }
  ResponseHead head(events_->arena());
  ConnectionUse use;
  const bool is_valid = AdoptResponse(raw, input.substr(0, raw.bytes), method_, head, use);
  const bool is_granted = raw.status == 101;
  // RFC 9110 section 7.8: a server switches to nothing but what it was asked for, and names it.
  if (!is_valid ||
      (is_granted && (upgrade_.empty() || !absl::EqualsIgnoreCase(use.upgrade, upgrade_)))) {
    Fail(ResetReason::kProtocolError);
    return false;
  }
  begin += raw.bytes;
  if (is_granted) return BeginTunnel(head);
  if (head.status < 200) {
    if (++informational_ > kMaxInformational) {
      Fail(ResetReason::kProtocolError);
      return false;
    }
    events_->OnInformational(head);
    return state_ == State::kHead;
  }
  // What was refused may have been tunnelled already, for all that the server knows.
  keep_alive_ = keep_alive_ && use.keep_alive && upgrade_.empty();
  state_ = State::kBody;
  BeginBody(head, use.is_chunked);
  response_done_ = decoder_.is_done();
  events_->OnHead(head, response_done_);
  return state_ == State::kBody && !response_done_;
}

bool ClientConnection::BeginTunnel(ResponseHead& head) {
  is_tunnel_ = true;
  keep_alive_ = request_done_ = false;
  unsent_length_ = 0;
  state_ = State::kBody;
  decoder_.Begin(BodyDecoder::Framing::kUntilClose, 0);
  head.body = BodySize::Unknown();
  events_->OnHead(head, false);
  return state_ == State::kBody;
}

void ClientConnection::BeginBody(const ResponseHead& head, bool is_chunked) {
  using Framing = BodyDecoder::Framing;
  Framing framing = Framing::kNone;
  if (!ResponseHasNoBody(method_, head.status)) {
    if (head.body.kind == BodySize::Kind::kLength) framing = Framing::kLength;
    // Chunked keeps the connection usable; a body until the end of the connection does not.
    if (head.body.kind == BodySize::Kind::kUnknown) {
      framing = is_chunked ? Framing::kChunked : Framing::kUntilClose;
    }
  }
  decoder_.Begin(framing, head.body.length);
}

bool ClientConnection::ConsumeBody(const net::BlockRef& block, const char*& begin,
                                   const char* end) {
  net::Buffer body;
  const BodyDecoder::Result result = decoder_.Decode(block, begin, end, body);
  begin += result.used;
  if (result.status == BodyDecoder::Status::kError ||
      result.status == BodyDecoder::Status::kTooLarge) {
    Fail(result.status == BodyDecoder::Status::kError ? ResetReason::kProtocolError
                                                      : ResetReason::kHeadTooLarge);
    return false;
  }
  PassBody(std::move(body));
  return state_ == State::kBody && !response_done_;
}

void ClientConnection::PassBody(net::Buffer&& body) {
  response_done_ = decoder_.is_done();
  if (!body.empty() && events_ != nullptr) events_->OnBody(std::move(body));
  if (state_ != State::kClosed && response_done_) EndResponse();
}

void ClientConnection::EndResponse() {
  if (events_ == nullptr) return;
  if (decoder_.trailer_text().empty()) return events_->OnEnd(nullptr);
  RawHead& raw = host_.scratch_head();
  const ParseResult result = ParseTrailers(decoder_.trailer_text(), kResponseLimits, raw);
  if (result.status != ParseStatus::kComplete) {
    response_done_ = false;
    return Fail(FailureOf(result));
  }
  HeaderMap trailers(events_->arena());
  AdoptTrailers(raw, UnderscorePolicy::kAllow, trailers);
  events_->OnEnd(&trailers);
}

// The response is complete and the stream told: the connection is kept if the server allows it and
// the whole request went out. A request that is still under way would run into the next one.
void ClientConnection::MaybeIdle() {
  events_ = nullptr;
  if (!keep_alive_ || !request_done_ || !connection_.is_flushed() || HasStrayInput()) {
    return Closed(ResetReason::kNone);
  }
  state_ = State::kIdle;
  informational_ = 0;
  idle_since_ns_ = connection_.io().loop.now_ns();
  host_.OnIdle(*this);
}

void ClientConnection::OnInputEnd() {
  if (state_ == State::kBody && decoder_.framing() == BodyDecoder::Framing::kUntilClose) {
    response_done_ = true;
    keep_alive_ = false;
    EndResponse();
    if (state_ != State::kClosed) MaybeIdle();
    return;
  }
  Fail(PeerClosed());
}

// --- Connection ----------------------------------------------------------------------------------

void ClientConnection::OnConnected(int error) {
  if (error != 0) return Closed(ConnectFailureOf(connection_.secure(), error));
  was_open_ = true;
  timer_.Cancel();
  state_ = State::kIdle;
  idle_since_ns_ = connection_.io().loop.now_ns();
  host_.OnConnected(*this);
}

void ClientConnection::OnWriteRoom() {
  if (is_tunnel_ && request_done_ && connection_.is_flushed()) connection_.ShutdownWrite();
  if (events_ != nullptr) events_->OnSendRoom();
}

void ClientConnection::OnWriteError(int) {
  // The server may have answered before it closed: what it sent is read to its end first, which is
  // told as an event of its own. Nothing came if nothing is readable.
  keep_alive_ = false;
  if (!connection_.may_be_readable()) Fail(PeerClosed());
}

void ClientConnection::OnTimer() { Closed(ResetReason::kConnectTimeout); }

void ClientConnection::Fail(ResetReason reason) {
  ClientStreamEvents* events = std::exchange(events_, nullptr);
  if (events != nullptr) events->OnReset(reason);
  Closed(reason);
}

void ClientConnection::Closed(ResetReason reason) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Unschedule();
  timer_.Cancel();
  pending_.Clear();
  connection_.Close();
  host_.OnClosed(*this, reason);
}

}  // namespace sluice::http::h1
