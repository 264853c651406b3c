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
constexpr int32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 1 << 26;

nghttp2_nv Field(const std::string& name, const std::string& value) {
  const auto bytes = [](const std::string& text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

H2Response H2Response::Of(const UpstreamOptions& options) {
  H2Response response;
  response.fields = {{":status", absl::StrCat(options.status)}};
  for (const std::string& line : options.headers) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    response.fields.emplace_back(absl::AsciiStrToLower(parts.first), parts.second);
  }
  if (options.grpc) {
    response.body = GrpcMessage(options.body_bytes, 'x');
    response.fields.emplace_back("content-type", "application/grpc");
    response.trailers = {{"grpc-status", "0"}};
  } else {
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
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 10'000},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
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

bool H2UpstreamConnection::Flush() {
  while (true) {
    const uint8_t* data;
    while (unsent_.size() < kReadBytes) {
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      if (size <= 0) break;
      unsent_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
    if (unsent_.empty()) return true;
    const ssize_t sent = transport_.Send(unsent_);
    if (sent == Transport::kBlocked) return true;
    if (sent < 0) return false;
    unsent_.erase(0, static_cast<size_t>(sent));
  }
}

void H2UpstreamConnection::Close() {
  transport_.Close();
  host_.OnClosed(*this);
}

void H2UpstreamConnection::Answer(int32_t stream) {
  host_.OnRequest();
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : response_.fields) fields.push_back(Field(name, value));
  nghttp2_data_provider body;
  body.source.ptr = nullptr;
  body.read_callback = ReadBody;
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
  std::vector<nghttp2_nv> trailers;
  for (const auto& [name, value] : response.trailers) trailers.push_back(Field(name, value));
  nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
  return static_cast<ssize_t>(taken);
}

int H2UpstreamConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  const bool ends_request = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (ends_request) static_cast<H2UpstreamConnection*>(self)->Answer(frame->hd.stream_id);
  return 0;
}

}  // namespace sluice::hairpin
