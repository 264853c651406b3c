// TLS towards the proxy under test. Nothing is verified: what is measured is the proxy's part.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::hairpin {

struct TlsOptions {
  std::string version = "1.3";  // Or "1.2"; this one alone is spoken.
  std::string server_name = "bench.example";
  bool http2 = false;   // Asked for in ALPN; else HTTP/1.1.
  bool resume = false;  // Each connection resumes the session of the one before it, where it can.
};

// Thread: one. Lifetime: outlives the connections that it begins.
class TlsClient {
 public:
  // INVALID_ARGUMENT for a version that is not spoken.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Make(const TlsOptions& options);

  // A client's half over a connected, or connecting, descriptor.
  bssl::UniquePtr<SSL> Begin(int fd);
  // To be told of each handshake that has ended.
  void NoteHandshake(SSL* ssl) { resumed_ += SSL_session_reused(ssl) ? 1 : 0; }

  uint64_t resumed() const { return resumed_; }
  void ResetCount() { resumed_ = 0; }

 private:
  explicit TlsClient(const TlsOptions& options) : options_(options) {}
  static int OnSession(SSL* ssl, SSL_SESSION* session);

  const TlsOptions options_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL_SESSION> session_;  // The newest.
  uint64_t resumed_ = 0;
};

}  // namespace sluice::hairpin
