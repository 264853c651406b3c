#include "api/validate/listener_tls.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/match/host.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/syntax.h"
#include "api/x509/certificate.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::Listener;

constexpr int kMaxCertificates = 1000;
constexpr int kMaxRules = 100;
constexpr int kMaxNames = 256;
constexpr size_t kMaxNameBytes = 2048;
constexpr size_t kMaxAuthoritiesBytes = 512 << 10;
constexpr int kMaxAuthorities = 256;

void CheckServerNames(const Listener::ClientAuth& rule, const Field& field,
                      std::set<std::string>& seen) {
  CheckCount(field.At("server_names"), rule.server_names_size(), kMaxNames, "names");
  for (int i = 0; i < rule.server_names_size(); ++i) {
    const Field element = field.At("server_names", static_cast<size_t>(i));
    const std::string& name = rule.server_names(i);
    // As hosts of routes, but for addresses, for which nobody asks.
    std::string canonical = absl::AsciiStrToLower(name);
    if (absl::StrContains(name, ":") || match::ParseHost(name, &canonical).has_value()) {
      element.Refuse(absl::StrCat("is no name of a server, got ", Quoted(name)),
                     "api.example.com, or *.example.com");
    }
    if (!seen.insert(canonical).second) {
      element.Refuse(absl::StrCat(Quoted(name), " is in two rules"), "each name in one");
    }
  }
}

void CheckClientAuth(const Listener::Tls& tls, const Field& field) {
  CheckCount(field.At("client_auth"), tls.client_auth_size(), kMaxRules, "rules");
  std::set<std::string> seen;
  bool has_default = false;
  for (int i = 0; i < tls.client_auth_size(); ++i) {
    const Listener::ClientAuth& rule = tls.client_auth(i);
    const Field at = field.At("client_auth", static_cast<size_t>(i));
    if (!rule.ca_certificates().empty()) {
      CheckAuthorities(rule.ca_certificates(), at.At("ca_certificates"));
    }
    CheckAltNames(rule.subject_alt_names(), at, "subject_alt_names");
    CheckServerNames(rule, at, seen);
    if (!rule.server_names().empty()) continue;
    if (has_default) {
      at.At("server_names").Refuse("missing, as in a rule before", "names in all rules but one");
    }
    has_default = true;
  }
}

void CheckForward(const Listener::ForwardClientCert& forward, const Field& field) {
  using Forward = Listener::ForwardClientCert;
  const bool tells = forward.mode() == Forward::MODE_APPEND_FORWARD ||
                     forward.mode() == Forward::MODE_SANITIZE_SET;
  if (!tells && forward.details_size() > 0) {
    field.At("details").Refuse("has no meaning for this mode",
                               "mode: append_forward or sanitize_set");
  }
  std::set<int> seen;
  for (int i = 0; i < forward.details_size(); ++i) {
    const Field element = field.At("details", static_cast<size_t>(i));
    if (!seen.insert(forward.details(i)).second) element.Refuse("given twice", "each once");
  }
}

}  // namespace

void CheckAltNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                   const Field& parent, absl::string_view list) {
  CheckCount(parent.At(list), names.size(), kMaxNames, "names");
  for (int i = 0; i < names.size(); ++i) {
    const Field element = parent.At(list, static_cast<size_t>(i));
    CheckLength(element, names[i], kMaxNameBytes);
    if (names[i].empty()) element.Refuse("is empty", "a DNS name, URI, address of mail or IP");
    element.Refuse(CheckPrintable(names[i]));
  }
}

void CheckAuthorities(absl::string_view pem, const Field& field) {
  CheckLength(field, pem, kMaxAuthoritiesBytes);
  const auto authorities = x509::ParseCertificates(pem);
  if (!authorities.ok()) {
    return field.Refuse(std::string(authorities.status().message()), "PEM of the authorities");
  }
  CheckCount(field, static_cast<int>(authorities->size()), kMaxAuthorities, "certificates");
}

void CheckListenerTls(const Listener::Tls& tls, const Field& field) {
  CheckNames(tls.certificates(), kMaxCertificates, field, "certificates");
  CheckClientAuth(tls, field);
  CheckForward(tls.forward_client_cert(), field.At("forward_client_cert"));
  if (tls.has_handshake_timeout()) {
    CheckDuration(field.At("handshake_timeout"), tls.handshake_timeout(), absl::Milliseconds(100),
                  absl::Minutes(5));
  }
}

}  // namespace sluice::validate
