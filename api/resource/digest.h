// Digests: what identifies the content of a resource or of a registered endpoint.
//
// A digest is 32 raw bytes in a std::string. It covers the key too, so that equal content under two
// names has two digests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "api/resource/endpoint_traits.h"
#include "api/resource/key.h"

namespace sluice::resource {

inline constexpr size_t kDigestBytes = 32;

// The bytes as which `resource` is stored and sent: equal messages give equal bytes in one build.
// Only the control plane calls it, once a resource: nobody serialises again to compare.
std::string Serialise(const v1::Resource& resource);

// SHA-256 of the key's bytes (below), a zero byte and `bytes`.
std::string Digest(const Key& key, absl::string_view bytes);

// SHA-256 of the object key of the endpoint (below), a zero byte and the weight in decimal; where
// EncodeTraits() gives bytes, also of another zero byte and those.
std::string EndpointDigest(absl::string_view upstream, absl::string_view owner,
                           absl::string_view address, const EndpointTraits& traits);

// SHA-256 of the object key (below), a zero byte and the keys.
std::string TicketKeysDigest(absl::string_view listener, absl::string_view keys);

// The keys under which a ViewHash holds objects: parts joined by zero bytes, which no part contains
// (validation sees to it).
//   resource  KIND \0 NAMESPACE \0 NAME
//   endpoint  "endpoint" \0 UPSTREAM \0 OWNER \0 ADDRESS
//   ticket keys  "ticket_keys" \0 LISTENER
// No kind is called "endpoint" or "ticket_keys".
std::string ObjectKey(const Key& key);
std::string EndpointObjectKey(absl::string_view upstream, absl::string_view owner,
                              absl::string_view address);
std::string TicketKeysObjectKey(absl::string_view listener);

std::string Sha256(absl::string_view bytes);

// Lower-case hexadecimal digits.
std::string ToHex(absl::string_view bytes);

// Digits of either case; nothing if there is another character or an odd number of them.
std::optional<std::string> FromHex(absl::string_view text);

}  // namespace sluice::resource
