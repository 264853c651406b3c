// nghttp2 owns the protocol: it parses, keeps the windows and orders frames. Its callbacks
// (client_callbacks.cc) turn frames into calls of OutgoingStream. This file moves bytes between the
// socket and the session and decides when the connection is over.
//
// nghttp2 may be given work (submit, consume, resume) at any time, also from its own callbacks, but
// neither reads nor writes within them: so everything is written at the end of the turn, by Run().
#include "proxy/http/h2/client_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/http/h2/client_callbacks.h"
#include "proxy/http/h2/outgoing_stream.h"
#include "proxy/http/tls_failure.h"

namespace sluice::http::h2 {
namespace {

// Reads of one turn, 64 KiB each, before others have theirs.
constexpr int kReadsPerTurn = 4;

// RFC 9113 section 6.5.2: unlimited until the server says; a hundred is its recommended minimum.
constexpr uint32_t kStreamsBeforeSettings = 100;

}  // namespace

ClientConnection::ClientConnection(net::IoContext& io, net::Transport transport, bool connecting,
                                   Owner& owner, const Options& options)
    : io_(io),
      owner_(owner),
      options_(options),
      socket_(io, std::move(transport), event::Phase::kFlushUpstream, *this, connecting),
      timer_(io.loop.timers(), &event::Timer::Call<ClientConnection, &ClientConnection::OnTimer>,
             this),
      max_streams_(std::min(options.max_streams, kStreamsBeforeSettings)) {
  session_ = Callbacks::NewSession(*this);
  SubmitSettings();
}

ClientConnection::~ClientConnection() {
  while (streams_ != nullptr) {
    OutgoingStream& stream = *streams_;
    Unlink(stream);
    stream.Orphan();
  }
  nghttp2_session_del(session_);
}

void ClientConnection::SubmitSettings() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_bytes},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window));
}

absl::Status ClientConnection::Start() {
  if (absl::Status status = socket_.Register(); !status.ok()) return status;
  received_at_ns_ = io_.loop.now_ns();
  if (socket_.is_connected()) {
    FlushSoon();
    ArmPing(received_at_ns_);
  }
  return absl::OkStatus();
}

// --- Streams.

ClientStream* ClientConnection::NewStream(ClientStreamEvents& events) {
  if (is_full() || is_going_away() || is_closing_) return nullptr;
  if (free_.empty()) free_.push_back(std::make_unique<OutgoingStream>(io_.loop));
  OutgoingStream* stream = free_.back().release();
  free_.pop_back();
  stream->Open(*this, events);
  Link(*stream);
  ++active_;
  was_full_ = is_full();
  return stream;
}

void ClientConnection::Release(OutgoingStream& stream) {
  Unlink(stream);
  if (stream.id_ == 0) {
    --active_;
    must_tell_idle_ = active_ == 0;
  } else if (!stream.is_closed_) {
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
    // A response that came whole to a request that left whole needs no reset: nghttp2 is about to
    // close the stream, and servers count resets against us.
    const bool has_ended =
        stream.has_end_ && nghttp2_session_get_stream_local_close(session_, stream.id_) == 1;
    const uint32_t code =
        stream.failure_ == ResetReason::kProtocolError ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_CANCEL;
    if (!has_ended) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
  }
  stream.queue_.Clear();
  stream.received_.Clear();
  stream.request_trailers_.reset();
  released_.emplace_back(&stream);
  FlushSoon();
}

void ClientConnection::Link(OutgoingStream& stream) {
  stream.prev_ = nullptr;
  stream.next_ = streams_;
  if (streams_ != nullptr) streams_->prev_ = &stream;
  streams_ = &stream;
}

void ClientConnection::Unlink(OutgoingStream& stream) {
  (stream.prev_ == nullptr ? streams_ : stream.prev_->next_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->prev_ = stream.prev_;
}

// --- Writing.

void ClientConnection::FlushSoon() {
  if (!is_over_) io_.loop.Schedule(*this, event::Phase::kFlushUpstream);
}

void ClientConnection::Run() {
  if (is_over_ || is_closing_) return;
  std::move(released_.begin(), released_.end(), std::back_inserter(free_));
  released_.clear();
  if (is_draining_ && active_ == 0) nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  while (!socket_.is_above_high_water()) {
    const uint8_t* data = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(session_, &data);
    if (bytes < 0) return End(ResetReason::kProtocolError);
    if (bytes == 0) break;
    writer_.Write(data, static_cast<size_t>(bytes), io_.pool, socket_.out());
  }
  writer_.Finish();
  if (is_closing_) return;  // By a user who was told of an end. OnLater() tells the others.
  if (!socket_.out().empty()) socket_.FlushSoon();
  TellOwner();
}

void ClientConnection::OnWriteError(int) {
  if (is_closing_) return;
  // What the server said before it closed is worth having.
  ReadSome();
  if (!is_over_) End(ResetReason::kPeerClosed);
}

void ClientConnection::OnConnected(int error) {
  connect_error_ = error;
  if (error != 0) return End(ConnectFailureOf(socket_.secure(), error));
  received_at_ns_ = io_.loop.now_ns();
  ArmPing(received_at_ns_);
  FlushSoon();
  owner_.OnConnected();
}

// --- Reading.

void ClientConnection::OnReadable() { ReadSome(); }

void ClientConnection::ReadSome() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (is_over_ || is_closing_) return;
    if (!ReadOnce()) return FlushSoon();
  }
  io_.loop.Schedule(later_, event::Phase::kReady);
  FlushSoon();
}

