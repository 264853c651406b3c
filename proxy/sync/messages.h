// The messages of ConfigStream (api/sluice/v1/config_stream.proto) as plain values, and their
// encoding: protobuf stays in messages.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/resource/problem.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

// --- From the proxy.

// Who it is. What it holds comes beside it.
struct Identity {
  std::string node;
  std::vector<std::string> groups;
  std::string build;
  uint32_t schema = 0;
  std::vector<std::string> plugins;
  uint64_t started_at_ns = 0;  // Of the process, wall time.
  uint64_t instance = 0;       // Random.
};

struct PhaseReport {
  enum class Phase { kReceived, kActive, kRejected, kDegraded };

  Generation generation;
  Phase phase = Phase::kReceived;
  std::vector<resource::Problem> problems;
  absl::Duration took;  // Since the last byte of the update.
};

// How the proxy does.
struct Figures {
  uint64_t requests = 0;   // Since the process started.
  uint64_t errors = 0;     // Responses of 500 or above among them.
  double latency_p50 = 0;  // Over the last interval, in seconds.
  double latency_p99 = 0;
  uint64_t memory_bytes = 0;
  uint64_t connections = 0;
  std::vector<resource::Problem> problems;  // Local faults that last.
  uint64_t unhealthy_endpoints = 0;
  std::vector<resource::Problem> unhealthy;  // Some of them.
};

struct AnswerPart {
  uint64_t id = 0;
  uint32_t status = 0;
  std::string content_type;
  absl::string_view body;
  bool is_last = false;
};

std::string EncodeHello(const Identity& identity, const std::optional<Generation>& active,
                        const std::optional<Generation>& persisted);
std::string EncodeStatus(const PhaseReport& report);
std::string EncodeResync(absl::string_view reason);
std::string EncodeReport(const Figures& figures, const std::optional<Generation>& active,
                         const std::optional<Generation>& persisted);
std::string EncodeAnswer(const AnswerPart& part);

// --- From the control plane.

struct Welcome {
  absl::Duration report_interval;  // Within 1 s and 60 s, whatever was said.
  Generation target;
};

struct UpdatePart {
  std::optional<Generation> from;  // Unset: from nothing.
  std::optional<Generation> to;    // Set in the first part.
  std::string entries;
  bool is_last = false;
  uint32_t schema = 0;
  absl::Time committed_at = absl::InfinitePast();  // Infinite: not said.
  int64_t received_at_ns = 0;                      // Loop time; set by who received it.

  // What it takes while it waits.
  size_t bytes() const { return entries.size() + 256; }
};

struct Query {
  uint64_t id = 0;
  std::string path;
};

struct Backoff {
  absl::Duration retry_after;  // At most 10 minutes, whatever was said.
  std::string reason;
};

// Empty: a message of a later version, to be ignored.
using ControlMessage = std::variant<std::monostate, Welcome, UpdatePart, Query, Backoff>;

// INVALID_ARGUMENT if it is no ControlMessage, or lacks what it must have.
absl::StatusOr<ControlMessage> DecodeControlMessage(absl::string_view bytes);

}  // namespace sluice::sync
