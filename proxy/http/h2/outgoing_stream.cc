#include "proxy/http/h2/outgoing_stream.h"

#include <algorithm>
#include <charconv>

#include "proxy/http/h2/client_connection.h"
#include "proxy/http/h2/websocket.h"

namespace sluice::http::h2 {
namespace {

// RFC 9113 section 10.5.1: what a field costs beyond its text.
constexpr uint32_t kFieldOverhead = 32;

// More interim responses than that are a flood.
constexpr uint32_t kMaxInformationals = 16;

uint64_t ParseDecimal(absl::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void OutgoingStream::Open(ClientConnection& connection, ClientStreamEvents& events) {
  connection_ = &connection;
  events_ = &events;
  waiting_ = nullptr;
  websocket_key_.clear();
  head_ = nullptr;
  trailers_ = fields_ = nullptr;
  head_offset_ = 0;
  id_ = 0;
  pauses_ = header_bytes_ = informationals_ = 0;
  failure_ = ResetReason::kNone;
  is_upgrade_ = false;
  is_head_request_ = is_head_sent_ = has_sent_bytes_ = has_send_end_ = false;
  is_deferred_ = is_closed_ = was_reset_by_peer_ = false;
  has_final_head_ = has_end_ = has_told_end_ = was_blocked_ = owes_room_ = false;
}

// --- The user's calls.

void OutgoingStream::SendHead(const RequestHead& head, bool end) {
  if (connection_ == nullptr) return;
  is_head_request_ = head.method_id == Method::kHead;
  // RFC 8441 section 3: only who has said so is asked.
  if (!head.upgrade.empty() && !connection_->has_settings_) return KeepHead(head);
  Submit(head, end);
}

void OutgoingStream::KeepHead(const RequestHead& head) {
  Arena& arena = events_->arena();
  auto* kept = arena.New<RequestHead>(arena);
  kept->method = arena.Copy(head.method);
  kept->method_id = head.method_id;
  kept->authority = arena.Copy(head.authority);
  kept->path = arena.Copy(head.path);
  if (head.query.has_value()) kept->query = arena.Copy(*head.query);
  kept->upgrade = arena.Copy(head.upgrade);
  kept->body = head.body;
  head.headers.ForEach([&](const HeaderMap::Entry& entry) {
    kept->headers.Add(entry.id, arena.Copy(entry.name()), arena.Copy(entry.value()));
  });
  waiting_ = kept;
}

// A request for an upgrade has no body (stream.h): one that is not asked for ends with its head.
void OutgoingStream::OnSettings() {
  if (waiting_ != nullptr) Submit(*std::exchange(waiting_, nullptr), /*end=*/true);
}

void OutgoingStream::Submit(const RequestHead& head, bool end) {
  FieldList& fields = connection_->fields_;
  // Of another method there would be nothing left in a CONNECT.
  is_upgrade_ =
      !head.upgrade.empty() && head.method_id == Method::kGet && connection_->takes_connect_;
  if (is_upgrade_) {
    end = false;
    websocket_key_ = std::string(head.headers.Get(kWebSocketKey));
    fields.MakeConnect(head, connection_->options_.scheme);
  } else {
    fields.MakeRequest(head, connection_->options_.scheme);
  }
  has_send_end_ = end;
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session* session, int32_t id, uint8_t*, size_t length,
                          uint32_t* flags, nghttp2_data_source*, void*) -> ssize_t {
    auto* stream = static_cast<OutgoingStream*>(nghttp2_session_get_stream_user_data(session, id));
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return stream->NextData(length, flags);
  };
  const int32_t id = nghttp2_submit_request(connection_->session_, nullptr, fields.data(),
                                            fields.size(), end ? nullptr : &body, this);
  if (id < 0) {
    // No stream numbers are left: another connection can serve it.
    failure_ = ResetReason::kPeerRefused;
    connection_->is_going_away_ = true;
    loop_.Schedule(*this, event::Phase::kReady);
    return;
  }
  id_ = id;
  connection_->FlushSoon();
}

void OutgoingStream::SendBody(net::Buffer&& body, bool end) {
  if (is_closed_ || connection_ == nullptr) return body.Clear();
  queue_.Append(std::move(body));
  has_send_end_ = end;
  was_blocked_ |= is_send_blocked();
  Resume();
}

void OutgoingStream::SendEnd(const HeaderMap* trailers) {
  if (is_closed_ || connection_ == nullptr) return;
  has_send_end_ = true;
  if (trailers != nullptr && trailers->count() > 0) {
    // They follow the body, which may have to wait; the views live until we return.
    request_trailers_ = std::make_unique<Fields>();
    trailers->ForEach([this](const HeaderMap::Entry& entry) {
      request_trailers_->emplace_back(std::string(entry.name()), std::string(entry.value()));
    });
  }
  Resume();
}

void OutgoingStream::Resume() {
  if (is_deferred_) {
    is_deferred_ = false;
    nghttp2_session_resume_data(connection_->session_, id_);
  }
  connection_->FlushSoon();
}

void OutgoingStream::Reset(ResetReason) {
  events_ = nullptr;
  Unschedule();
  if (connection_ != nullptr) return connection_->Release(*this);
  loop_.DeleteLater(std::unique_ptr<OutgoingStream>(this));
}

void OutgoingStream::ResumeBody() {
  if (--pauses_ > 0) return;
  if (!received_.empty() || (has_end_ && !has_told_end_)) {
    loop_.Schedule(*this, event::Phase::kReady);
  }
}

bool OutgoingStream::has_sent_bytes() const {
  if (connection_ == nullptr) return has_sent_bytes_;
  return is_head_sent_ && connection_->socket_.bytes_sent() > head_offset_;
}

net::Address OutgoingStream::local_address() const {
  if (connection_ == nullptr || !connection_->socket_.is_open()) return {};
  return net::LocalAddress(connection_->socket_.fd());
}

// --- What is received.

void OutgoingStream::OnHeadersBegin() {
  header_bytes_ = 0;
  Arena& arena = events_->arena();
  if (has_final_head_) {
    fields_ = trailers_ = arena.New<HeaderMap>(arena);
  } else {
    head_ = arena.New<ResponseHead>(arena);
    fields_ = &head_->headers;
  }
}

bool OutgoingStream::OnField(absl::string_view name, absl::string_view value) {
  const ClientConnection::Options& options = connection_->options_;
  header_bytes_ += static_cast<uint32_t>(name.size() + value.size()) + kFieldOverhead;
  if (header_bytes_ > options.max_header_bytes || fields_->count() >= options.max_headers ||
      name.size() > UINT16_MAX) {
    failure_ = ResetReason::kHeadTooLarge;
    return false;
  }
  if (name == ":status") {
    head_->status = static_cast<int>(ParseDecimal(value));
    if (head_->status >= 100) return true;
    // nghttp2 sees to three digits, and would take a body with it.
    failure_ = ResetReason::kProtocolError;
    return false;
  }
  Arena& arena = events_->arena();
  const HeaderId id = LookupHeader(name);
  if (id == HeaderId::kContentLength && !has_final_head_) {
    // nghttp2 has seen to it that it is a number, and the only one.
    head_->body = BodySize::Length(ParseDecimal(value));
    return true;
  }
  fields_->Add(id, id == HeaderId::kOther ? arena.Copy(name) : HeaderName(id), arena.Copy(value));
  return true;
}

BodySize OutgoingStream::SizeOfBody(bool end) {
  if (head_->body.kind == BodySize::Kind::kLength) return head_->body;
  if (!end) return BodySize::Unknown();
  // HTTP/1 tells "empty" from "not said": only a response that could have a body says "empty".
  const bool has_none = is_head_request_ || head_->status == 204 || head_->status == 304;
  return has_none ? BodySize::None() : BodySize::Length(0);
}

void OutgoingStream::OnHeadersEnd(bool end) {
  if (fields_ == nullptr || failure_ != ResetReason::kNone) return;
  fields_ = nullptr;
  if (has_final_head_) return OnEnd();  // Trailers always end a stream: nghttp2 enforces it.
  if (head_->status < 200) {
    if (++informationals_ > kMaxInformationals) {
      failure_ = ResetReason::kProtocolError;
      nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_,
                                NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    if (head_->status == 100 || head_->status == 103) events_->OnInformational(*head_);
    return;
  }
  has_final_head_ = true;
  head_->body = SizeOfBody(end);
  if (is_upgrade_ && head_->status < 300 && !end) BeginTunnel();
  has_end_ = has_told_end_ = end;
  events_->OnHead(*head_, end);
}

void OutgoingStream::BeginTunnel() {
  head_->status = 101;
  head_->body = BodySize::Unknown();
  if (websocket_key_.empty()) return;
  head_->headers.Add("sec-websocket-accept",
                     events_->arena().Copy(WebSocketAccept(websocket_key_)));
}

void OutgoingStream::OnData(const net::BlockRef& block, const char* begin, const char* end) {
  if (failure_ != ResetReason::kNone) return;
  received_.Append(block, begin, end);
  if (pauses_ == 0) Deliver();
}

void OutgoingStream::OnEnd() {
  if (has_end_) return;
  has_end_ = true;
  if (pauses_ == 0) Deliver();
}

void OutgoingStream::Deliver() {
  if (!received_.empty()) {
    net::Buffer body = std::move(received_);
    if (connection_ != nullptr && !is_closed_) {
      nghttp2_session_consume_stream(connection_->session_, id_, body.size());
      connection_->FlushSoon();
    }
    events_->OnBody(std::move(body));
    if (events_ == nullptr || pauses_ > 0) return;
  }
  if (has_end_ && !has_told_end_) {
    has_told_end_ = true;
    events_->OnEnd(trailers_);
  }
}

// Owed by a call of the user, which may not be answered from within.
void OutgoingStream::Run() {
  if (failure_ != ResetReason::kNone && id_ == 0) return Fail(failure_);
  if (owes_room_) {
    owes_room_ = false;
    events_->OnSendRoom();
    if (events_ == nullptr) return;
  }
  if (pauses_ == 0) Deliver();
}

// --- Its end.

ResetReason OutgoingStream::ReasonOf(uint32_t code) const {
  if (failure_ != ResetReason::kNone) return failure_;
  // Without a frame from the server, nghttp2 says it of streams beyond a GOAWAY.
  if (code == NGHTTP2_REFUSED_STREAM && !has_final_head_) return ResetReason::kPeerRefused;
  if (was_reset_by_peer_) return ResetReason::kPeerReset;
  // nghttp2 resets what breaks the rules of HTTP messages (RFC 9113 section 8.1.1).
  return ResetReason::kProtocolError;
}

void OutgoingStream::OnClosed(uint32_t code) {
  is_closed_ = true;
  if (!has_end_) return Fail(ReasonOf(code));
  // The response is whole: what the request still has is of no use to anybody.
  queue_.Clear();
  NoteRoom();
}

void OutgoingStream::OnConnectionEnd(ResetReason reason) {
  Orphan();
  if (has_end_) return NoteRoom();
  if (failure_ != ResetReason::kNone) reason = failure_;
  if (reason == ResetReason::kNone) {
    reason = id_ == 0 ? ResetReason::kPeerRefused : ResetReason::kPeerClosed;
  }
  // It had begun to answer.
  if (reason == ResetReason::kPeerClosed && informationals_ > 0) reason = ResetReason::kPeerReset;
  Fail(reason);
}

void OutgoingStream::Orphan() {
  has_sent_bytes_ = has_sent_bytes();
  connection_ = nullptr;
  is_closed_ = true;
  queue_.Clear();
}

void OutgoingStream::Fail(ResetReason reason) {
  ClientStreamEvents* events = std::exchange(events_, nullptr);
  Unschedule();
  events->OnReset(reason);
  if (connection_ != nullptr) return connection_->Release(*this);
  loop_.DeleteLater(std::unique_ptr<OutgoingStream>(this));
}

// --- What is sent.

void OutgoingStream::OnHeadSent(uint64_t offset) {
  is_head_sent_ = true;
  head_offset_ = offset;
}

ssize_t OutgoingStream::NextData(size_t max_bytes, uint32_t* flags) {
  if (queue_.empty() && !has_send_end_) {
    is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t bytes = std::min(max_bytes, queue_.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (has_send_end_ && bytes == queue_.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (request_trailers_ != nullptr) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      SubmitTrailers();
    }
  }
  return static_cast<ssize_t>(bytes);
}

void OutgoingStream::SubmitTrailers() {
  Arena& arena = events_->arena();
  HeaderMap* trailers = arena.New<HeaderMap>(arena);
  for (const auto& [name, value] : *request_trailers_) trailers->Add(name, value);
  FieldList& fields = connection_->fields_;
  fields.MakeTrailers(*trailers);
  nghttp2_submit_trailer(connection_->session_, id_, fields.data(), fields.size());
  request_trailers_.reset();
}

void OutgoingStream::TakeData(size_t bytes, net::Buffer& out) {
  out.AppendFront(queue_, bytes);
  NoteRoom();
}

void OutgoingStream::NoteRoom() {
  if (!was_blocked_ || queue_.size() > kLowWater || events_ == nullptr) return;
  was_blocked_ = false;
  owes_room_ = true;
  loop_.Schedule(*this, event::Phase::kFlushUpstream);
}

}  // namespace sluice::http::h2
