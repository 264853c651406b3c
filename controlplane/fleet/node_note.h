// What the store keeps of a proxy, so that a control plane that starts knows who belongs to the
// fleet and what each has rejected.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controlplane/fleet/node.h"

namespace sluice::fleet {

// Length-delimited messages: the Timestamp since when it is gone (0: it is connected), its
// ProxyStatus, its Hello, and Statuses: one REJECTED for each content that it refused, then the
// last that it said.
std::string EncodeNote(const Node& node, absl::Time now);

// The node as it was, gone: if it was connected when the note was written, since `now`. Unset: the
// bytes are no note of this build.
std::optional<Node> DecodeNote(absl::string_view bytes, absl::Time now);

}  // namespace sluice::fleet
