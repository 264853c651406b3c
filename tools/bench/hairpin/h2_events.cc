#include "tools/bench/hairpin/h2_events.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tools/bench/hairpin/grpc_message.h"
#include "tools/bench/hairpin/h2_output.h"

namespace sluice::hairpin {

H2Events::H2Events(Loop& loop, Host& host, const LaneOptions& lane, const EventOptions& events,
                   const RequestPlan& plan)
    : loop_(loop),
      host_(host),
      lane_(lane),
      events_(events),
      plan_(plan),
      streams_(std::max<uint32_t>(1, lane.streams)) {}

H2Events::~H2Events() { nghttp2_session_del(session_); }

void H2Events::Open() {
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (!transport_.Connect(lane_.target, 0, lane_.tls, loop_, *this)) {
    return Fail(Failure::kConnect);
  }
  SubmitSettings(session_);
  const std::vector<nghttp2_nv> fields = FieldsOf(plan_.fields(0));
  for (Stream& stream : streams_) {
    nghttp2_data_provider body;
    body.source.ptr = &stream;
    body.read_callback = ReadBody;
    stream.id =
        nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &body, &stream);
  }
  Flush();
}

void H2Events::Send(uint32_t stream, int64_t now) {
  Stream& one = streams_[stream];
  if (session_ == nullptr) return;
  one.unsent += GrpcMessage(StampedMessage(now, events_.bytes));
  nghttp2_session_resume_data(session_, one.id);
}

void H2Events::Flush() {
  if (session_ != nullptr && !FlushSession(session_, transport_, unsent_)) Fail(Failure::kReset);
}

void H2Events::OnEvents(uint32_t events) {
  if (session_ == nullptr) return;
  Flush();
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read();
  Flush();
}

void H2Events::Read() {
  static char buffer[256 * 1024];
  while (session_ != nullptr) {
    const ssize_t size = transport_.Receive(buffer, sizeof buffer);
    if (size == Transport::kBlocked) return;
    if (size <= 0) return Fail(Failure::kReset);
    if (nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(buffer),
                                 static_cast<size_t>(size)) != size) {
      return Fail(Failure::kMalformed);
    }
    if (transport_.IsDrained(size, sizeof buffer)) return;
  }
}

void H2Events::Fail(Failure failure) {
  transport_.Close();
  nghttp2_session_del(std::exchange(session_, nullptr));
  host_.OnFailed(failure);
}

ssize_t H2Events::ReadBody(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t*,
                           nghttp2_data_source* source, void*) {
  std::string& unsent = static_cast<Stream*>(source->ptr)->unsent;
  if (unsent.empty()) return NGHTTP2_ERR_DEFERRED;
  const size_t taken = std::min(size, unsent.size());
  std::memcpy(out, unsent.data(), taken);
  unsent.erase(0, taken);
  return static_cast<ssize_t>(taken);
}

int H2Events::OnData(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* data,
                     size_t size, void* self) {
  auto* one = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, stream));
  Host& host = static_cast<H2Events*>(self)->host_;
  one->stamps.Feed(absl::string_view(reinterpret_cast<const char*>(data), size),
                   [&host](int64_t sent) { host.OnMessage(sent); });
  return 0;
}

// None of them is meant to end.
int H2Events::OnStreamClose(nghttp2_session*, int32_t, uint32_t, void* self) {
  static_cast<H2Events*>(self)->host_.OnFailed(Failure::kReset);
  return 0;
}

}  // namespace sluice::hairpin
