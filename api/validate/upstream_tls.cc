#include "api/validate/upstream_tls.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/listener_tls.h"
#include "api/validate/syntax.h"

namespace sluice::validate {
namespace {

// As a server is asked for: no address (RFC 6066, 3), no port, no wildcard.
bool IsDnsName(absl::string_view text) {
  if (absl::StrContains(text, ":") || absl::StrContains(text, "*")) return false;
  const auto parsed = ParseHostPort(absl::StrCat(text, ":1"));
  return parsed.has_value() && !parsed->is_ip;
}

}  // namespace

void CheckUpstreamTls(const v1::Upstream::Tls& tls, const Field& field) {
  if (!tls.ca_certificates().empty()) {
    CheckAuthorities(tls.ca_certificates(), field.At("ca_certificates"));
  }
  if (!tls.sni().empty() && !IsDnsName(tls.sni())) {
    field.At("sni").Refuse(absl::StrCat("is no DNS name, got ", resource::Quoted(tls.sni())),
                           "a name without a port, such as orders.internal");
  }
  CheckAltNames(tls.subject_alt_names(), field, "subject_alt_names");
  if (!tls.insecure_skip_verify()) return;
  const Field skip = field.At("insecure_skip_verify");
  if (!tls.ca_certificates().empty() || tls.subject_alt_names_size() > 0) {
    skip.Refuse("makes ca_certificates and subject_alt_names meaningless", "one or the other");
  } else {
    skip.Warn("whoever answers is believed",
              "ca_certificates of those who issue for the endpoints");
  }
}

}  // namespace sluice::validate
