// nghttp2 owns the protocol: it parses, keeps the windows and orders frames. Its callbacks
// (server_callbacks.cc) turn frames into calls of IncomingStream. This file moves bytes between the
// socket and the session and decides when the connection is over.
//
// nghttp2 may be given work (submit, consume, resume) at any time, also from its own callbacks, but
// neither reads nor writes within them: so everything is written at the end of the turn, by Run().
#include "proxy/http/h2/server_connection.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "proxy/http/h2/incoming_stream.h"
#include "proxy/http/h2/server_callbacks.h"

namespace sluice::http::h2 {
namespace {

// Reads of one connection in one turn, and streams that it opens: then others have theirs.
constexpr int kReadsPerTurn = 4;
constexpr int kHeadsPerTurn = 32;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kPingTimeoutNs = 20 * kSecond;
// How long a client has to see the first GOAWAY of a drain before the second.
constexpr int64_t kNoticeNs = kSecond;
// How long the last GOAWAY is waited for, and then how long input is dropped.
constexpr int64_t kEndingNs = 5 * kSecond;
constexpr int64_t kLingerNs = kSecond;

constexpr LocalError kHeaderTimeout{408, "request_header_timeout"};

}  // namespace

ServerConnection::ServerConnection(net::IoContext& io, net::Transport transport,
                                   const net::Address& peer, uint64_t id, ServerHost& host,
                                   ServerWorkspace& workspace)
    : io_(io),
      host_(host),
      workspace_(workspace),
      peer_(peer),
      id_(id),
      settings_(host.settings().http2),
      socket_(io, std::move(transport), event::Phase::kFlushClient, *this, /*connecting=*/false),
      timer_(io.loop.timers(), &event::Timer::Call<ServerConnection, &ServerConnection::OnTimer>,
             this),
      guard_(settings_.floods, io.loop.now_ns()),
      received_at_ns_(io.loop.now_ns()),
      idle_since_ns_(received_at_ns_),
      head_began_ns_(received_at_ns_) {
  const int error = nghttp2_session_server_new3(&session_, workspace.callbacks_, this,
                                                workspace.option_, workspace.memory_.functions());
  if (error != 0) throw std::bad_alloc();
  SubmitSettings();
}

ServerConnection::~ServerConnection() { nghttp2_session_del(session_); }

void ServerConnection::SubmitSettings() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(host_.settings().head.bytes)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      // Priorities of RFC 9218; the tree of RFC 7540 is an attack surface that nobody needs.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(settings_.connection_window));
}

absl::Status ServerConnection::Start() {
  FlushSoon();
  ArmTimer();
  return socket_.Register();
}

void ServerConnection::Begin(const net::BlockRef& block, const char* begin, const char* end) {
  Consume(block, begin, end);
}

// --- Input.

void ServerConnection::ReadInput() {
  heads_this_turn_ = 0;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (state_ == State::kClosed || kept_) return;
    if (!ReadOnce()) return;
  }
  if (state_ != State::kClosed) io_.loop.Schedule(later_, event::Phase::kReady);
}

// False if there is nothing more to read now.
bool ServerConnection::ReadOnce() {
  // Shared while nghttp2 is at it, so that nobody who is called reads into it.
  const net::BlockRef block = io_.Scratch().Share();
  const net::ReadResult result = socket_.Read(block->data(), block->capacity);
  switch (result.status) {
    case net::ReadStatus::kWouldBlock:
      return false;
    case net::ReadStatus::kEnd:
    case net::ReadStatus::kError:
      End(ResetReason::kPeerClosed, nullptr);
      return false;
    case net::ReadStatus::kData:
      break;
  }
  received_at_ns_ = io_.loop.now_ns();
  ping_sent_at_ns_ = 0;
  Consume(block, block->data(), block->data() + result.bytes);
  return state_ != State::kClosed && socket_.may_be_readable();
}

void ServerConnection::Consume(const net::BlockRef& block, const char* begin, const char* end) {
  if (state_ != State::kServing) return;  // Dropped.
  const char* stop =
      scanner_.Scan(begin, end, [this](const FrameHead& frame) { return OnFrameHead(frame); });
  if (is_flooded_) return Fail(NGHTTP2_ENHANCE_YOUR_CALM, nullptr);
  read_block_ = &block;
  const ssize_t taken = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(begin),
                                                 static_cast<size_t>(stop - begin));
  read_block_ = nullptr;
  if (is_flooded_) return Fail(NGHTTP2_ENHANCE_YOUR_CALM, nullptr);
  // Not even a GOAWAY is possible: no preface, or nghttp2's own limits on floods.
  if (taken < 0) {
    Blame(taken == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    return End(ResetReason::kProtocolError, nullptr);
  }
  if (end_code_ != NGHTTP2_NO_ERROR) return Fail(end_code_, nullptr);
  if (stop < end) Keep(block, stop, end);
  if (head_began_ns_ != 0) ArmTimer();
  FlushSoon();
}

