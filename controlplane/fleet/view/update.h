// Updates as they are sent: encoded once, shared by every proxy that takes the same step.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/fleet/view/generation.h"
#include "controlplane/fleet/view/view.h"

namespace sluice::fleet {

// Most bytes of entries in one message.
inline constexpr size_t kPartBytes = 256 * 1024;

// The UpdateEntry messages of a delta, as one stream that is cut into parts.
struct Entries {
  std::vector<grpc::Slice> parts;  // None: nothing differs.
  size_t bytes = 0;
};

// Stored bytes of resources go in as they are.
std::shared_ptr<const Entries> EncodeEntries(const ViewDelta& delta);

// One step of one view.
struct Step {
  std::optional<Generation> from;  // Unset: from nothing.
  Generation to;
  uint32_t schema = 1;      // The lowest that can read the view.
  absl::Time committed_at;  // absl::UnixEpoch(): not known.
};

struct Update {
  Step step;
  std::shared_ptr<const Entries> entries;  // Which the messages share.
  std::vector<grpc::ByteBuffer> messages;  // Serialised ControlMessages, at least one.
  size_t bytes = 0;                        // Of all messages.
};

// Copies no entries.
std::shared_ptr<const Update> MakeUpdate(Step step, std::shared_ptr<const Entries> entries);

}  // namespace sluice::fleet
