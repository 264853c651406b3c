#include "proxy/http/h2/incoming_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/http/h2/server_connection.h"

namespace sluice::http::h2 {
namespace {

constexpr LocalError kMalformed{400, "malformed_request"};
constexpr LocalError kBodyTimeout{408, "request_body_timeout"};
constexpr LocalError kBadTrailers{400, "bad_trailers"};

uint32_t CodeOf(ResetReason reason) {
  switch (reason) {
    case ResetReason::kPeerRefused:
      return NGHTTP2_REFUSED_STREAM;
    case ResetReason::kPeerReset:
      return NGHTTP2_CANCEL;
    default:
      return NGHTTP2_INTERNAL_ERROR;
  }
}

}  // namespace

bool IncomingStream::Open(ServerConnection& connection, int32_t id) {
  connection_ = &connection;
  prev_ = next_ = nullptr;
  trailers_ = nullptr;
  response_trailers_.clear();
  body_began_ns_ = paused_at_ns_ = stalled_since_ns_ = 0;
  body_bytes_ = sent_since_stall_ = 0;
  id_ = id;
  pauses_ = reset_code_ = 0;
  method_ = Method::kGet;
  has_head_ = has_end_ = has_told_end_ = is_begun_ = has_send_end_ = has_sent_end_ = false;
  drops_body_ = must_reset_ = is_deferred_ = is_sunk_ = was_blocked_ = owes_room_ = false;
  ignores_request_ = was_reset_by_peer_ = is_upgrade_ = false;
  exchange_ = connection.host_.acceptor().NewStream(*this);
  return exchange_ != nullptr;
}

// --- The exchange's calls.

void IncomingStream::SendInformational(const ResponseHead& head) {
  if (is_sunk_) return;
  FieldList& fields = connection_->workspace_.fields_;
  fields.MakeResponse(head);
  nghttp2_submit_headers(connection_->session_, NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(),
                         fields.size(), nullptr);
  connection_->FlushSoon();
}

void IncomingStream::SendHead(const ResponseHead& head, bool end) {
  if (is_sunk_) return;
  is_begun_ = true;
  has_send_end_ = end;
  drops_body_ = ResponseHasNoBody(method_, head.status);
  FieldList& fields = connection_->workspace_.fields_;
  fields.MakeResponse(head);
  if (OpensTunnel(method_, head.status)) BeginTunnel();
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session* session, int32_t id, uint8_t*, size_t length,
                          uint32_t* flags, nghttp2_data_source*, void*) -> ssize_t {
    auto* stream = static_cast<IncomingStream*>(nghttp2_session_get_stream_user_data(session, id));
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return stream->NextData(length, flags);
  };
  nghttp2_submit_response(connection_->session_, id_, fields.data(), fields.size(),
                          end ? nullptr : &body);
  connection_->FlushSoon();
}

void IncomingStream::BeginTunnel() {
  is_upgrade_ = has_told_end_ = drops_body_ = false;
  body_began_ns_ = INT64_MAX;  // Tunnels have no pace.
  connection_->io_.loop.Schedule(*this, event::Phase::kReady);
}

void IncomingStream::SendBody(net::Buffer&& body, bool end) {
  has_send_end_ |= end;
  if (is_sunk_ || drops_body_) {
    body.Clear();
  } else {
    if (queue_.empty() && !body.empty()) {
      stalled_since_ns_ = connection_->io_.loop.now_ns();
      sent_since_stall_ = 0;
    }
    queue_.Append(std::move(body));
    was_blocked_ |= is_send_blocked();
  }
  ResumeSending();
}

void IncomingStream::SendEnd(const HeaderMap* trailers) {
  has_send_end_ = true;
  if (trailers != nullptr && trailers->count() > 0 && !drops_body_) {
    // They follow the body, which may have to wait; the views live until we return.
    size_t size = 0;
    trailers->ForEach([&](const HeaderMap::Entry& e) { size += e.name_size + e.value_size; });
    trailer_text_.clear();
    trailer_text_.reserve(size);
    FieldList& fields = connection_->workspace_.fields_;
    fields.MakeTrailers(*trailers);
    response_trailers_.assign(fields.data(), fields.data() + fields.size());
    for (nghttp2_nv& field : response_trailers_) {
      const auto keep = [this](uint8_t*& text, size_t bytes) {
        const size_t at = trailer_text_.size();
        trailer_text_.append(reinterpret_cast<const char*>(text), bytes);
        text = reinterpret_cast<uint8_t*>(trailer_text_.data() + at);
      };
      keep(field.name, field.namelen);
      keep(field.value, field.valuelen);
    }
  }
  ResumeSending();
}

void IncomingStream::ResumeSending() {
  if (is_sunk_) return;
  if (is_deferred_) {
    is_deferred_ = false;
    nghttp2_session_resume_data(connection_->session_, id_);
  }
  connection_->FlushSoon();
}

