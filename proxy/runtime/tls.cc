#include "proxy/runtime/tls.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/match/host.h"
#include "api/x509/certificate.h"
#include "api/x509/ocsp.h"
#include "proxy/runtime/convert.h"

namespace sluice::runtime {
namespace {

namespace tls = net::tls;

void Refuse(const v1::Resource& resource, absl::string_view kind, std::string field,
            absl::string_view problem, std::vector<resource::Problem>& problems) {
  problems.push_back({.kind = std::string(kind),
                      .name = resource.name(),
                      .field = std::move(field),
                      .problem = std::string(problem)});
}

// Sets what is stapled, if it is an answer about the certificate and says good: what does not is
// refused by validation, and here no reason to serve nothing.
void SetOcsp(const v1::Certificate& config, const std::string& der,
             tls::Certificate::Source& source) {
  const auto chain = x509::ParseCertificates(config.certificate_chain());
  if (der.empty() || !chain.ok()) return;
  const auto answer = x509::ParseOcsp(der, chain->front());
  if (!answer.ok() || answer->status != x509::OcspAnswer::Status::kGood) return;
  source.ocsp = der;
  source.ocsp_from = answer->from;
  source.ocsp_until = answer->until;
}

std::string Lower(const std::string& name) { return absl::AsciiStrToLower(name); }

}  // namespace

std::shared_ptr<const tls::Certificate> ToCertificate(const v1::Resource& resource,
                                                      std::vector<resource::Problem>& problems) {
  const v1::Certificate& certificate = resource.certificate();
  std::string ocsp;
  if (!absl::Base64Unescape(certificate.ocsp_response(), &ocsp)) {
    Refuse(resource, "Certificate", "ocsp_response", "is no base64", problems);
  }
  tls::Certificate::Source source;
  source.chain_pem = certificate.certificate_chain();
  source.key_pem = certificate.private_key();
  SetOcsp(certificate, ocsp, source);
  auto loaded = tls::Certificate::Load(source);
  if (loaded.ok()) return *std::move(loaded);
  Refuse(resource, "Certificate", "", loaded.status().message(), problems);
  return nullptr;
}

std::shared_ptr<const tls::ServerContext> ToServerContext(
    const v1::Resource& resource, FindCertificate find,
    std::shared_ptr<const tls::TicketKeys> tickets, std::vector<resource::Problem>& problems) {
  const v1::Listener::Tls& config = resource.listener().tls();
  tls::ServerSettings settings;
  settings.name = resource.name();
  settings.tickets = std::move(tickets);
  if (config.min_version() == v1::TLS_VERSION_1_3) settings.min_version = tls::Version::kTls13;
  if (IsStream(resource.listener())) {
    settings.protocols.clear();
  } else if (!resource.listener().http2().disabled()) {
    settings.protocols.insert(settings.protocols.begin(), "h2");
  }
  for (int i = 0; i < config.certificates_size(); ++i) {
    auto certificate = find(config.certificates(i));
    if (certificate == nullptr) {
      Refuse(resource, "Listener", absl::StrCat("tls.certificates[", i, "]"),
             absl::StrCat("there is no Certificate ", resource::Quoted(config.certificates(i))),
             problems);
      return nullptr;
    }
    settings.certificates.push_back(std::move(certificate));
  }
  for (int i = 0; i < config.client_auth_size(); ++i) {
    const v1::Listener::ClientAuth& rule = config.client_auth(i);
    auto trust = tls::Trust::FromPem(rule.ca_certificates());
    if (!trust.ok()) {
      Refuse(resource, "Listener", absl::StrCat("tls.client_auth[", i, "].ca_certificates"),
             trust.status().message(), problems);
      return nullptr;
    }
    tls::ClientAuth auth;
    auth.is_required = rule.mode() != v1::Listener::ClientAuth::MODE_OPTIONAL;
    auth.trust = *std::move(trust);
    auth.subject_alt_names = {rule.subject_alt_names().begin(), rule.subject_alt_names().end()};
    for (const std::string& name : rule.server_names()) {
      std::string canonical = Lower(name);
      static_cast<void>(match::ParseHost(name, &canonical));  // Validation has looked at flaws.
      auth.server_names.push_back(std::move(canonical));
    }
    settings.client_auth.push_back(std::move(auth));
  }
  auto context = tls::ServerContext::Make(std::move(settings));
  if (context.ok()) return *std::move(context);
  Refuse(resource, "Listener", "tls", context.status().message(), problems);
  return nullptr;
}

exchange::ForwardClientCert ToForwardClientCert(const v1::Listener::ForwardClientCert& config) {
  using Config = v1::Listener::ForwardClientCert;
  using Mode = exchange::ForwardClientCert::Mode;
  exchange::ForwardClientCert forward;
  switch (config.mode()) {
    case Config::MODE_FORWARD_ONLY:
      forward.mode = Mode::kForwardOnly;
      break;
    case Config::MODE_APPEND_FORWARD:
      forward.mode = Mode::kAppendForward;
      break;
    case Config::MODE_SANITIZE_SET:
      forward.mode = Mode::kSanitizeSet;
      break;
    case Config::MODE_ALWAYS_FORWARD_ONLY:
      forward.mode = Mode::kAlwaysForwardOnly;
      break;
    default:
      forward.mode = Mode::kSanitize;
  }
  for (const int detail : config.details()) {
    forward.subject |= detail == Config::DETAIL_SUBJECT;
    forward.cert |= detail == Config::DETAIL_CERT;
    forward.chain |= detail == Config::DETAIL_CHAIN;
    forward.dns |= detail == Config::DETAIL_DNS;
    forward.uri |= detail == Config::DETAIL_URI;
  }
  return forward;
}

}  // namespace sluice::runtime
