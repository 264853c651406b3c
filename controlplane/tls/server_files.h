// The certificate that the control plane shows, and the authorities of its clients: files that may
// be renewed at any time.
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace sluice::tls {

// Paths.
struct ServerPaths {
  std::string certificate;  // PEM: the server's own first, then the intermediates.
  std::string key;
  std::string client_ca;  // Empty: clients are not asked for a certificate.
};

// What the files held at one time, found to fit together. Immutable.
class ServerMaterial {
 public:
  // INVALID_ARGUMENT names the file and what is wrong with it.
  static absl::StatusOr<std::shared_ptr<const ServerMaterial>> Load(const ServerPaths& paths);
  ~ServerMaterial();
  ServerMaterial(const ServerMaterial&) = delete;
  ServerMaterial& operator=(const ServerMaterial&) = delete;

  // As text, for gRPC.
  const std::string& certificate() const { return certificate_; }
  const std::string& key() const { return key_; }
  const std::string& client_ca() const { return client_ca_; }
  bool asks_clients() const { return trust_ != nullptr; }

  // For GnuTLS, which wants them without const; they live as long as this.
  gnutls_pcert_st* chain() const { return chain_.data(); }
  unsigned chain_size() const { return static_cast<unsigned>(chain_.size()); }
  gnutls_privkey_t private_key() const { return private_key_; }
  gnutls_x509_trust_list_t trust() const { return trust_; }  // Null if it asks nobody.

 private:
  ServerMaterial() = default;
  absl::Status Read(const ServerPaths& paths);
  absl::Status ParseChain(const std::string& path);
  absl::Status ParseKey(const std::string& path);
  absl::Status ParseTrust(const std::string& path);
  absl::Status CheckPair(const ServerPaths& paths) const;

  std::string certificate_;
  std::string key_;
  std::string client_ca_;
  mutable std::vector<gnutls_pcert_st> chain_;
  gnutls_privkey_t private_key_ = nullptr;
  gnutls_x509_trust_list_t trust_ = nullptr;
};

// The newest of them that was good. Looks at the files when it is asked, at most once a second:
// what is renewed holds for the next connection. What is not good is logged, and the last that was
// stays.
//
// Thread: any.
class ServerFiles {
 public:
  // As ServerMaterial::Load(). `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<ServerFiles>> Open(ServerPaths paths, const Clock& clock);

  std::shared_ptr<const ServerMaterial> Current();

 private:
  // Which content a path leads to, without reading it.
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t modified_ns = 0;
    bool operator==(const Stamp& other) const = default;
  };
  using Stamps = std::array<Stamp, 3>;

  ServerFiles(ServerPaths paths, const Clock& clock) : paths_(std::move(paths)), clock_(clock) {}
  static Stamp StampOf(const std::string& path);
  Stamps StampsOf() const;

  const ServerPaths paths_;
  const Clock& clock_;

  Mutex mu_;
  std::shared_ptr<const ServerMaterial> current_ ABSL_GUARDED_BY(mu_);
  Stamps stamps_ ABSL_GUARDED_BY(mu_);
  int64_t looked_at_ns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace sluice::tls
