// The records of a journal. docs/decisions/journal.md explains them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

inline constexpr absl::string_view kJournalMagic = "SLUICEJ1";

enum class RecordType : uint8_t {
  kBegin = 1,     // A step to a generation. Payload: StepHead, a byte that is 1 for "from nothing".
  kUpsert = 2,    // Payload: digest (32), length of the object key (2), object key, content.
  kRemove = 3,    // Payload: object key.
  kCommit = 4,    // The step is whole. Payload: number of upserts and removals (4).
  kRenumber = 5,  // Another generation has the same content. Payload: StepHead.
};

// The generation that a step leads to. 76 bytes: store id (16), epoch (8), number (8), view hash
// (32), schema (4), time of the commit in nanoseconds since 1970 (8).
struct StepHead {
  Generation generation;
  uint32_t schema = 0;
  absl::Time committed_at;
};

std::string EncodeHead(const StepHead& head);
// Takes a head off the front; nothing if there is none.
std::optional<StepHead> TakeHead(absl::string_view& payload);

struct UpsertPayload {
  absl::string_view digest;
  absl::string_view object_key;
  absl::string_view content;
};
std::optional<UpsertPayload> ReadUpsert(absl::string_view payload);

// Content of ticket keys: the keys as they came. Of a registered endpoint: its weight (4), then
// what resource::EncodeTraits() gives.
std::string EncodeEndpoint(const resource::EndpointTraits& traits);
// Nothing if it is no such content.
std::optional<resource::EndpointTraits> DecodeEndpoint(absl::string_view content);

}  // namespace sluice::sync
