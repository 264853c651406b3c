// What is said of a registered endpoint beside where it is, as plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::resource {

// As v1::Endpoint has them, with its defaults.
struct EndpointTraits {
  uint32_t weight = 1;
  uint32_t priority = 0;
  std::string zone;
  std::map<std::string, std::string> labels;

  friend bool operator==(const EndpointTraits&, const EndpointTraits&) = default;
};

// All but the weight, in bytes that are part of the contract between builds: digests, the journals
// of proxies and the store of the control plane have them. Empty if all have their defaults; else
// the priority in decimal, the zone, and name and value of each label in the order of names, each
// ended by a zero byte, which none of them contains.
std::string EncodeTraits(const EndpointTraits& traits);

// Into `traits`, whose weight stays. False if no EncodeTraits() gives these bytes.
bool DecodeTraits(absl::string_view bytes, EndpointTraits& traits);

// The lowest schema that can read them.
inline uint32_t SchemaOf(const EndpointTraits& traits) {
  return EncodeTraits(traits).empty() ? 1 : 2;
}

// Of a message that has the fields of v1::Endpoint.
template <typename Message>
EndpointTraits TraitsOf(const Message& message) {
  return {message.has_weight() ? message.weight() : 1,
          message.priority(),
          message.zone(),
          {message.labels().begin(), message.labels().end()}};
}

template <typename Message>
void SetTraits(const EndpointTraits& traits, Message& message) {
  message.set_weight(traits.weight);
  message.set_priority(traits.priority);
  message.set_zone(traits.zone);
  message.mutable_labels()->clear();
  message.mutable_labels()->insert(traits.labels.begin(), traits.labels.end());
}

}  // namespace sluice::resource