FrameScanner::Verdict ServerConnection::OnFrameHead(const FrameHead& frame) {
  using Verdict = FrameScanner::Verdict;
  if (!guard_.OnFrame(frame, io_.loop.now_ns())) {
    is_flooded_ = true;
    return Verdict::kStopNow;
  }
  if (frame.type == NGHTTP2_RST_STREAM) ids_.OnEnded(frame.stream_id);
  // nghttp2 skips PRIORITY whole, once the tree of RFC 7540 is off.
  const bool is_bad_priority =
      frame.type == NGHTTP2_PRIORITY &&
      (frame.stream_id == 0 || (frame.length == 5 && frame.dependency == frame.stream_id));
  if (is_bad_priority) {
    end_code_ = NGHTTP2_PROTOCOL_ERROR;
    return Verdict::kStopNow;
  }
  if (frame.type != NGHTTP2_HEADERS && frame.type != NGHTTP2_DATA) return Verdict::kGoOn;
  const bool is_head = frame.type == NGHTTP2_HEADERS;
  switch (is_head ? ids_.OnHeaders(frame.stream_id) : ids_.OnOther(frame.stream_id)) {
    case StreamIds::Use::kFine:
      break;
    case StreamIds::Use::kSkipped:
      end_code_ = NGHTTP2_PROTOCOL_ERROR;
      return Verdict::kStopNow;
    case StreamIds::Use::kEnded:
      end_code_ = NGHTTP2_STREAM_CLOSED;
      return Verdict::kStopNow;
  }
  return is_head && ++heads_this_turn_ >= kHeadsPerTurn ? Verdict::kStopAfter : Verdict::kGoOn;
}

void ServerConnection::Keep(const net::BlockRef& block, const char* begin, const char* end) {
  kept_ = block.Share();
  kept_begin_ = begin;
  kept_end_ = end;
  io_.loop.Schedule(later_, event::Phase::kReady);
}

void ServerConnection::OnLater() {
  if (state_ == State::kClosed) return;
  if (kept_) {
    heads_this_turn_ = 0;
    const net::BlockRef block = std::move(kept_);
    Consume(block, kept_begin_, kept_end_);
    if (kept_) return;
  }
  ReadInput();
}

void ServerConnection::OnReceived(size_t bytes) {
  if (held_ >= settings_.connection_window) {
    owed_ += bytes;
  } else {
    nghttp2_session_consume_connection(session_, bytes);
  }
}

void ServerConnection::Unhold(size_t bytes) {
  held_ -= bytes;
  if (owed_ == 0 || held_ >= settings_.connection_window) return;
  nghttp2_session_consume_connection(session_, std::exchange(owed_, 0));
  FlushSoon();
}

// --- Output.

void ServerConnection::FlushSoon() {
  if (state_ != State::kClosed) io_.loop.Schedule(*this, event::Phase::kFlushClient);
}

void ServerConnection::Run() {
  if (state_ == State::kClosed) return;
  while (!socket_.is_above_high_water()) {
    const uint8_t* data = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(session_, &data);
    if (bytes < 0) return End(ResetReason::kLocalReset, nullptr);
    if (bytes == 0) break;
    workspace_.writer_.Write(data, static_cast<size_t>(bytes), io_.pool, socket_.out());
  }
  workspace_.writer_.Finish();
  if (!socket_.out().empty()) socket_.FlushSoon();
  Advance();
}

void ServerConnection::Advance() {
  if (state_ == State::kServing) {
    if (is_flooded_) return Fail(NGHTTP2_ENHANCE_YOUR_CALM, nullptr);
    const bool is_done = streams_ == nullptr && (has_said_last_ || is_client_leaving_);
    if (!has_failed_ && !is_done) return;
    // What nghttp2 found at fault is said already.
    state_ = State::kEnding;
    timer_.SetAt(io_.loop.now_ns() + kEndingNs);
    EndStreams(ResetReason::kProtocolError, nullptr);
  }
  if (state_ != State::kEnding || nghttp2_session_want_write(session_) != 0) return;
  if (socket_.is_flushed()) return Linger();
  socket_.TellWhenEmpty();
}

// --- Its end.

void ServerConnection::Fail(uint32_t code, const LocalError* error) {
  state_ = State::kEnding;
  timer_.SetAt(io_.loop.now_ns() + kEndingNs);
  kept_.Reset();
  if (code != NGHTTP2_NO_ERROR) Blame(code);
  nghttp2_session_terminate_session(session_, code);
  EndStreams(ResetReason::kProtocolError, error);
  FlushSoon();
}

void ServerConnection::Blame(uint32_t code) {
  if (!has_failed_) host_.OnHttp2Error(code);
  has_failed_ = true;
}

void ServerConnection::EndStreams(ResetReason reason, const LocalError* error) {
  while (streams_ != nullptr) {
    IncomingStream& stream = *streams_;
    nghttp2_session_set_stream_user_data(session_, stream.id(), nullptr);
    // Only the one whose head is being read is what the error is about.
    stream.OnConnectionEnd(reason, stream.has_head() ? nullptr : error);
    OnStreamClosed(stream);
  }
}

