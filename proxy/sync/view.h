// What a proxy is told to serve, as plain values: no protobuf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/resource/endpoint_traits.h"
#include "api/resource/key.h"

namespace sluice::sync {

inline constexpr size_t kStoreIdBytes = 16;
inline constexpr size_t kViewHashBytes = 32;

// Names the exact content of one view at one commit (v1::Generation).
struct Generation {
  std::string store_id;  // kStoreIdBytes.
  uint64_t epoch = 0;
  uint64_t number = 0;
  std::string view_hash;  // kViewHashBytes.

  // Whether it comes before `other` in the life of one store.
  bool IsBefore(const Generation& other) const {
    return epoch != other.epoch ? epoch < other.epoch : number < other.number;
  }

  friend bool operator==(const Generation&, const Generation&) = default;
};

// "generation 42", with the epoch where it is not the first: for people.
std::string ToString(const Generation& generation);

// An endpoint that an orchestrator registered.
struct RegisteredEndpoint {
  std::string upstream;
  std::string owner;
  std::string address;
  resource::EndpointTraits traits;
};

// The keys of the session tickets of a listener (v1::TicketKeys).
struct TicketKeys {
  static constexpr size_t kKeyBytes = 48;
  static constexpr size_t kMaxKeys = 32;
  // Whether `keys` can be keys at all.
  static bool IsValid(absl::string_view keys) {
    return !keys.empty() && keys.size() % kKeyBytes == 0 && keys.size() <= kMaxKeys * kKeyBytes;
  }

  std::string listener;
  std::string keys;
};

// The step from the view that is applied to another: what differs, nothing else, in the order of
// object keys. At the first one everything differs.
struct ViewChange {
  struct Upsert {
    resource::Key key;
    std::string bytes;   // A serialised v1::Resource.
    std::string digest;  // resource::Digest(key, bytes)
  };

  Generation generation;
  uint32_t schema = 0;  // The lowest that can read the view.
  absl::Time committed_at;
  std::vector<Upsert> upserts;
  std::vector<resource::Key> removals;
  std::vector<RegisteredEndpoint> endpoint_upserts;
  std::vector<RegisteredEndpoint> endpoint_removals;  // Without traits.
  std::vector<TicketKeys> ticket_upserts;
  std::vector<TicketKeys> ticket_removals;  // Without keys.

  // Nothing but the number changes.
  bool is_empty() const {
    return upserts.empty() && removals.empty() && endpoint_upserts.empty() &&
           endpoint_removals.empty() && ticket_upserts.empty() && ticket_removals.empty();
  }
};

// Object keys (api/resource/digest.h) name all kinds of objects in one space.
std::string ObjectKeyOf(const RegisteredEndpoint& endpoint);
std::string DigestOf(const RegisteredEndpoint& endpoint);
std::string ObjectKeyOf(const TicketKeys& tickets);
std::string DigestOf(const TicketKeys& tickets);

// What an object key names: a resource, an endpoint (without traits) or ticket keys (without
// them). Nothing if it is no object key of this build.
struct ObjectName {
  std::optional<resource::Key> resource;
  std::optional<RegisteredEndpoint> endpoint;
  std::optional<TicketKeys> tickets;
};
std::optional<ObjectName> ParseObjectKey(absl::string_view object_key);

}  // namespace sluice::sync
