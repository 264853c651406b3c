// What is known of one proxy: who it said it is, and what it reported.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/fleet/progress.h"
#include "controlplane/fleet/view/generation.h"
#include "sluice/v1/config_stream.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::fleet {

// One process of a proxy. Of two with one node name the one that started later wins.
struct Instance {
  uint64_t started_at_ns = 0;
  uint64_t random = 0;

  bool operator==(const Instance&) const = default;
  bool IsAfter(const Instance& other) const {
    return std::tie(started_at_ns, random) > std::tie(other.started_at_ns, other.random);
  }
};

// What Hello says that does not change while the stream lasts.
struct Identity {
  std::string node;
  std::vector<std::string> groups;  // Sorted, each once.
  std::string build;
  uint32_t schema = 0;
  std::vector<std::string> plugins;  // Sorted.
  Instance instance;
  std::string address;  // Of the peer.
};

// INVALID_ARGUMENT: something is missing or out of range; names the field.
absl::Status CheckHello(const v1::Hello& hello);

Identity IdentityOf(const v1::Hello& hello, std::string address);

// Unset if the message is.
std::optional<Generation> FromOptional(bool is_set, const v1::Generation& generation);

// By its node name, for as long as it is connected and a day more.
struct Node {
  Identity identity;
  absl::Time connected_at;
  absl::Time heard_at;
  std::optional<absl::Time> gone_at;  // Unset: connected.
  std::optional<absl::Time> behind_since;

  // As it reported.
  std::optional<Generation> active;
  std::optional<Generation> persisted;
  v1::Status last_status;    // Without a phase: none yet.
  bool is_degraded = false;  // What it serves, by its last ACTIVE or DEGRADED.
  v1::Report report;
  std::string resync_reason;  // Of the last Resync that was not followed by an update yet.

  Rejections rejections;  // Of this instance.

  // What is to be shown of it; kept by the fleet.
  v1::ProxyStatus::State state = v1::ProxyStatus::PENDING;
  Generation target;
  std::vector<std::string> missing_plugins;  // Why it is HELD; empty: its schema.
  uint32_t needed_schema = 0;
};

// As shown at `now`.
v1::ProxyStatus ToProto(const Node& node, absl::Time now);

// A process that was refused because a later one of its name is connected.
struct Duplicate {
  Identity identity;
  absl::Time seen_at;
};

v1::ProxyStatus ToProto(const Duplicate& duplicate);

// Whether a proxy of `groups` is asked for by `wanted` (none: every proxy).
bool IsInGroups(const std::vector<std::string>& groups, const std::vector<std::string>& wanted);

// As protobuf has them.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
google::protobuf::Duration ToProtoDuration(absl::Duration duration);

}  // namespace sluice::fleet
