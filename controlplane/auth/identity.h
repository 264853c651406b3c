// Who a certificate says that its holder is: URIs among its subject alternative names.
//
//   sluice://proxy/GROUPS/NODE      a proxy of that name in these groups: "edge,eu", "-" for none
//   sluice://endpoints/UPSTREAM     who runs the servers of an upstream
//   sluice://viewer/NAME            who reads
//   sluice://admin/NAME             who changes
//
// A name is [A-Za-z0-9._-]+, as it stands: nothing is escaped. A certificate may have several of
// them and is all of these; names and URIs of other kinds mean nothing here.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::auth {

struct Identity {
  enum class Role { kProxy, kEndpoints, kViewer, kAdmin };

  Role role;
  std::string name;                 // The node, the upstream, the name.
  std::vector<std::string> groups;  // Of a proxy.
};

// INVALID_ARGUMENT if `uri`, which begins with "sluice://", is none of the above.
absl::StatusOr<Identity> ParseIdentity(absl::string_view uri);

}  // namespace sluice::auth
