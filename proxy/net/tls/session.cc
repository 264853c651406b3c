#include "proxy/net/tls/session.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "proxy/net/tls/identity.h"

namespace sluice::net::tls {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;
// Slices below this are put together in one record with what follows: a record costs more than a
// copy of that much.
constexpr size_t kWorthARecord = 4 * 1024;
constexpr int kGather = 16;

// Up to a record's worth from the front of `plain`, in one piece: where it lies if that will do.
absl::string_view NextRecord(const Buffer& plain, char* staging) {
  const absl::string_view front = plain.Front();
  if (front.size() >= kWorthARecord || front.size() == plain.size()) {
    return front.substr(0, kRecordBytes);
  }
  iovec pieces[kGather];
  const int count = plain.Gather(pieces, kGather);
  size_t size = 0;
  for (int i = 0; i < count && size < kRecordBytes; ++i) {
    const size_t piece = std::min(pieces[i].iov_len, kRecordBytes - size);
    std::memcpy(staging + size, pieces[i].iov_base, piece);
    size += piece;
  }
  return absl::string_view(staging, size);
}

}  // namespace

Session::Session(IoContext& io, bssl::UniquePtr<SSL> ssl) : io_(io), ssl_(std::move(ssl)) {
  BIO* const bio = BIO_new(Method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  // What only a handshake needs goes with it: half of the memory of an idle connection.
  SSL_set_shed_handshake_config(ssl_.get(), 1);
}

Session::~Session() = default;

Session& Session::Of(const SSL* ssl) { return *static_cast<Session*>(SSL_get_app_data(ssl)); }

void Session::SetServer(std::shared_ptr<const ClientContext> context, std::string host,
                        absl::string_view protocol, SessionSlot* sessions) {
  client_context_ = std::move(context);
  host_ = std::move(host);
  must_agree_on_ = protocol;
  sessions_ = sessions;
}

void Session::RefusePeer(absl::string_view reason) {
  failure_ = std::string(reason);
  fault_ = Fault::kCertificate;
}

// --- BIO -----------------------------------------------------------------------------------------

const BIO_METHOD* Session::Method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sluice");
    BIO_meth_set_read(made, &Session::OnBioRead);
    BIO_meth_set_write(made, &Session::OnBioWrite);
    BIO_meth_set_ctrl(made, &Session::OnBioControl);
    return made;
  }();
  return method;
}

int Session::OnBioRead(BIO* bio, char* out, int size) {
  auto& self = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.input_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(static_cast<size_t>(size), self.input_.size());
  std::memcpy(out, self.input_.data(), taken);
  self.input_.remove_prefix(taken);
  return static_cast<int>(taken);
}

int Session::OnBioWrite(BIO* bio, const char* data, int size) {
  auto& self = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  char* const room = self.wire_.Reserve(self.io_.pool, static_cast<size_t>(size));
  std::memcpy(room, data, static_cast<size_t>(size));
  self.wire_.Commit(static_cast<size_t>(size));
  return size;
}

long Session::OnBioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

// --- Input ---------------------------------------------------------------------------------------

void Session::Offer(absl::string_view input) {
  ERR_clear_error();
  input_ = input;
  if (input.empty() && held_) {
    input_ = absl::string_view(held_->data() + held_begin_, held_end_ - held_begin_);
  }
}

void Session::KeepRest() {
  const absl::string_view rest = std::exchange(input_, {});
  if (rest.empty()) {
    held_.Reset();
    held_begin_ = held_end_ = 0;
    return;
  }
  const bool is_held =
      held_ && rest.data() >= held_->data() && rest.data() < held_->data() + held_->capacity;
  if (is_held) {
    held_begin_ = held_end_ - static_cast<uint32_t>(rest.size());
    return;
  }
  held_ = io_.pool.TakeAtLeast(rest.size());
  std::memcpy(held_->data(), rest.data(), rest.size());
  held_begin_ = 0;
  held_end_ = static_cast<uint32_t>(rest.size());
}

