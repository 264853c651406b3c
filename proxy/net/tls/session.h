// TLS over one connection: net::SecureLayer on a BoringSSL SSL that reads from memory and writes to
// the layer's queue.
//
// BoringSSL asks its BIO for five bytes, then for a record; what it asks here is a memory copy.
// While nothing is under way neither it nor this holds a buffer.
//
// Thread: its connection's.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "proxy/net/connection.h"

namespace sluice::net::tls {

class ClientContext;
class SessionSlot;

class Session final : public SecureLayer {
 public:
  // `ssl`: fresh, told whether it connects or accepts.
  Session(IoContext& io, bssl::UniquePtr<SSL> ssl);
  ~Session() override;

  static Session& Of(const SSL* ssl);
  // For what chooses the rules during the handshake.
  void set_client_auth_scope(uint64_t scope) { client_auth_scope_ = scope; }
  // As a client: by whose rules, who is being asked, what both must agree on ("" for anything), and
  // where sessions are kept (may be null).
  void SetServer(std::shared_ptr<const ClientContext> context, std::string host,
                 absl::string_view protocol, SessionSlot* sessions);
  const ClientContext& client_context() const { return *client_context_; }
  const std::string& host() const { return host_; }
  SessionSlot* sessions() const { return sessions_; }
  // The certificate that the peer showed is not accepted.
  void RefusePeer(absl::string_view reason);

  Progress Handshake(absl::string_view input) override;
  bool is_wire_urgent() const override;
  ReadResult Open(absl::string_view input, char* out, size_t size) override;
  bool holds_input() const override;
  bool Seal(Buffer& plain, size_t max) override;
  void SealEnd() override;

  absl::string_view protocol() const override;
  absl::string_view server_name() const override;
  absl::string_view version() const override;
  absl::string_view cipher() const override;
  bool is_resumed() const override;
  const PeerIdentity* peer() const override { return peer_.get(); }
  uint64_t client_auth_scope() const override { return client_auth_scope_; }
  absl::string_view failure() const override { return failure_; }
  Fault fault() const override { return fault_; }

 private:
  static const BIO_METHOD* Method();
  static int OnBioRead(BIO* bio, char* out, int size);
  static int OnBioWrite(BIO* bio, const char* data, int size);
  static long OnBioControl(BIO* bio, int command, long number, void* pointer);

  Progress Finish();
  void Offer(absl::string_view input);
  void KeepRest();
  // From BoringSSL's queue.
  void NoteFailure();
  void NoteBroken();

  IoContext& io_;
  const bssl::UniquePtr<SSL> ssl_;
  // What BoringSSL may read: of the caller's, or of held_.
  absl::string_view input_;
  // Came off the wire and was not taken yet: the last input_size_ bytes before held_end_.
  BlockRef held_;
  uint32_t held_begin_ = 0;
  uint32_t held_end_ = 0;
  uint64_t client_auth_scope_ = 0;
  bool is_over_ = false;     // The peer said so.
  bool is_broken_ = false;   // What it sent makes no sense.
  bool has_opened_ = false;  // Something of the peer's arrived: it has accepted us.
  Fault fault_ = Fault::kNone;
  std::unique_ptr<const PeerIdentity> peer_;
  std::string failure_;
  // As a client.
  std::shared_ptr<const ClientContext> client_context_;
  std::string host_;
  absl::string_view must_agree_on_;  // A literal.
  SessionSlot* sessions_ = nullptr;
};

}  // namespace sluice::net::tls