// What is queued still goes out: the client gets as much of a broken response as there was of it.
void IncomingStream::Reset(ResetReason reason) {
  exchange_ = nullptr;
  Unschedule();
  DropReceived();
  if (is_sunk_) return;
  reset_code_ = CodeOf(reason);
  must_reset_ = true;
  if (queue_.empty()) return SubmitReset(reset_code_);
  ResumeSending();
}

void IncomingStream::Release() {
  exchange_ = nullptr;
  Unschedule();
  DropReceived();
  // Whatever else the client has to say is of no use: the response is on its way already.
  if (!is_sunk_ && has_sent_end_ && !has_end_) SubmitReset(NGHTTP2_NO_ERROR);
}

void IncomingStream::PauseBody() {
  if (pauses_++ == 0) paused_at_ns_ = connection_->io_.loop.now_ns();
}

void IncomingStream::ResumeBody() {
  if (--pauses_ > 0) return;
  if (body_began_ns_ != INT64_MAX) {
    body_began_ns_ += connection_->io_.loop.now_ns() - paused_at_ns_;
  }
  if (!received_.empty() || (has_end_ && !has_told_end_)) {
    connection_->io_.loop.Schedule(*this, event::Phase::kReady);
  }
}

const net::Address& IncomingStream::peer_address() const { return connection_->peer_; }

net::Address IncomingStream::local_address() const {
  return connection_->socket_.is_open() ? connection_->socket_.local_address() : net::Address();
}

uint64_t IncomingStream::connection_id() const { return connection_->id_; }

const net::SecureLayer* IncomingStream::secure() const { return connection_->socket_.secure(); }

const net::ProxyHeader* IncomingStream::proxy_header() const {
  return connection_->socket_.proxy_header();
}

// --- What is received.

void IncomingStream::OnField(absl::string_view name, absl::string_view value) {
  RequestReader& reader = connection_->reader_;
  if (exchange_ == nullptr) return reader.Skip(name, value);
  const ServerSettings& settings = connection_->host_.settings();
  if (!has_head_) return reader.OnField(name, value, settings, exchange_->request_head());
  if (trailers_ == nullptr) {
    Arena& arena = exchange_->request_head().headers.arena();
    trailers_ = arena.New<HeaderMap>(arena);
  }
  if (!reader.OnTrailer(name, value, settings, *trailers_)) FailRequest(kBadTrailers);
}

void IncomingStream::OnHeadersEnd(bool end) {
  if (exchange_ == nullptr) return;
  if (has_head_) return OnEnd();  // Trailers always end a stream: nghttp2 enforces it.
  has_head_ = true;
  has_end_ = has_told_end_ = end;
  RequestHead& head = exchange_->request_head();
  exchange_->OnRequestTarget(connection_->reader_.target());
  const LocalError error = connection_->reader_.Finish(end, head);
  method_ = head.method_id;
  if (error.status != 0) {
    ignores_request_ = true;
    return exchange_->OnBadRequest(error);
  }
  is_upgrade_ = !head.upgrade.empty() || method_ == Method::kConnect;
  has_told_end_ |= is_upgrade_;
  if (!end) body_began_ns_ = is_upgrade_ ? INT64_MAX : connection_->io_.loop.now_ns();
  exchange_->OnRequestHead(end || is_upgrade_);
}

void IncomingStream::OnData(const net::BlockRef& block, const char* begin, const char* end) {
  const auto bytes = static_cast<size_t>(end - begin);
  connection_->OnReceived(bytes);
  body_bytes_ += bytes;
  // Its own window stays shut.
  if (exchange_ == nullptr || ignores_request_) return;
  received_.Append(block, begin, end);
  connection_->Hold(bytes);
  if (pauses_ == 0 && !is_upgrade_) Deliver();
}

void IncomingStream::OnEnd() {
  if (has_end_) return;
  has_end_ = true;
  if (exchange_ != nullptr && !ignores_request_ && !is_upgrade_ && pauses_ == 0) Deliver();
}

void IncomingStream::Deliver() {
  if (!received_.empty()) {
    net::Buffer body = std::move(received_);
    connection_->Unhold(body.size());
    nghttp2_session_consume_stream(connection_->session_, id_, body.size());
    connection_->FlushSoon();
    exchange_->OnRequestBody(std::move(body));
    if (exchange_ == nullptr || ignores_request_ || pauses_ > 0) return;
  }
  if (has_end_ && !has_told_end_) {
    has_told_end_ = true;
    exchange_->OnRequestEnd(trailers_);
  }
}

// Owed by a call of the exchange, which may not be answered from within.
void IncomingStream::Run() {
  if (exchange_ != nullptr && std::exchange(owes_room_, false)) exchange_->OnSendRoom();
  if (exchange_ != nullptr && !ignores_request_ && !is_upgrade_ && pauses_ == 0) Deliver();
}

