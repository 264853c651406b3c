// Updates as a control plane would send them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/sync/messages.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

// The entries of an update: a stream of length-delimited UpdateEntry messages.
std::string EncodeEntries(const ViewChange& change);

// The update from `from` (nothing: from an empty view) that `change` describes, in parts of at most
// `part_bytes` of entries.
std::vector<UpdatePart> MakeUpdate(const std::optional<Generation>& from, const ViewChange& change,
                                   size_t part_bytes = 256 * 1024);

// The same as serialised ControlMessages.
std::vector<std::string> EncodeUpdate(const std::vector<UpdatePart>& parts);
std::string EncodeWelcome(const Generation& target);
std::string EncodeQuery(uint64_t id, const std::string& path);
std::string EncodeBackoff(absl::Duration retry_after);

}  // namespace sluice::sync
