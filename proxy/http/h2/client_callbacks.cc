#include "proxy/http/h2/client_callbacks.h"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/http/h2/outgoing_stream.h"

namespace sluice::http::h2 {
namespace {

// DATA frames that bring nothing cost the server less than us (CVE-2019-9518).
constexpr uint32_t kMaxEmptyFrames = 1000;

constexpr size_t kFrameHead = 9;

ClientConnection& ConnectionOf(void* self) { return *static_cast<ClientConnection*>(self); }

// Null if its user has let go of it.
OutgoingStream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<OutgoingStream*>(nghttp2_session_get_stream_user_data(session, id));
}

absl::string_view TextOf(nghttp2_rcbuf* buffer) {
  const nghttp2_vec text = nghttp2_rcbuf_get_buf(buffer);
  return absl::string_view(reinterpret_cast<const char*>(text.base), text.len);
}

}  // namespace

nghttp2_session* ClientConnection::Callbacks::NewSession(ClientConnection& connection) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
    throw std::bad_alloc();
  }
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, OnInvalidHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, OnFrameNotSent);
  nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, BeforeFrameSent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
  nghttp2_option_set_no_auto_window_update(option, 1);
  const int error = nghttp2_session_client_new3(&session, callbacks, &connection, option,
                                                connection.memory_.functions());
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (error != 0) throw std::bad_alloc();
  return session;
}

int ClientConnection::Callbacks::OnBeginFrame(nghttp2_session* session,
                                              const nghttp2_frame_hd* head, void* self) {
  ClientConnection& connection = ConnectionOf(self);
  if (head->type == NGHTTP2_SETTINGS) {
    connection.window_bound_.OnSettingsBegin(session, connection.streams_);
  }
  return 0;
}

int ClientConnection::Callbacks::OnBeginHeaders(nghttp2_session* session,
                                                const nghttp2_frame* frame, void*) {
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream != nullptr) stream->OnHeadersBegin();
  return 0;
}

int ClientConnection::Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                          nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t,
                                          void*) {
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream == nullptr || stream->OnField(TextOf(name), TextOf(value))) return 0;
  // Resets the stream; the rest of the block is still decoded, for the sake of the others.
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int ClientConnection::Callbacks::OnInvalidHeader(nghttp2_session* session,
                                                 const nghttp2_frame* frame, const uint8_t*, size_t,
                                                 const uint8_t*, size_t, uint8_t, void*) {
  // Left alone, nghttp2 would drop the field and go on: what one side drops and the other reads is
  // how responses are split.
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream != nullptr) stream->OnInvalidField();
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int ClientConnection::Callbacks::OnData(nghttp2_session* session, uint8_t, int32_t id,
                                        const uint8_t* data, size_t bytes, void* self) {
  ClientConnection& connection = ConnectionOf(self);
  connection.empty_frames_ = 0;
  nghttp2_session_consume_connection(session, bytes);
  OutgoingStream* stream = StreamOf(session, id);
  const char* begin = reinterpret_cast<const char*>(data);
  if (stream != nullptr) stream->OnData(*connection.read_block_, begin, begin + bytes);
  return 0;
}

int ClientConnection::Callbacks::OnSettings(ClientConnection& connection,
                                            nghttp2_session* session) {
  if (connection.window_bound_.IsExceeded(session)) {
    return nghttp2_session_terminate_session(session, NGHTTP2_FLOW_CONTROL_ERROR);
  }
  const uint32_t allowed =
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  connection.max_streams_ = std::min(connection.options_.max_streams, allowed);
  connection.takes_connect_ =
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
  if (!std::exchange(connection.has_settings_, true)) connection.TellSettings();
  return 0;
}

int ClientConnection::Callbacks::OnDataFrame(ClientConnection& connection,
                                             const nghttp2_frame* frame) {
  if (frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
      ++connection.empty_frames_ > kMaxEmptyFrames) {
    return nghttp2_session_terminate_session(connection.session_, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return 0;
}

int ClientConnection::Callbacks::OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                                         void* self) {
  ClientConnection& connection = ConnectionOf(self);
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (stream != nullptr) stream->OnHeadersEnd(end);
      return 0;
    case NGHTTP2_DATA:
      if (stream != nullptr && end) stream->OnEnd();
      return OnDataFrame(connection, frame);
    case NGHTTP2_RST_STREAM:
      if (stream != nullptr) stream->OnPeerReset();
      return 0;
    case NGHTTP2_SETTINGS:
      return (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 ? OnSettings(connection, session) : 0;
    case NGHTTP2_GOAWAY:
      connection.must_tell_going_away_ = !connection.is_going_away_;
      connection.is_going_away_ = true;
      return 0;
    default:
      return 0;
  }
}

int ClientConnection::Callbacks::OnStreamClose(nghttp2_session* session, int32_t id, uint32_t code,
                                               void* self) {
  ClientConnection& connection = ConnectionOf(self);
  --connection.active_;
  connection.must_tell_idle_ = connection.active_ == 0;
  OutgoingStream* stream = StreamOf(session, id);
  if (stream != nullptr) stream->OnClosed(code);
  return 0;
}

int ClientConnection::Callbacks::OnFrameNotSent(nghttp2_session* session,
                                                const nghttp2_frame* frame, int error, void*) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  // A head that is too large for a frame will not be smaller on another connection.
  if (stream != nullptr && error != NGHTTP2_ERR_START_STREAM_NOT_ALLOWED) {
    stream->OnNotSent(ResetReason::kLocalReset);
  }
  return 0;
}

int ClientConnection::Callbacks::BeforeFrameSent(nghttp2_session* session,
                                                 const nghttp2_frame* frame, void* self) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  net::Connection& socket = ConnectionOf(self).socket_;
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream != nullptr) stream->OnHeadSent(socket.bytes_sent() + socket.out().size());
  return 0;
}

int ClientConnection::Callbacks::SendData(nghttp2_session* session, nghttp2_frame* frame,
                                          const uint8_t* head, size_t bytes, nghttp2_data_source*,
                                          void* self) {
  ClientConnection& connection = ConnectionOf(self);
  OutgoingStream* stream = StreamOf(session, frame->hd.stream_id);
  // Reset since the frame was planned: its content is gone.
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (connection.socket_.is_above_high_water()) return NGHTTP2_ERR_WOULDBLOCK;
  connection.writer_.Write(head, kFrameHead, connection.io_.pool, connection.socket_.out());
  net::Buffer body;
  stream->TakeData(bytes, body);
  connection.writer_.WriteBody(std::move(body), connection.io_.pool, connection.socket_.out());
  return 0;
}

}  // namespace sluice::http::h2
