#include "proxy/http/h2/server_callbacks.h"

#include <algorithm>
#include <new>

#include "proxy/http/h2/incoming_stream.h"

namespace sluice::http::h2 {
namespace {

constexpr size_t kFrameHead = 9;

// Heads of upstreams may have 64 KiB, and the exchange adds to them.
constexpr size_t kMaxHeaderBlock = 256 * 1024;

constexpr uint64_t kManyResets = 1'000'000;

// Stream objects as SessionMemory has pieces.
constexpr size_t kKeptStreams = 64;
constexpr size_t kTrimAtOnce = 4096;

ServerConnection& ConnectionOf(void* self) { return *static_cast<ServerConnection*>(self); }

// Null if the connection has let go of it.
IncomingStream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<IncomingStream*>(nghttp2_session_get_stream_user_data(session, id));
}

absl::string_view TextOf(nghttp2_rcbuf* buffer) {
  const nghttp2_vec text = nghttp2_rcbuf_get_buf(buffer);
  return absl::string_view(reinterpret_cast<const char*>(text.base), text.len);
}

// Whether a reset with this code is the client's doing.
bool IsFault(uint32_t code) {
  switch (code) {
    case NGHTTP2_NO_ERROR:
    case NGHTTP2_INTERNAL_ERROR:
    case NGHTTP2_CANCEL:
      return false;
    default:
      return true;
  }
}

}  // namespace

nghttp2_session_callbacks* ServerConnection::Callbacks::New() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, OnInvalidHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, OnFrameNotSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
  return callbacks;
}

ServerWorkspace::ServerWorkspace() : callbacks_(ServerConnection::Callbacks::New()) {
  if (nghttp2_option_new(&option_) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option_, 1);
  // The guard judges resets, in proportion to what goes well.
  nghttp2_option_set_stream_reset_rate_limit(option_, kManyResets, kManyResets);
  nghttp2_option_set_max_send_header_block_length(option_, kMaxHeaderBlock);
}

ServerWorkspace::~ServerWorkspace() {
  nghttp2_option_del(option_);
  nghttp2_session_callbacks_del(callbacks_);
}

IncomingStream* ServerWorkspace::TakeStream() {
  if (free_.empty()) return new IncomingStream;
  IncomingStream* stream = free_.back().release();
  free_.pop_back();
  least_free_ = std::min(least_free_, free_.size());
  return stream;
}

void ServerWorkspace::ReturnStream(IncomingStream* stream) { free_.emplace_back(stream); }

void ServerWorkspace::Trim() {
  memory_.Trim();
  const size_t excess = least_free_ <= kKeptStreams ? 0 : (least_free_ - kKeptStreams + 1) / 2;
  free_.resize(free_.size() - std::min(excess, kTrimAtOnce));
  least_free_ = free_.size();
}

void ServerWorkspace::Release() {
  memory_.Release();
  free_.clear();
  free_.shrink_to_fit();
  least_free_ = 0;
}

int ServerConnection::Callbacks::OnBeginFrame(nghttp2_session* session,
                                              const nghttp2_frame_hd* head, void* self) {
  ServerConnection& connection = ConnectionOf(self);
  if (head->type == NGHTTP2_SETTINGS) {
    connection.window_bound_.OnSettingsBegin(session, connection.streams_);
  }
  return 0;
}

int ServerConnection::Callbacks::OnBeginHeaders(nghttp2_session* session,
                                                const nghttp2_frame* frame, void* self) {
  ServerConnection& connection = ConnectionOf(self);
  connection.reader_.Begin();
  connection.head_began_ns_ = connection.io_.loop.now_ns();
  const int32_t id = connection.head_of_ = frame->hd.stream_id;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  IncomingStream* stream = connection.workspace_.TakeStream();
  if (!stream->Open(connection, id)) {
    connection.workspace_.ReturnStream(stream);
    // No memory for an exchange: the client knows that it may try again, elsewhere or later.
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
  }
  nghttp2_session_set_stream_user_data(session, id, stream);
  connection.OnStreamOpen(*stream);
  return 0;
}

int ServerConnection::Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                          nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t,
                                          void* self) {
  ServerConnection& connection = ConnectionOf(self);
  IncomingStream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream != nullptr) {
    stream->OnField(TextOf(name), TextOf(value));
  } else {
    connection.reader_.Skip(TextOf(name), TextOf(value));
  }
  if (!connection.reader_.is_abusive(connection.host_.settings())) return 0;
  connection.is_flooded_ = true;
  return NGHTTP2_ERR_PAUSE;
}

