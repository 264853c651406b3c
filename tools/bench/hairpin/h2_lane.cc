#include "tools/bench/hairpin/h2_lane.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "tools/bench/hairpin/h2_output.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

absl::string_view Text(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

H2Lane* LaneOf(nghttp2_session* session, int32_t stream) {
  return static_cast<H2Lane*>(nghttp2_session_get_stream_user_data(session, stream));
}

}  // namespace

void H2Lane::Begin(uint32_t request, int64_t due, int64_t now) {
  due_ = due;
  begun_ = now;
  status_ = 0;
  body_bytes_ = 0;
  sent_ = 0;
  has_grpc_ok_ = false;
  if (!session_.Begin(*this, request)) Fail(Failure::kConnect);
}

void H2Lane::FailIfOlderThan(int64_t moment) {
  if (stream_ == 0 || begun_ >= moment) return;
  session_.Cancel(stream_);
  Fail(Failure::kTimeout);
}

void H2Lane::OnField(absl::string_view name, absl::string_view value, bool is_trailer) {
  if (name == ":status" && (!absl::SimpleAtoi(value, &status_) || status_ < 200)) status_ = 0;
  if (is_trailer && name == "grpc-status") has_grpc_ok_ = value == "0";
}

void H2Lane::OnClose(uint32_t error) {
  const LaneOptions& options = session_.host().lane_options();
  if (error != NGHTTP2_NO_ERROR) return Fail(Failure::kReset);
  if (status_ != options.expect_status) return Fail(Failure::kStatus);
  if (body_bytes_ != options.expect_body_bytes) return Fail(Failure::kLength);
  if (options.expect_grpc && !has_grpc_ok_) return Fail(Failure::kMalformed);
  stream_ = 0;
  session_.host().OnCompleted(due_);
  session_.host().OnFree(*this);
}

void H2Lane::Fail(Failure failure) {
  stream_ = 0;
  session_.host().OnFailed(*this, failure);
}

H2Session::H2Session(Lane::Host& host) : host_(host), source_(host.NextSource()) {}

H2Session::~H2Session() { nghttp2_session_del(session_); }

bool H2Session::Open() {
  const LaneOptions& options = host_.lane_options();
  host_.OnConnecting();
  if (!transport_.Connect(options.target, source_, options.tls, host_.loop(), *this)) {
    transport_.Close();
    return false;
  }
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  SubmitSettings(session_);
  return true;
}

bool H2Session::Begin(H2Lane& lane, uint32_t request) {
  if (session_ == nullptr && !Open()) return false;
  const std::vector<nghttp2_nv> fields = FieldsOf(host_.plan().fields(request));
  nghttp2_data_provider body;
  body.source.ptr = &lane;
  body.read_callback = ReadBody;
  lane.stream_ = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                        host_.plan().body().empty() ? nullptr : &body, &lane);
  is_dirty_ = true;
  if (lane.stream_ < 0) return false;
  active_.push_back(&lane);
  return true;
}

void H2Session::Cancel(int32_t stream) {
  std::erase_if(active_, [stream](const H2Lane* lane) { return lane->stream_ == stream; });
  nghttp2_session_set_stream_user_data(session_, stream, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  is_dirty_ = true;
}

void H2Session::Flush() {
  if (session_ == nullptr || is_reading_ || (!is_dirty_ && unsent_.empty())) return;
  is_dirty_ = false;
  if (!FlushSession(session_, transport_, unsent_)) Close(Failure::kReset);
}

void H2Session::OnEvents(uint32_t events) {
  if (session_ == nullptr) return;
  if ((events & EPOLLERR) != 0) return Close(Failure::kConnect);
  is_dirty_ = true;
  Flush();
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read();
  Flush();
}

void H2Session::Read() {
  static char buffer[kReadBytes];
  while (session_ != nullptr) {
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) return;
    if (size <= 0) return Close(Failure::kReset);
    // Responses that end here give their lanes the next requests.
    is_reading_ = true;
    const ssize_t used = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(buffer), static_cast<size_t>(size));
    is_reading_ = false;
    is_dirty_ = true;
    if (used != size) return Close(Failure::kMalformed);
    if (transport_.IsDrained(size, sizeof buffer)) return;
  }
}

void H2Session::Close(Failure failure) {
  transport_.Close();
  nghttp2_session_del(std::exchange(session_, nullptr));
  unsent_.clear();
  if (active_.empty()) host_.OnClosedWhileIdle();
  for (H2Lane* lane : std::exchange(active_, {})) lane->Fail(failure);
}

ssize_t H2Session::ReadBody(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t* flags,
                            nghttp2_data_source* source, void* self) {
  H2Lane& lane = *static_cast<H2Lane*>(source->ptr);
  const absl::string_view rest =
      static_cast<H2Session*>(self)->host_.plan().body().substr(lane.sent_);
  const size_t taken = std::min(size, rest.size());
  std::memcpy(out, rest.data(), taken);
  lane.sent_ += taken;
  if (taken == rest.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

int H2Session::OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                        size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
  if (H2Lane* lane = LaneOf(session, frame->hd.stream_id)) {
    lane->OnField(Text(name, name_size), Text(value, value_size),
                  frame->headers.cat == NGHTTP2_HCAT_HEADERS);
  }
  return 0;
}

int H2Session::OnData(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t*,
                      size_t size, void*) {
  if (H2Lane* lane = LaneOf(session, stream)) lane->body_bytes_ += size;
  return 0;
}

int H2Session::OnStreamClose(nghttp2_session* session, int32_t stream, uint32_t error, void* self) {
  H2Lane* lane = LaneOf(session, stream);
  if (lane == nullptr) return 0;
  auto& active = static_cast<H2Session*>(self)->active_;
  const auto found = std::find(active.begin(), active.end(), lane);
  *found = active.back();
  active.pop_back();
  lane->OnClose(error);
  return 0;
}

}  // namespace sluice::hairpin
