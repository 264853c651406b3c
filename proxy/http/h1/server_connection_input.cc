// How a client's bytes become requests: reading, heads, bodies, and what waits behind them.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "proxy/http/h1/head_parser.h"
#include "proxy/http/h1/server_connection.h"

namespace sluice::http::h1 {
namespace {

// Reads of one connection in one turn: then others have theirs.
constexpr int kReadsPerTurn = 4;
// Pipelined requests of one connection in one turn.
constexpr int kRequestsPerTurn = 16;

// RFC 9113 section 3.4.
constexpr absl::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Whether the first line is meant to be HTTP/1, or HTTP/0.9, which has two words.
bool IsHttp1(absl::string_view input) {
  const absl::string_view line = input.substr(0, input.find('\n'));
  for (size_t i = 0; i < line.size(); ++i) {
    if (absl::StartsWithIgnoreCase(line.substr(i), "http/")) return true;
  }
  return std::count(line.begin(), line.end(), ' ') < 2;
}

constexpr LocalError kBadChunk{400, "bad_chunk"};
constexpr LocalError kBadTrailers{400, "bad_trailers"};
constexpr LocalError kTrailersTooLarge{431, "headers_too_large"};

}  // namespace

void ServerConnection::OnReadable() {
  if (connection_.has_failed() && state_ == State::kExchange && request_done_) {
    return FailRequest(ResetReason::kPeerClosed, nullptr);
  }
  ReadInput();
}

bool ServerConnection::WantsInput() const {
  switch (state_) {
    case State::kIdle:
    case State::kHead:
    case State::kDraining:
      return true;
    case State::kExchange:
      return !request_done_ && pauses_ == 0;
    case State::kClosing:
      return !input_ended_;
    case State::kClosed:
      return false;
  }
  return false;
}

void ServerConnection::ReadInput() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (!WantsInput() || !connection_.may_be_readable()) return;
    if (!ReadOnce()) return;
  }
  if (WantsInput() && connection_.may_be_readable()) {
    connection_.io().loop.Schedule(*this, event::Phase::kReady);
  }
}

std::optional<bool> ServerConnection::PipeOnce() {
  const bool may_pipe = connection_.is_bulk() && state_ == State::kExchange && pending_.empty() &&
                        exchange_ != nullptr;
  if (!may_pipe || !exchange_->TakesPipes()) return std::nullopt;
  net::Buffer body;
  const std::optional<net::ReadResult> result = connection_.ReadPiped(decoder_.run(), body);
  if (!result) return std::nullopt;
  if (result->status != net::ReadStatus::kData) {
    OnNothingRead(result->status);
    return false;
  }
  decoder_.Skip(result->bytes);
  PassBody(std::move(body), result->bytes);
  return true;
}

void ServerConnection::OnNothingRead(net::ReadStatus status) {
  if (status == net::ReadStatus::kEnd) return OnInputEnd();
  if (status == net::ReadStatus::kError) FailRequest(ResetReason::kPeerClosed, nullptr);
}

bool ServerConnection::ReadOnce() {
  if (const std::optional<bool> goes_on = PipeOnce()) return *goes_on;
  net::IoContext& io = connection_.io();
  // A head that is not whole goes on in its own block; all else is read into the worker's.
  if (!pending_.empty()) return ReadBehindPending();
  const net::BlockRef block = io.Scratch().Share();
  const net::ReadResult result = connection_.Read(block->data(), block->capacity);
  if (result.status != net::ReadStatus::kData) {
    OnNothingRead(result.status);
    return false;
  }
  if (state_ == State::kClosing) return true;  // Dropped.
  Consume(block, block->data(), block->data() + result.bytes);
  return true;
}

bool ServerConnection::ReadBehindPending() {
  const absl::Span<char> room = pending_.Room(connection_.io().pool);
  const net::ReadResult result = connection_.Read(room.data(), room.size());
  if (result.status != net::ReadStatus::kData) {
    OnNothingRead(result.status);
    return false;
  }
  pending_.Add(result.bytes);
  // Only a completed line can complete a head or break it.
  const bool has_line = std::memchr(room.data(), '\n', result.bytes) != nullptr;
  const bool is_full = pending_.size() >= host_.settings().head.bytes;
  if (state_ == State::kHead && !has_line && !is_full) return true;
  const PendingInput::Range input = pending_.Take();
  Consume(input.block, input.begin, input.end);
  return true;
}