// Closing with input unread would send a reset, which can destroy what is on its way: say that we
// are done, and read until the client is too.
void ServerConnection::Linger() {
  state_ = State::kLingering;
  socket_.ShutdownWrite();
  timer_.SetAt(io_.loop.now_ns() + kLingerNs);
  io_.loop.Schedule(later_, event::Phase::kReady);
}

void ServerConnection::End(ResetReason reason, const LocalError* error) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Unschedule();
  timer_.Cancel();
  kept_.Reset();
  EndStreams(reason, error);
  socket_.Close();
  host_.OnClosed(*this);
}

void ServerConnection::CloseNow() { End(ResetReason::kLocalReset, nullptr); }

size_t ServerConnection::held_bytes() const {
  size_t bytes = socket_.queued_bytes();
  for (const IncomingStream* stream = streams_; stream != nullptr; stream = stream->next_) {
    bytes += stream->held_bytes();
  }
  return bytes;
}

void ServerConnection::Drain() {
  if (state_ != State::kServing || is_draining_) return;
  is_draining_ = true;
  drain_began_ns_ = io_.loop.now_ns();
  nghttp2_submit_shutdown_notice(session_);
  // Whatever the client sent before it saw the notice precedes the answer.
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ArmTimer();
  FlushSoon();
}

void ServerConnection::OnPingAnswered() {
  if (is_draining_) FinishDrain();
}

void ServerConnection::FinishDrain() {
  if (std::exchange(has_said_last_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  FlushSoon();
}

// --- Streams.

void ServerConnection::OnStreamOpen(IncomingStream& stream) {
  if (streams_ == nullptr) {
    timer_.SetAt(io_.loop.now_ns() + kSecond);
    stalled_since_ns_ = 0;
  } else {
    streams_->prev_ = &stream;
  }
  stream.next_ = streams_;
  streams_ = &stream;
  if (++requests_ >= host_.settings().requests_per_connection || host_.is_draining()) Drain();
}

void ServerConnection::OnStreamClosed(IncomingStream& stream) {
  (stream.prev_ == nullptr ? streams_ : stream.prev_->next_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->prev_ = stream.prev_;
  if (streams_ == nullptr) idle_since_ns_ = io_.loop.now_ns();
  workspace_.ReturnStream(&stream);
}

// --- Time.

void ServerConnection::ArmTimer() {
  const int64_t now = io_.loop.now_ns();
  const ServerSettings& settings = host_.settings();
  int64_t deadline = idle_since_ns_ + settings.idle_timeout_ns;
  if (streams_ != nullptr || is_draining_) deadline = now + kSecond;
  if (head_began_ns_ != 0) {
    deadline = std::min(deadline, head_began_ns_ + settings.header_timeout_ns);
  }
  timer_.SetAt(deadline);
}

void ServerConnection::OnTimer() {
  if (state_ != State::kServing) return End(ResetReason::kPeerClosed, nullptr);
  const int64_t now = io_.loop.now_ns();
  const ServerSettings& settings = host_.settings();
  if (head_began_ns_ != 0 && now >= head_began_ns_ + settings.header_timeout_ns) {
    return Fail(NGHTTP2_NO_ERROR, &kHeaderTimeout);
  }
  if (streams_ == nullptr && now >= idle_since_ns_ + settings.idle_timeout_ns) {
    return Fail(NGHTTP2_NO_ERROR, nullptr);
  }
  if (IsStuck(now) || !CheckPing(now)) return End(ResetReason::kPeerClosed, nullptr);
  if (is_draining_ && now >= drain_began_ns_ + kNoticeNs) FinishDrain();
  for (IncomingStream* stream = streams_; stream != nullptr; stream = stream->next_) {
    stream->CheckPace(now);
  }
  ArmTimer();
}

// What streams must move (incoming_stream.h) the connection must, too: resets of those that do not
// wait behind it.
bool ServerConnection::IsStuck(int64_t now_ns) {
  if (socket_.is_flushed()) stalled_since_ns_ = 0;
  if (socket_.is_flushed() || now_ns < stalled_since_ns_ + settings_.flush_timeout_ns) return false;
  const uint64_t moved = socket_.bytes_sent() - sent_before_stall_;
  const bool is_stuck = stalled_since_ns_ != 0 && moved < IncomingStream::kLeastFlush;
  stalled_since_ns_ = now_ns;
  sent_before_stall_ = socket_.bytes_sent();
  return is_stuck;
}

// False: the client is gone.
bool ServerConnection::CheckPing(int64_t now_ns) {
  if (ping_sent_at_ns_ != 0) return now_ns < ping_sent_at_ns_ + kPingTimeoutNs;
  const int64_t after = settings_.ping_after_ns;
  if (streams_ == nullptr || after == 0 || now_ns < received_at_ns_ + after) return true;
  ping_sent_at_ns_ = now_ns;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  FlushSoon();
  return true;
}

}  // namespace sluice::http::h2
