// What upstreams say about TLS, to what their connections use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/resource/problem.h"
#include "proxy/net/tls/trust.h"
#include "proxy/runtime/tls.h"
#include "proxy/upstream/connect.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::runtime {

// The authorities that this machine trusts: read when they are first asked for, then shared.
class SystemTrust {
 public:
  explicit SystemTrust(std::string path) : path_(std::move(path)) {}
  // The file that SSL_CERT_FILE names, else Debian's.
  static std::string PathFromEnvironment();

  // As net::tls::Trust::FromFile(). What failed is tried again at the next call.
  absl::StatusOr<std::shared_ptr<const net::tls::Trust>> Get();

 private:
  const std::string path_;
  std::shared_ptr<const net::tls::Trust> trust_;
};

// Of an upstream with `tls`; null, with a problem, if it cannot be spoken.
std::shared_ptr<const upstream::Tls> ToUpstreamTls(const v1::Resource& upstream,
                                                   FindCertificate find, SystemTrust& system_trust,
                                                   std::vector<resource::Problem>& problems);

}  // namespace sluice::runtime
