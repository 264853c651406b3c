// What each call takes: one table for gRPC and HTTP. A call without a row takes an administrator.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::auth {

enum class Access {
  kOpen,           // Nothing, not even a certificate: whether the process is well.
  kAnyone,         // Whoever has an identity.
  kRead,           // Viewers and administrators.
  kTry,            // The same; viewers with dry_run only, which the call checks.
  kChange,         // Administrators.
  kSync,           // Proxies and administrators; the call checks node and groups.
  kRegister,       // Owners of endpoints and administrators; the call checks the upstream.
  kReadEndpoints,  // Owners of endpoints too; the call checks the upstream.
};

struct Rule {
  // "/sluice.v1.Admin/Apply" over gRPC, "POST /v1/apply" over HTTP.
  absl::string_view call;
  Access access;
};

absl::Span<const Rule> Rules();

// kChange if there is no rule for it.
Access AccessOf(absl::string_view call);

}  // namespace sluice::auth