// Returns false if there is nothing more to read now.
bool ClientConnection::ReadOnce() {
  // Shared while nghttp2 is at it, so that nobody who is called reads into it.
  const net::BlockRef block = io_.Scratch().Share();
  const net::ReadResult result = socket_.Read(block->data(), block->capacity);
  switch (result.status) {
    case net::ReadStatus::kWouldBlock:
      return false;
    case net::ReadStatus::kEnd:
    case net::ReadStatus::kError:
      End(TlsFailureOr(socket_.secure(), ResetReason::kPeerClosed));
      return false;
    case net::ReadStatus::kData:
      break;
  }
  received_at_ns_ = io_.loop.now_ns();
  ping_sent_at_ns_ = 0;
  read_block_ = &block;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(block->data()), result.bytes);
  read_block_ = nullptr;
  if (taken < 0) {
    // Not even a GOAWAY is possible (a flood, or a failed callback).
    End(ResetReason::kProtocolError);
    return false;
  }
  return socket_.may_be_readable();
}

void ClientConnection::OnLater() {
  if (is_over_) return;
  if (is_closing_) return End(close_reason_);
  ReadSome();
}

// --- Life.

void ClientConnection::ArmPing(int64_t at_ns) {
  if (options_.ping_after == absl::InfiniteDuration()) return;
  timer_.SetAt(at_ns + absl::ToInt64Nanoseconds(options_.ping_after));
}

void ClientConnection::OnTimer() {
  const int64_t now = io_.loop.now_ns();
  if (ping_sent_at_ns_ != 0) return End(ResetReason::kPeerClosed);
  if (now < received_at_ns_ + absl::ToInt64Nanoseconds(options_.ping_after)) {
    return ArmPing(received_at_ns_);
  }
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ping_sent_at_ns_ = now;
  timer_.SetAt(now + absl::ToInt64Nanoseconds(options_.ping_timeout));
  FlushSoon();
}

void ClientConnection::TellSettings() {
  for (OutgoingStream* stream = streams_; stream != nullptr; stream = stream->next_) {
    stream->OnSettings();
  }
}

void ClientConnection::TellOwner() {
  if (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) {
    // After a GOAWAY of the server or a drain this is the end that was waited for. Otherwise
    // nghttp2 found the server at fault and has said so in a GOAWAY that is in the queue.
    return End(is_going_away_ ? ResetReason::kNone : ResetReason::kProtocolError);
  }
  if (std::exchange(must_tell_going_away_, false)) owner_.OnGoingAway();
  if (std::exchange(must_tell_idle_, false) && active_ == 0 && !is_over_) owner_.OnIdle();
  const bool had_been_full = std::exchange(was_full_, is_full());
  if (had_been_full && !was_full_ && !is_going_away()) owner_.OnCapacity();
}

void ClientConnection::Drain() {
  is_going_away_ = is_draining_ = true;
  FlushSoon();
}

void ClientConnection::Close(ResetReason reason) {
  if (is_over_ || is_closing_) return;
  is_closing_ = true;
  close_reason_ = reason;
  socket_.Close();
  io_.loop.Schedule(later_, event::Phase::kReady);
}

void ClientConnection::End(ResetReason reason) {
  if (is_over_) return;
  is_over_ = true;
  timer_.Cancel();
  // A last GOAWAY is sent in this turn, if the kernel takes it.
  if (socket_.out().empty() || !socket_.is_connected()) socket_.Close();
  while (streams_ != nullptr) {
    OutgoingStream& stream = *streams_;
    Unlink(stream);
    stream.OnConnectionEnd(reason);
  }
  owner_.OnClosed(reason);
}

}  // namespace sluice::http::h2
