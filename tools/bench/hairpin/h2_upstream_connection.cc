#include "tools/bench/hairpin/h2_upstream_connection.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/bench/hairpin/grpc_message.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

}  // namespace

H2Response H2Response::Of(const UpstreamOptions& options) {
  H2Response response;
  response.echoes = options.events.kind == EventKind::kGrpc;
  response.fields = {{":status", absl::StrCat(options.status)}};
  for (const std::string& line : options.headers) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    response.fields.emplace_back(absl::AsciiStrToLower(parts.first), parts.second);
  }
  if (options.grpc) {
    response.body = GrpcMessage(std::string(options.body_bytes, 'x'));
    response.fields.emplace_back("content-type", "application/grpc");
    response.trailers = {{"grpc-status", "0"}};
  } else if (!response.echoes) {
    response.body = std::string(options.body_bytes, 'x');
    response.fields.emplace_back("content-length", absl::StrCat(options.body_bytes));
  }
  return response;
}

H2UpstreamConnection::H2UpstreamConnection(Host& host, const H2Response& response, int fd)
    : host_(host), response_(response), transport_(fd) {
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  if (response.echoes) {
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  }
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  SubmitSettings(session_);
}

H2UpstreamConnection::~H2UpstreamConnection() { nghttp2_session_del(session_); }

void H2UpstreamConnection::OnEvents(uint32_t events) {
  if (!transport_.is_open()) return;
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && !Read()) return Close();
  if (!Flush()) Close();
}

bool H2UpstreamConnection::Read() {
  static char buffer[kReadBytes];
  while (true) {
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) return true;
    if (size <= 0) return false;
    const ssize_t used = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(buffer), static_cast<size_t>(size));
    if (used != size) {
      host_.OnBroken();
      return false;
    }
    if (transport_.IsDrained(size, sizeof buffer)) return true;
  }
}

bool H2UpstreamConnection::Flush() { return FlushSession(session_, transport_, unsent_); }

void H2UpstreamConnection::Close() {
  transport_.Close();
  host_.OnClosed(*this);
}

void H2UpstreamConnection::Answer(int32_t stream) {
  host_.OnRequest();
  const std::vector<nghttp2_nv> fields = FieldsOf(response_.fields);
  nghttp2_data_provider body;
  body.source.ptr = nullptr;
  body.read_callback = response_.echoes ? ReadEcho : ReadBody;
  nghttp2_submit_response(session_, stream, fields.data(), fields.size(), &body);
}

// How much of the body a stream has sent is what its user data says.
ssize_t H2UpstreamConnection::ReadBody(nghttp2_session* session, int32_t stream, uint8_t* out,
                                       size_t size, uint32_t* flags, nghttp2_data_source*,
                                       void* self) {
  const H2Response& response = static_cast<H2UpstreamConnection*>(self)->response_;
  auto sent = reinterpret_cast<size_t>(nghttp2_session_get_stream_user_data(session, stream));
  const size_t taken = std::min(size, response.body.size() - sent);
  std::memcpy(out, response.body.data() + sent, taken);
  sent += taken;
  nghttp2_session_set_stream_user_data(session, stream, reinterpret_cast<void*>(sent));
  if (sent < response.body.size()) return static_cast<ssize_t>(taken);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (response.trailers.empty()) return static_cast<ssize_t>(taken);
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  const std::vector<nghttp2_nv> trailers = FieldsOf(response.trailers);
  nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
  return static_cast<ssize_t>(taken);
}

ssize_t H2UpstreamConnection::ReadEcho(nghttp2_session*, int32_t stream, uint8_t* out, size_t size,
                                       uint32_t*, nghttp2_data_source*, void* self) {
  std::string& echo = static_cast<H2UpstreamConnection*>(self)->echoes_[stream];
  if (echo.empty()) return NGHTTP2_ERR_DEFERRED;
  const size_t taken = std::min(size, echo.size());
  std::memcpy(out, echo.data(), taken);
  echo.erase(0, taken);
  return static_cast<ssize_t>(taken);
}

int H2UpstreamConnection::OnData(nghttp2_session* session, uint8_t, int32_t stream,
                                 const uint8_t* data, size_t size, void* self) {
  static_cast<H2UpstreamConnection*>(self)->echoes_[stream].append(
      reinterpret_cast<const char*>(data), size);
  nghttp2_session_resume_data(session, stream);
  return 0;
}

int H2UpstreamConnection::OnStreamClose(nghttp2_session*, int32_t stream, uint32_t, void* self) {
  static_cast<H2UpstreamConnection*>(self)->echoes_.erase(stream);
  return 0;
}

int H2UpstreamConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  auto& connection = *static_cast<H2UpstreamConnection*>(self);
  const bool begins_request =
      frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  const bool ends_request = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (connection.response_.echoes ? begins_request : ends_request) {
    connection.Answer(frame->hd.stream_id);
  }
  return 0;
}

}  // namespace sluice::hairpin
