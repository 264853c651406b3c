#include "controlplane/auth/caller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/auth/access.h"

namespace sluice::auth {
namespace {

using Role = Identity::Role;

constexpr absl::string_view kScheme = "sluice://";

}  // namespace

Caller Caller::Anybody() {
  Caller caller;
  caller.is_anybody_ = true;
  return caller;
}

Caller Caller::Unknown(absl::string_view why) {
  Caller caller;
  caller.unknown_ = std::string(why);
  return caller;
}

Caller Caller::WithUris(absl::Span<const std::string> uris) {
  Caller caller;
  std::vector<std::string> shown;
  for (const std::string& uri : uris) {
    if (!absl::StartsWith(uri, kScheme)) continue;
    shown.push_back(uri);
    absl::StatusOr<Identity> identity = ParseIdentity(uri);
    if (identity.ok()) caller.identities_.push_back(*std::move(identity));
  }
  caller.shown_ = absl::StrJoin(shown, ", ");
  return caller;
}

bool Caller::Is(Role role) const {
  return std::any_of(identities_.begin(), identities_.end(),
                     [role](const Identity& identity) { return identity.role == role; });
}

bool Caller::Owns(absl::string_view upstream) const {
  return std::any_of(identities_.begin(), identities_.end(), [&](const Identity& identity) {
    return identity.role == Role::kEndpoints && identity.name == upstream;
  });
}

absl::Status Caller::Refuse(absl::string_view wish, absl::string_view wanted) const {
  if (!unknown_.empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat(wish, ": ", unknown_, "; it takes a certificate with the URI ", wanted));
  }
  return absl::PermissionDeniedError(absl::StrCat(
      wish, ": the certificate ",
      shown_.empty() ? std::string("has no URI sluice://...") : absl::StrCat("is of ", shown_),
      "; it takes one with the URI ", wanted));
}

absl::Status Caller::CheckCall(absl::string_view call) const {
  if (is_anybody_ || Is(Role::kAdmin)) return absl::OkStatus();
  bool is_allowed = false;
  absl::string_view wanted = "sluice://admin/NAME";
  switch (AccessOf(call)) {
    case Access::kOpen:
      is_allowed = true;
      break;
    case Access::kAnyone:
      is_allowed = !identities_.empty();
      wanted = "sluice://viewer/NAME, or another of Sluice";
      break;
    case Access::kRead:
    case Access::kTry:
      is_allowed = Is(Role::kViewer);
      wanted = "sluice://viewer/NAME or sluice://admin/NAME";
      break;
    case Access::kChange:
      break;
    case Access::kSync:
      is_allowed = Is(Role::kProxy);
      wanted = "sluice://proxy/GROUPS/NODE";
      break;
    case Access::kRegister:
      is_allowed = Is(Role::kEndpoints);
      wanted = "sluice://endpoints/UPSTREAM or sluice://admin/NAME";
      break;
    case Access::kReadEndpoints:
      is_allowed = Is(Role::kViewer) || Is(Role::kEndpoints);
      wanted = "sluice://viewer/NAME, sluice://endpoints/UPSTREAM or sluice://admin/NAME";
      break;
  }
  return is_allowed ? absl::OkStatus() : Refuse(call, wanted);
}

absl::Status Caller::CheckChange(bool is_dry_run) const {
  if (is_anybody_ || Is(Role::kAdmin)) return absl::OkStatus();
  if (is_dry_run && Is(Role::kViewer)) return absl::OkStatus();
  return Refuse(is_dry_run ? "a dry run" : "a change", "sluice://admin/NAME");
}

absl::Status Caller::CheckProxy(absl::string_view node,
                                absl::Span<const std::string> groups) const {
  if (is_anybody_ || Is(Role::kAdmin)) return absl::OkStatus();
  for (const Identity& identity : identities_) {
    if (identity.role != Role::kProxy || identity.name != node) continue;
    const bool has_all = std::all_of(groups.begin(), groups.end(), [&](const std::string& group) {
      return std::find(identity.groups.begin(), identity.groups.end(), group) !=
             identity.groups.end();
    });
    if (has_all) return absl::OkStatus();
  }
  const std::string listed = groups.empty() ? "-" : absl::StrJoin(groups, ",");
  return Refuse(absl::StrCat("proxy \"", node, "\" in the groups ", listed),
                absl::StrCat("sluice://proxy/", listed, "/", node));
}

absl::Status Caller::CheckUpstream(absl::string_view upstream) const {
  if (is_anybody_ || Is(Role::kAdmin) || Owns(upstream)) return absl::OkStatus();
  return Refuse(absl::StrCat("endpoints of the upstream \"", upstream, "\""),
                absl::StrCat("sluice://endpoints/", upstream));
}

absl::Status Caller::CheckUpstreamReadable(absl::string_view upstream) const {
  if (Is(Role::kViewer)) return absl::OkStatus();
  if (!upstream.empty() || is_anybody_ || Is(Role::kAdmin)) return CheckUpstream(upstream);
  return Refuse("endpoints of all upstreams", "sluice://viewer/NAME or sluice://admin/NAME");
}

std::string Caller::name() const {
  const auto admin =
      std::find_if(identities_.begin(), identities_.end(),
                   [](const Identity& identity) { return identity.role == Role::kAdmin; });
  if (admin != identities_.end()) return admin->name;
  return identities_.empty() ? "" : identities_.front().name;
}

}  // namespace sluice::auth
