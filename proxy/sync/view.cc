#include "proxy/sync/view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/digest.h"

namespace sluice::sync {

std::string ToString(const Generation& generation) {
  if (generation.epoch <= 1) return absl::StrCat("generation ", generation.number);
  return absl::StrCat("generation ", generation.number, " of epoch ", generation.epoch);
}

std::string ObjectKeyOf(const RegisteredEndpoint& endpoint) {
  return resource::EndpointObjectKey(endpoint.upstream, endpoint.owner, endpoint.address);
}

std::string DigestOf(const RegisteredEndpoint& endpoint) {
  return resource::EndpointDigest(endpoint.upstream, endpoint.owner, endpoint.address,
                                  endpoint.traits);
}

std::string ObjectKeyOf(const TicketKeys& tickets) {
  return resource::TicketKeysObjectKey(tickets.listener);
}

std::string DigestOf(const TicketKeys& tickets) {
  return resource::TicketKeysDigest(tickets.listener, tickets.keys);
}

std::optional<ObjectName> ParseObjectKey(absl::string_view object_key) {
  const std::vector<std::string> parts = absl::StrSplit(object_key, '\0');
  ObjectName name;
  if (parts.size() == 4 && parts[0] == "endpoint") {
    name.endpoint = RegisteredEndpoint{parts[1], parts[2], parts[3]};
    return name;
  }
  if (parts.size() == 2 && parts[0] == "ticket_keys") {
    name.tickets = TicketKeys{parts[1], ""};
    return name;
  }
  if (parts.size() != 3) return std::nullopt;
  const resource::Kind kind = resource::KindOfName(parts[0]);
  if (kind == resource::Kind::kNone) return std::nullopt;
  name.resource = resource::Key{kind, parts[1], parts[2]};
  return name;
}

}  // namespace sluice::sync
