// Messages of the services as JSON: flat and snake_case, as resources are.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace sluice::resource {

// The message in the shape of the configuration: enumerations in lower case, durations as "15s",
// times as RFC 3339, bytes as hexadecimal digits, resources flat, a ResourceKey as `kind` and
// `name` beside the other fields. Numbers, texts and lists are always there, messages only if set.
std::string MessageToJson(const google::protobuf::Message& message);

}  // namespace sluice::resource