int ServerConnection::Callbacks::OnInvalidHeader(nghttp2_session*, const nghttp2_frame*,
                                                 const uint8_t*, size_t, const uint8_t*, size_t,
                                                 uint8_t, void*) {
  // Left alone, nghttp2 would drop the field and go on: what one side drops and the other reads is
  // how requests are smuggled. The stream is reset with PROTOCOL_ERROR.
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int ServerConnection::Callbacks::OnData(nghttp2_session* session, uint8_t, int32_t id,
                                        const uint8_t* data, size_t bytes, void* self) {
  ServerConnection& connection = ConnectionOf(self);
  IncomingStream* stream = StreamOf(session, id);
  const char* begin = reinterpret_cast<const char*>(data);
  if (stream != nullptr) {
    stream->OnData(*connection.read_block_, begin, begin + bytes);
  } else {
    connection.OnReceived(bytes);
  }
  return 0;
}

int ServerConnection::Callbacks::OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                                         void* self) {
  ServerConnection& connection = ConnectionOf(self);
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  IncomingStream* stream = StreamOf(session, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      connection.head_began_ns_ = 0;
      if (stream != nullptr) stream->OnHeadersEnd(end);
      return 0;
    case NGHTTP2_DATA:
      if (stream != nullptr && end) stream->OnEnd();
      return 0;
    case NGHTTP2_RST_STREAM:
      if (stream != nullptr) stream->OnPeerReset();
      return 0;
    case NGHTTP2_SETTINGS:
      // The first completes the preface.
      connection.head_began_ns_ = 0;
      if (connection.window_bound_.IsExceeded(session)) {
        connection.end_code_ = NGHTTP2_FLOW_CONTROL_ERROR;
      }
      return 0;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) connection.OnPingAnswered();
      return 0;
    case NGHTTP2_GOAWAY:
      connection.is_client_leaving_ = true;
      return 0;
    default:
      return 0;
  }
}

int ServerConnection::Callbacks::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame,
                                             void* self) {
  ServerConnection& connection = ConnectionOf(self);
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS: {
      IncomingStream* stream = StreamOf(session, frame->hd.stream_id);
      const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (end && stream != nullptr) stream->OnResponseSent();
      return 0;
    }
    case NGHTTP2_RST_STREAM:
      connection.is_flooded_ |= IsFault(frame->rst_stream.error_code) &&
                                !connection.guard_.OnStreamError(connection.io_.loop.now_ns());
      return 0;
    case NGHTTP2_GOAWAY:
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) connection.Blame(frame->goaway.error_code);
      return 0;
    default:
      return 0;
  }
}

int ServerConnection::Callbacks::OnFrameNotSent(nghttp2_session* session,
                                                const nghttp2_frame* frame, int error, void*) {
  // A head that cannot be sent would leave the client waiting.
  if (frame->hd.type == NGHTTP2_HEADERS && error != NGHTTP2_ERR_STREAM_CLOSED &&
      error != NGHTTP2_ERR_STREAM_CLOSING) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

int ServerConnection::Callbacks::OnStreamClose(nghttp2_session* session, int32_t id, uint32_t code,
                                               void* self) {
  ServerConnection& connection = ConnectionOf(self);
  // The rest of a head that nghttp2 has found malformed is waited for by nobody.
  if (id == connection.head_of_) connection.head_began_ns_ = 0;
  IncomingStream* stream = StreamOf(session, id);
  if (stream == nullptr) return 0;
  if (code == NGHTTP2_NO_ERROR && stream->has_ended()) {
    connection.guard_.OnStreamDone();
    connection.ids_.OnEnded(static_cast<uint32_t>(id));
  }
  stream->OnClosed(code);
  connection.OnStreamClosed(*stream);
  return 0;
}

int ServerConnection::Callbacks::SendData(nghttp2_session* session, nghttp2_frame* frame,
                                          const uint8_t* head, size_t bytes, nghttp2_data_source*,
                                          void* self) {
  ServerConnection& connection = ConnectionOf(self);
  IncomingStream* stream = StreamOf(session, frame->hd.stream_id);
  // Let go since the frame was planned: its content is gone.
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  net::Buffer& out = connection.socket_.out();
  if (connection.socket_.is_above_high_water()) return NGHTTP2_ERR_WOULDBLOCK;
  FrameWriter& writer = connection.workspace_.writer_;
  writer.Write(head, kFrameHead, connection.io_.pool, out);
  net::Buffer body;
  stream->TakeData(bytes, body);
  writer.WriteBody(std::move(body), connection.io_.pool, out);
  connection.is_flooded_ |=
      !connection.guard_.OnDataSent(bytes, stream->has_queued(), connection.io_.loop.now_ns());
  return 0;
}

}  // namespace sluice::http::h2
