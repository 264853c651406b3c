#include "proxy/main/control_plane_tls.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proxy/net/tls/certificate.h"
#include "proxy/net/tls/trust.h"

namespace sluice::main {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return content.str();
}

absl::Status WithPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::Status ControlPlaneTls::ReadFiles() {
  net::tls::ClientSettings settings;
  settings.protocol = "h2";
  ASSIGN_OR_RETURN(const std::string ca, ReadFile(paths_.ca));
  auto trust = net::tls::Trust::FromPem(ca);
  if (!trust.ok()) return WithPath(paths_.ca, trust.status());
  settings.trust = *std::move(trust);
  if (!paths_.certificate.empty()) {
    ASSIGN_OR_RETURN(const std::string chain, ReadFile(paths_.certificate));
    ASSIGN_OR_RETURN(const std::string key, ReadFile(paths_.key));
    auto certificate = net::tls::Certificate::Load({chain, key, ""});
    if (!certificate.ok()) return WithPath(paths_.certificate, certificate.status());
    settings.certificate = *std::move(certificate);
  }
  ASSIGN_OR_RETURN(context_, net::tls::ClientContext::Make(std::move(settings)));
  return absl::OkStatus();
}

absl::StatusOr<net::Transport> ControlPlaneTls::Secure(net::Fd fd, const std::string& host) {
  RETURN_IF_ERROR(ReadFiles());
  const std::string& name = paths_.name.empty() ? host : paths_.name;
  return net::Transport(std::move(fd), context_->NewSession(io_, name, nullptr));
}

}  // namespace sluice::main