void ServerConnection::Consume(const net::BlockRef& block, const char* begin, const char* end) {
  if (requests_ == 0 && state_ != State::kExchange && IsHttp2Preface(begin, end)) {
    if (static_cast<size_t>(end - begin) >= kHttp2Preface.size()) {
      return BecomeHttp2(block, begin, end);
    }
    BeginHead();
    return Stash(begin, end);
  }
  is_consuming_ = true;
  int heads = 0;
  while (begin < end) {
    bool goes_on = false;
    if (state_ == State::kIdle || state_ == State::kHead) {
      goes_on = ++heads <= kRequestsPerTurn && ConsumeHead(begin, end);
    } else if ((state_ == State::kExchange || state_ == State::kDraining) && !request_done_) {
      goes_on = ConsumeBody(block, begin, end);
    }
    if (!goes_on) break;
  }
  is_consuming_ = false;
  if (state_ == State::kClosed || state_ == State::kClosing) return;
  if (begin < end) Stash(begin, end);
  if (heads > kRequestsPerTurn) connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

void ServerConnection::Stash(const char* begin, const char* end) {
  const auto size = static_cast<size_t>(end - begin);
  pending_.Keep(connection_.io().pool, begin, end, std::max<size_t>(size + size / 2, 2048));
}

void ServerConnection::Run() {
  if (state_ == State::kClosed) return;
  const bool may_parse = state_ == State::kIdle || state_ == State::kHead ||
                         (state_ == State::kExchange && !request_done_ && pauses_ == 0) ||
                         state_ == State::kDraining;
  if (!pending_.empty() && may_parse) {
    const PendingInput::Range input = pending_.Take();
    Consume(input.block, input.begin, input.end);
  }
  ReadInput();
}

bool ServerConnection::ConsumeHead(const char*& begin, const char* end) {
  const absl::string_view input(begin, static_cast<size_t>(end - begin));
  RawHead& raw = host_.scratch_head();
  raw.method = raw.target = {};
  const ParseResult result =
      ParseRequestHead(input, host_.settings().head, raw,
                       [this](absl::string_view target) { host_.acceptor().OnTargetRead(target); });
  switch (result.status) {
    case ParseStatus::kComplete:
      BeginExchange(input.substr(0, raw.bytes));
      begin += raw.bytes;
      return true;
    case ParseStatus::kError:
      is_mute_ = requests_ == 0 && host_.TakesHttp2() && !IsHttp1(input);
      RefuseRequest(result.error);
      return false;
    case ParseStatus::kIncomplete:
      break;
  }
  BeginHead();
  return false;
}

void ServerConnection::BeginHead() {
  if (state_ != State::kIdle) return;
  state_ = State::kHead;
  timer_.SetAt(connection_.io().loop.now_ns() + host_.settings().header_timeout_ns);
}

bool ServerConnection::IsHttp2Preface(const char* begin, const char* end) const {
  const absl::string_view input(begin, static_cast<size_t>(end - begin));
  const size_t size = std::min(input.size(), kHttp2Preface.size());
  return input.substr(0, size) == kHttp2Preface.substr(0, size) && host_.TakesHttp2() &&
         connection_.secure() == nullptr;
}

void ServerConnection::BecomeHttp2(const net::BlockRef& block, const char* begin, const char* end) {
  state_ = State::kClosed;
  Unschedule();
  timer_.Cancel();
  host_.OnHttp2(*this, connection_.Release(), block, begin, end);
}

void ServerConnection::BeginExchange(absl::string_view raw_text) {
  const RawHead& raw = host_.scratch_head();
  state_ = State::kExchange;
  request_done_ = response_begun_ = response_done_ = false;
  pauses_ = 0;
  ++requests_;
  exchange_ = host_.acceptor().NewStream(*this);
  if (exchange_ == nullptr) return RefuseForOverload();
  exchange_->OnRequestTarget(raw.target);
  RequestHead& head = exchange_->request_head();
  ConnectionUse use;
  const LocalError error = AdoptRequest(raw, raw_text, host_.settings().underscores, head, use);
  version_ = head.version;
  method_ = head.method_id;
  expects_continue_ = head.expects_continue;
  upgrade_ = head.upgrade;
  keep_alive_ = use.keep_alive && !host_.is_draining() &&
                requests_ < host_.settings().requests_per_connection;
  if (error.status != 0) {
    keep_alive_ = false;
    request_done_ = has_unread_ = true;
    return exchange_->OnBadRequest(error);
  }
  decoder_.Begin(head.body.kind == BodySize::Kind::kUnknown  ? BodyDecoder::Framing::kChunked
                 : head.body.kind == BodySize::Kind::kLength ? BodyDecoder::Framing::kLength
                                                             : BodyDecoder::Framing::kNone,
                 head.body.length);
  request_done_ = decoder_.is_done();
  if (!request_done_) ArmBodyTimer();
  exchange_->OnRequestHead(request_done_);
}

void ServerConnection::RefuseRequest(const LocalError& error) {
  const RawHead& raw = host_.scratch_head();
  state_ = State::kExchange;
  response_begun_ = response_done_ = false;
  request_done_ = has_unread_ = true;
  keep_alive_ = false;
  version_ = Version::kHttp11;
  exchange_ = host_.acceptor().NewStream(*this);
  if (exchange_ == nullptr) return RefuseForOverload();
  // What could be read of it, for the log.
  RequestHead& head = exchange_->request_head();
  head.method = head.headers.arena().Copy(raw.method);
  head.path = head.headers.arena().Copy(raw.target);
  method_ = head.method_id = ParseMethod(head.method);
  exchange_->OnBadRequest(error);
}

void ServerConnection::RefuseForOverload() {
  // No memory for an exchange: a fixed answer, and the connection's own memory is given back too.
  constexpr absl::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nproxy-status: sluice; details=\"overload\"\r\n"
      "retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
  keep_alive_ = false;
  connection_.out().AppendCopy(connection_.io().pool, kAnswer);
  connection_.FlushSoon();
  BeginClosing();
}

bool ServerConnection::ConsumeBody(const net::BlockRef& block, const char*& begin,
                                   const char* end) {
  if (state_ == State::kExchange && pauses_ > 0) return false;
  net::Buffer body;
  const BodyDecoder::Result result = decoder_.Decode(block, begin, end, body);
  begin += result.used;
  if (result.status == BodyDecoder::Status::kError ||
      result.status == BodyDecoder::Status::kTooLarge) {
    keep_alive_ = false;
    FailRequest(ResetReason::kProtocolError,
                result.status == BodyDecoder::Status::kError ? &kBadChunk : &kTrailersTooLarge);
    return false;
  }
  PassBody(std::move(body), result.used);
  return state_ == State::kExchange || state_ == State::kIdle || state_ == State::kDraining;
}

void ServerConnection::PassBody(net::Buffer&& body, size_t used) {
  body_bytes_ += used;
  const bool is_done = decoder_.is_done();
  if (exchange_ != nullptr && !body.empty()) exchange_->OnRequestBody(std::move(body));
  if (is_done && state_ != State::kClosed) OnRequestComplete();
}

void ServerConnection::OnRequestComplete() {
  request_done_ = true;
  if (exchange_ == nullptr) {
    if (state_ == State::kDraining) BeginNextRequest();
    return;
  }
  if (decoder_.trailer_text().empty()) return exchange_->OnRequestEnd(nullptr);
  RawHead& raw = host_.scratch_head();
  const ParseResult result = ParseTrailers(decoder_.trailer_text(), host_.settings().head, raw);
  if (result.status != ParseStatus::kComplete) {
    keep_alive_ = false;
    return FailRequest(ResetReason::kProtocolError,
                       result.error.status == 431 ? &result.error : &kBadTrailers);
  }
  HeaderMap trailers(exchange_->request_head().headers.arena());
  AdoptTrailers(raw, host_.settings().underscores, trailers);
  exchange_->OnRequestEnd(&trailers);
}

void ServerConnection::OnInputEnd() {
  input_ended_ = true;
  switch (state_) {
    case State::kExchange:
      if (!is_tunnel_) return FailRequest(ResetReason::kPeerClosed, nullptr);
      // Half of a tunnel: the other may go on.
      request_done_ = true;
      return exchange_->OnRequestEnd(nullptr);
    case State::kClosing:
      if (connection_.is_flushed()) Closed();
      return;
    default:
      // A client that half-closed may still be owed the end of its last response.
      return BeginClosing();
  }
}

void ServerConnection::PauseBody() {
  if (pauses_++ == 0) paused_at_ns_ = connection_.io().loop.now_ns();
}

void ServerConnection::ResumeBody() {
  if (--pauses_ > 0 || state_ != State::kExchange || request_done_) return;
  body_began_ns_ += connection_.io().loop.now_ns() - paused_at_ns_;
  connection_.io().loop.Schedule(*this, event::Phase::kReady);
}

}  // namespace sluice::http::h1
