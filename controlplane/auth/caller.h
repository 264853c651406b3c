// Who calls, and what they may do: the one gate of every call.
//
//   RETURN_IF_ERROR(caller.CheckCall("/sluice.v1.Admin/Apply"));   before the handler
//   RETURN_IF_ERROR(caller.CheckChange(options.dry_run()));        in it, once the request is known
//
// Errors: PERMISSION_DENIED says who calls and which certificate it would take; UNAUTHENTICATED
//   that none was shown.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "controlplane/auth/identity.h"

namespace sluice::auth {

// Immutable; cheap to copy next to any call.
class Caller {
 public:
  // The server asks nobody for a certificate: whoever reaches it may do everything.
  static Caller Anybody();
  // No certificate was shown, or one that is not good, where one is asked for; `why` is for them.
  static Caller Unknown(absl::string_view why);
  // The holder of a certificate that was found good, with these URIs.
  static Caller WithUris(absl::Span<const std::string> uris);

  // Whether they may call it at all; see access.h.
  absl::Status CheckCall(absl::string_view call) const;
  // Whether they may change configuration; with `is_dry_run` whether they may try it out.
  absl::Status CheckChange(bool is_dry_run) const;
  // Whether they may be the proxy `node` in `groups`.
  absl::Status CheckProxy(absl::string_view node, absl::Span<const std::string> groups) const;
  // Whether endpoints of `upstream` are theirs.
  absl::Status CheckUpstream(absl::string_view upstream) const;
  // Whether they may see those of `upstream`, "" for all of them.
  absl::Status CheckUpstreamReadable(absl::string_view upstream) const;

  // For the history: the name of an administrator, else of the first identity; "" for anybody.
  std::string name() const;

 private:
  Caller() = default;

  bool Is(Identity::Role role) const;
  bool Owns(absl::string_view upstream) const;
  absl::Status Refuse(absl::string_view wish, absl::string_view wanted) const;

  bool is_anybody_ = false;
  std::string unknown_;  // Why nothing is known; empty if something is.
  std::vector<Identity> identities_;
  std::string shown_;  // The URIs, for messages.
};

}  // namespace sluice::auth
