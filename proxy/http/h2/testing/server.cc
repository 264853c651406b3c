#include "proxy/http/h2/testing/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace sluice::http::h2 {
namespace {

// Names are not copied, because nghttp2 would write the copies in lower case: they are sent before
// `fields` goes.
std::vector<nghttp2_nv> ToNv(const TestServer::Fields& fields) {
  std::vector<nghttp2_nv> result;
  for (const auto& [name, value] : fields) {
    result.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME});
  }
  return result;
}

TestServer& Self(void* self) { return *static_cast<TestServer*>(self); }

int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
             const uint8_t* value, size_t value_size, uint8_t, void* self) {
  Self(self).requests[frame->hd.stream_id].fields.emplace_back(
      std::string(reinterpret_cast<const char*>(name), name_size),
      std::string(reinterpret_cast<const char*>(value), value_size));
  return 0;
}

int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
  Self(self).requests[id].body.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  TestServer& server = Self(self);
  const auto type = frame->hd.type;
  if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    server.requests[frame->hd.stream_id].has_ended = true;
  }
  if (type == NGHTTP2_RST_STREAM) {
    server.requests[frame->hd.stream_id].was_reset = true;
    server.requests[frame->hd.stream_id].reset_code = frame->rst_stream.error_code;
  }
  if (type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) ++server.pings;
  if (type == NGHTTP2_GOAWAY) {
    server.has_goaway = true;
    server.goaway_code = frame->goaway.error_code;
  }
  return 0;
}

}  // namespace

std::string TestServer::Request::Get(absl::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return "(none)";
}

TestServer::TestServer(net::Fd fd, const Options& options) : fd_(std::move(fd)) {
  MakeSession(options);
}

TestServer::~TestServer() { nghttp2_session_del(session_); }

void TestServer::MakeSession(const Options& options) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, options.opens_windows ? 0 : 1);
  nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, options.grants_connect ? 1u : 0u},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
}

void TestServer::Poll() {
  if (!fd_.is_open()) return;
  char buffer[65536];
  for (;;) {
    const ssize_t n = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n <= 0) {
      has_peer_closed |= n == 0;
      break;
    }
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(buffer),
                             static_cast<size_t>(n));
  }
  Send();
}

void TestServer::Send() {
  const uint8_t* data = nullptr;
  for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;) {
    out_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
  while (!out_.empty()) {
    const ssize_t n = send(fd_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) break;
    out_.erase(0, static_cast<size_t>(n));
  }
}

ssize_t TestServer::ReadBody(nghttp2_session*, int32_t id, uint8_t* out, size_t size,
                             uint32_t* flags, nghttp2_data_source*, void* self) {
  Body& body = Self(self).bodies_[id];
  const size_t n = std::min(size, body.bytes.size() - body.sent);
  if (n == 0 && !body.ends) return NGHTTP2_ERR_DEFERRED;
  std::memcpy(out, body.bytes.data() + body.sent, n);
  body.sent += n;
  if (body.ends && body.sent == body.bytes.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (body.has_trailers) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(n);
}

void TestServer::Respond(int32_t id, const Fields& fields) {
  const std::vector<nghttp2_nv> nv = ToNv(fields);
  nghttp2_submit_response(session_, id, nv.data(), nv.size(), nullptr);
  Send();
}

void TestServer::Respond(int32_t id, const Fields& fields, const std::string& body) {
  SendHead(id, fields);
  SendBody(id, body, /*end=*/true);
}

void TestServer::SendHead(int32_t id, const Fields& fields) {
  const std::vector<nghttp2_nv> nv = ToNv(fields);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, nv.data(), nv.size(), nullptr);
  Send();
}

void TestServer::SendBody(int32_t id, const std::string& bytes, bool end) {
  Body& body = bodies_[id];
  const bool is_first = body.bytes.empty();
  body.bytes += bytes;
  body.ends = end;
  nghttp2_data_provider provider{};
  provider.read_callback = ReadBody;
  if (is_first) nghttp2_submit_data(session_, NGHTTP2_FLAG_END_STREAM, id, &provider);
  nghttp2_session_resume_data(session_, id);
  Send();
}

void TestServer::SendTrailers(int32_t id, const Fields& fields) {
  Body& body = bodies_[id];
  body.ends = body.has_trailers = true;
  nghttp2_session_resume_data(session_, id);
  Send();
  const std::vector<nghttp2_nv> nv = ToNv(fields);
  nghttp2_submit_trailer(session_, id, nv.data(), nv.size());
  Send();
}

void TestServer::SendReset(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  Send();
}

void TestServer::SendGoaway(int32_t last_id, uint32_t code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, code, nullptr, 0);
  Send();
}

void TestServer::SendSettings(uint32_t max_streams) {
  const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &setting, 1);
  Send();
}

void TestServer::SendRaw(absl::string_view bytes) {
  Send();
  out_.append(bytes.data(), bytes.size());
  Send();
}

void TestServer::AllowMore(int32_t id, size_t bytes) {
  nghttp2_session_consume(session_, id, bytes);
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, static_cast<int32_t>(bytes));
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(bytes));
  Send();
}

}  // namespace sluice::http::h2
