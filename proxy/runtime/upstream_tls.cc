#include "proxy/runtime/upstream_tls.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/validate/syntax.h"
#include "base/status_macros.h"

namespace sluice::runtime {
namespace {

namespace tls = net::tls;

// The name in `host`, which may have a port, where it is a literal and no address.
std::string NameInHost(const std::string& host) {
  if (host.empty() || host == "preserve" || host == "endpoint") return {};
  auto parsed = validate::ParseHostPort(host);
  if (!parsed.has_value()) parsed = validate::ParseHostPort(absl::StrCat(host, ":1"));
  return parsed.has_value() && !parsed->is_ip ? parsed->host : std::string();
}

absl::StatusOr<std::shared_ptr<const tls::Trust>> TrustOf(const v1::Upstream::Tls& config,
                                                          SystemTrust& system_trust) {
  if (config.insecure_skip_verify()) return nullptr;
  if (config.ca_certificates().empty()) return system_trust.Get();
  return tls::Trust::FromPem(config.ca_certificates());
}

}  // namespace

std::string SystemTrust::PathFromEnvironment() {
  const char* const path = std::getenv("SSL_CERT_FILE");
  return path != nullptr && *path != '\0' ? path : "/etc/ssl/certs/ca-certificates.crt";
}

absl::StatusOr<std::shared_ptr<const tls::Trust>> SystemTrust::Get() {
  if (trust_ == nullptr) {
    ASSIGN_OR_RETURN(trust_, tls::Trust::FromFile(path_));
  }
  return trust_;
}

std::shared_ptr<const upstream::Tls> ToUpstreamTls(const v1::Resource& resource,
                                                   FindCertificate find, SystemTrust& system_trust,
                                                   std::vector<resource::Problem>& problems) {
  const v1::Upstream& upstream = resource.upstream();
  const v1::Upstream::Tls& config = upstream.tls();
  const auto refuse = [&](absl::string_view field, absl::string_view problem) {
    problems.push_back({.kind = "Upstream",
                        .name = resource.name(),
                        .field = std::string(field),
                        .problem = std::string(problem)});
    return nullptr;
  };
  tls::ClientSettings settings;
  auto trust = TrustOf(config, system_trust);
  if (!trust.ok()) return refuse("tls.ca_certificates", trust.status().message());
  settings.trust = *std::move(trust);
  settings.subject_alt_names = {config.subject_alt_names().begin(),
                                config.subject_alt_names().end()};
  if (!config.certificate().empty()) {
    settings.certificate = find(config.certificate());
    if (settings.certificate == nullptr) {
      return refuse("tls.certificate", absl::StrCat("there is no Certificate ",
                                                    resource::Quoted(config.certificate())));
    }
  }
  settings.protocol = upstream.protocol() == v1::Upstream::PROTOCOL_HTTP2 ? "h2" : "http/1.1";
  if (config.min_version() == v1::TLS_VERSION_1_3) settings.min_version = tls::Version::kTls13;
  auto context = tls::ClientContext::Make(std::move(settings));
  if (!context.ok()) return refuse("tls", context.status().message());
  return std::make_shared<const upstream::Tls>(
      upstream::Tls{.context = *std::move(context),
                    .sni = absl::AsciiStrToLower(config.sni()),
                    .name_of_addresses = NameInHost(upstream.host())});
}

}  // namespace sluice::runtime