void Session::NoteFailure() {
  if (!failure_.empty()) return;
  const uint32_t error = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(error);
  failure_ = reason != nullptr ? absl::AsciiStrToLower(reason) : "handshake_failure";
  fault_ = ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL ? Fault::kProtocol
                                                                              : Fault::kHandshake;
}

// Since TLS 1.3 a client learns after its handshake that its certificate was refused: by an alert,
// and before anything else.
void Session::NoteBroken() {
  const bool is_alert = ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET;
  NoteFailure();
  if (has_opened_ || !is_alert) fault_ = Fault::kNone;
}

SecureLayer::Progress Session::Handshake(absl::string_view input) {
  Offer(input);
  const int result = SSL_do_handshake(ssl_.get());
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_NONE) return Finish();
  if (error == SSL_ERROR_WANT_READ) return Progress::kNeedsInput;
  NoteFailure();
  input_ = {};
  ERR_clear_error();
  return Progress::kFailed;
}

SecureLayer::Progress Session::Finish() {
  KeepRest();
  if (!must_agree_on_.empty() && protocol() != must_agree_on_) {
    failure_ = "no_application_protocol";
    fault_ = Fault::kProtocol;
    return Progress::kFailed;
  }
  if (SSL_is_server(ssl_.get())) peer_ = IdentityOf(SSL_get0_peer_certificates(ssl_.get()));
  return Progress::kDone;
}

bool Session::is_wire_urgent() const {
  // Up to TLS 1.2 the last word may be the server's. Since 1.3 it has but a ticket to send.
  return SSL_is_server(ssl_.get()) != 0 && SSL_version(ssl_.get()) < TLS1_3_VERSION;
}

ReadResult Session::Open(absl::string_view input, char* out, size_t size) {
  Offer(input);
  size_t done = 0;
  while (done < size && !is_over_ && !is_broken_) {
    const int want = static_cast<int>(std::min<size_t>(size - done, INT_MAX));
    const int n = SSL_read(ssl_.get(), out + done, want);
    if (n > 0) {
      done += static_cast<size_t>(n);
      has_opened_ = true;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_WANT_READ) break;
    is_over_ = error == SSL_ERROR_ZERO_RETURN;
    is_broken_ = !is_over_;
    if (is_broken_) NoteBroken();
    input_ = {};
    ERR_clear_error();
  }
  KeepRest();
  if (done > 0) return {ReadStatus::kData, done};
  if (is_over_) return {ReadStatus::kEnd};
  return {is_broken_ ? ReadStatus::kError : ReadStatus::kWouldBlock};
}

bool Session::holds_input() const {
  return held_end_ > held_begin_ || is_over_ || is_broken_ || SSL_pending(ssl_.get()) > 0;
}

// --- Output --------------------------------------------------------------------------------------

bool Session::Seal(Buffer& plain, size_t max) {
  ERR_clear_error();
  for (size_t sealed = 0; !plain.empty() && sealed < max;) {
    plain.Drain(0);  // Leaves no empty slice in front.
    const absl::string_view record = NextRecord(plain, io_.Staging());
    const int n = SSL_write(ssl_.get(), record.data(), static_cast<int>(record.size()));
    if (n <= 0) {
      ERR_clear_error();
      return false;
    }
    plain.Drain(static_cast<size_t>(n));
    sealed += static_cast<size_t>(n);
  }
  return true;
}

void Session::SealEnd() {
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// --- What is known -------------------------------------------------------------------------------

absl::string_view Session::protocol() const {
  const uint8_t* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return absl::string_view(reinterpret_cast<const char*>(name), size);
}

absl::string_view Session::server_name() const {
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

absl::string_view Session::version() const { return SSL_get_version(ssl_.get()); }

absl::string_view Session::cipher() const {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl_.get());
  return cipher != nullptr ? SSL_CIPHER_standard_name(cipher) : "";
}

bool Session::is_resumed() const { return SSL_session_reused(ssl_.get()) != 0; }

}  // namespace sluice::net::tls