void IncomingStream::DropReceived() {
  connection_->Unhold(received_.size());
  received_.Clear();
}

// --- Its end.

// The request cannot go on. An exchange that has not begun to answer says why.
void IncomingStream::FailRequest(const LocalError& error) {
  if (exchange_ == nullptr || ignores_request_) return;
  ignores_request_ = has_told_end_ = true;
  DropReceived();
  if (!is_begun_) return exchange_->OnClientReset(ResetReason::kProtocolError, &error);
  std::exchange(exchange_, nullptr)->OnClientReset(ResetReason::kProtocolError, nullptr);
  queue_.Clear();
  SubmitReset(NGHTTP2_CANCEL);
}

void IncomingStream::OnConnectionEnd(ResetReason reason, const LocalError* error) {
  is_sunk_ = true;
  Unschedule();
  if (exchange_ != nullptr && error != nullptr && !is_begun_ && !ignores_request_) {
    if (has_head_) {
      exchange_->OnClientReset(reason, error);
    } else {
      has_head_ = true;
      exchange_->OnBadRequest(*error);
    }
  }
  // A plugin may hold the answer back.
  if (exchange_ != nullptr) {
    std::exchange(exchange_, nullptr)->OnClientReset(reason, nullptr);
  }
  DropReceived();
  queue_.Clear();
}

void IncomingStream::OnClosed(uint32_t code) {
  // Without a frame from the client, nghttp2 closes what is malformed.
  const bool is_malformed = code == NGHTTP2_PROTOCOL_ERROR && !must_reset_ && !was_reset_by_peer_;
  OnConnectionEnd(is_malformed ? ResetReason::kProtocolError : ResetReason::kPeerReset,
                  is_malformed ? &kMalformed : nullptr);
}

void IncomingStream::SubmitReset(uint32_t code) {
  must_reset_ = true;
  nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_, code);
  connection_->FlushSoon();
}

// --- What is sent.

ssize_t IncomingStream::NextData(size_t max_bytes, uint32_t* flags) {
  if (queue_.empty() && (must_reset_ || !has_send_end_)) {
    if (must_reset_) SubmitReset(reset_code_);
    is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t bytes = std::min(max_bytes, queue_.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (has_send_end_ && bytes == queue_.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!response_trailers_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_trailer(connection_->session_, id_, response_trailers_.data(),
                             response_trailers_.size());
    }
  }
  return static_cast<ssize_t>(bytes);
}

void IncomingStream::TakeData(size_t bytes, net::Buffer& out) {
  out.AppendFront(queue_, bytes);
  sent_since_stall_ += bytes;
  if (queue_.empty()) stalled_since_ns_ = 0;
  NoteRoom();
}

void IncomingStream::NoteRoom() {
  if (!was_blocked_ || queue_.size() > kLowWater || exchange_ == nullptr) return;
  was_blocked_ = false;
  owes_room_ = true;
  connection_->io_.loop.Schedule(*this, event::Phase::kFlushUpstream);
}

void IncomingStream::OnResponseSent() {
  has_sent_end_ = true;
  if (!has_end_ && exchange_ == nullptr) SubmitReset(NGHTTP2_NO_ERROR);
}

// --- Time.

bool IncomingStream::is_body_late(int64_t now_ns) const {
  const ServerSettings& settings = connection_->host_.settings();
  if (!has_head_ || has_end_ || exchange_ == nullptr || settings.min_body_rate == 0) return false;
  if (body_began_ns_ == INT64_MAX) return false;
  const int64_t elapsed_ns = (pauses_ > 0 ? paused_at_ns_ : now_ns) - body_began_ns_;
  const double expected =
      static_cast<double>(settings.min_body_rate) * (static_cast<double>(elapsed_ns) / 1e9);
  return elapsed_ns >= settings.body_grace_ns && static_cast<double>(body_bytes_) < expected;
}

bool IncomingStream::is_send_late(int64_t now_ns) {
  const int64_t timeout_ns = connection_->settings_.flush_timeout_ns;
  if (queue_.empty() || now_ns - stalled_since_ns_ < timeout_ns) return false;
  const uint64_t moved = std::exchange(sent_since_stall_, 0);
  stalled_since_ns_ = now_ns;
  return moved < kLeastFlush;
}

void IncomingStream::CheckPace(int64_t now_ns) {
  if (is_body_late(now_ns)) return FailRequest(kBodyTimeout);
  if (!is_send_late(now_ns)) return;
  if (exchange_ != nullptr) {
    std::exchange(exchange_, nullptr)->OnClientReset(ResetReason::kPeerClosed, nullptr);
  }
  DropReceived();
  queue_.Clear();
  SubmitReset(NGHTTP2_CANCEL);
}

}  // namespace sluice::http::h2
